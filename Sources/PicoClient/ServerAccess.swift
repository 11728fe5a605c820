package import PicoCore
package import PicoTransport

/// Where a server is and how one gets in.
package struct ServerAccess: Sendable {
  package var server: BaseURL
  /// What opens the connections to the server; nil is nobody.
  package var proxy: HTTPProxy?
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

  /// The first host on the way that is another machine and sees what is sent in the clear; nil with TLS and where there is none.
  package var plaintextWitness: String? {
    if server.isTLS { return nil }
    if !server.address.isLoopback { return "\(server)" }
    return proxy.flatMap { $0.address.isLoopback ? nil : "the proxy \($0)" }
  }
}
