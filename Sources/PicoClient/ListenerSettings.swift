package import PicoCore
package import PicoTransport

/// What a ``Listener`` needs to know. Nothing here changes once it runs, but what the token file holds.
package struct ListenerSettings: Sendable {
  /// What the other end of the tunnel speaks.
  package enum Dialect: Sendable, Equatable {
    /// `pico.v1`, and what a server answers that does not know it.
    case pico
    /// A Piko server: its path, and no subprotocol.
    case piko
  }

  package var server: BaseURL
  package var endpoint: EndpointID
  package var dialect = Dialect.pico
  /// Tunnels to keep open.
  package var connections = 1
  package var weight = 1
  package var agentID: AgentID
  package var metadata: [String: String] = [:]
  /// Read again before each attempt.
  package var tokenFile: String?
  /// Whether the token may go in the clear to a host that is not loopback.
  package var allowsPlaintextToken = false
  /// A PEM file of authorities; nil is the system's.
  package var caFile: String?
  package var credentials: TLSContext.Credentials?
  /// The name that the server's certificate must have; nil is the host.
  package var serverName: String?
  /// For log lines: what is behind the listener.
  package var upstreamName = ""

  package init(server: BaseURL, endpoint: EndpointID, agentID: AgentID = .random()) {
    self.server = server
    self.endpoint = endpoint
    self.agentID = agentID
  }

  var path: String {
    switch dialect {
    case .pico: "/pico/v1/listener/\(endpoint)"
    case .piko: "/piko/v1/upstream/\(endpoint)"
    }
  }

  var access: ServerAccess {
    var access = ServerAccess(server: server)
    access.tokenFile = tokenFile
    access.allowsPlaintextToken = allowsPlaintextToken
    access.caFile = caFile
    access.credentials = credentials
    access.serverName = serverName
    return access
  }
}
