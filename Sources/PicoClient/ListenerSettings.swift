package import PicoCore

/// What a ``Listener`` needs to know besides the way to its server. Nothing here changes once it runs.
package struct ListenerSettings: Sendable {
  /// What the other end of the tunnel speaks.
  package enum Dialect: Sendable, Equatable {
    /// `pico.v1`, and what a server answers that does not know it.
    case pico
    /// A Piko server: its path, and no subprotocol.
    case piko
  }

  /// For log lines.
  package var server: BaseURL
  package var endpoint: EndpointID
  package var dialect = Dialect.pico
  /// Tunnels to keep open.
  package var connections = 1
  package var weight = 1
  package var agentID: AgentID
  package var metadata: [String: String] = [:]
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
}
