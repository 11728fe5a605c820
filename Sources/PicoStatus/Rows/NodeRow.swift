package import PicoCore

/// One `pico server` process.
package struct NodeRow: Equatable, Sendable {
  /// New at each boot.
  package var id: String
  /// Where its proxy port listens, `HOST:PORT`.
  package var address: String
  package var version: String
  package var state: NodeState
  package var startedAt: Timestamp
  package var listeners: Int
  package var endpoints: Int
  /// Requests per second.
  package var requestRate: Double
  package var inFlight: Int
  /// Cores in use over the last second: 1.0 is one whole core.
  package var cpu: Double
  package var rssBytes: UInt64
  /// Whether the node that answers can reach this one; true of itself.
  package var connected: Bool
  /// When the row was last heard from its node, where that is not now: the node cannot be reached.
  package var asOf: Timestamp?

  package init(
    id: String, address: String, version: String, state: NodeState, startedAt: Timestamp, listeners: Int = 0, endpoints: Int = 0,
    requestRate: Double = 0, inFlight: Int = 0, cpu: Double = 0, rssBytes: UInt64 = 0, connected: Bool = true, asOf: Timestamp? = nil
  ) {
    self.id = id
    self.address = address
    self.version = version
    self.state = state
    self.startedAt = startedAt
    self.listeners = listeners
    self.endpoints = endpoints
    self.requestRate = requestRate
    self.inFlight = inFlight
    self.cpu = cpu
    self.rssBytes = rssBytes
    self.connected = connected
    self.asOf = asOf
  }
}

extension NodeRow: StatusRow {
  package init(blank id: String) { self.init(id: id, address: "", version: "", state: .active, startedAt: Timestamp(seconds: 0)) }

  package static let members: [StatusMember<NodeRow>] = [
    .init("address", \.address),
    .init("version", \.version),
    .init("state", \.state),
    .init("started_at", \.startedAt),
    .init("listeners", \.listeners),
    .init("endpoints", \.endpoints),
    .init(rate: "request_rate", \.requestRate),
    .init("in_flight", \.inFlight),
    .init(rate: "cpu", \.cpu),
    .init("rss_bytes", \.rssBytes, differs: UInt64.differsNoticeably),
    .init("connected", \.connected),
    .init(optional: "as_of", \.asOf),
  ]
}
