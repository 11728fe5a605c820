/// How one end of a tunnel behaves. Times are nanoseconds.
package struct TunnelSettings: Sendable {
  package var session: SessionSettings
  /// The agent masks what it sends and the node does not (RFC 6455 section 5.1).
  package var masksOutbound: Bool
  package var pingInterval: UInt64 = 5_000_000_000
  package var pingTimeout: UInt64 = 10_000_000_000

  package init(role: SessionSettings.Role, isPico: Bool) {
    session = SessionSettings(role: role, isPico: isPico)
    masksOutbound = role == .client
  }

  /// Of a link between two nodes: looked at more often than a tunnel, so that a node that is silent is soon left out. What is under way on it
  /// has longer, as a node that stood still for a moment goes on with it.
  package static func link(_ role: SessionSettings.Role) -> TunnelSettings {
    var settings = TunnelSettings(role: role, isPico: true)
    settings.session.isLink = true
    settings.session.maximumStreams = 1 << 16
    settings.session.maximumBuffered = 256 << 20
    settings.pingInterval = 250_000_000
    settings.pingTimeout = 5_000_000_000
    return settings
  }
}
