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
}
