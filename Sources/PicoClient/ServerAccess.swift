package import PicoCore
package import PicoTransport

/// Where a server is and how one gets in.
package struct ServerAccess: Sendable {
  package var server: BaseURL
  /// Read again before each attempt.
  package var tokenFile: String?
  /// Whether the token may go in the clear to a host that is not loopback.
  package var allowsPlaintextToken = false
  /// A PEM file of authorities; nil is the system's.
  package var caFile: String?
  /// The name that the server's certificate must have; nil is the host.
  package var serverName: String?
  /// What a server that asks for a certificate is shown.
  package var credentials: TLSContext.Credentials?

  package init(server: BaseURL) { self.server = server }

  var maySendToken: Bool { server.isTLS || server.address.isLoopback || allowsPlaintextToken }
}
