package import PicoCore

/// One `pico server` process.
package struct NodeRow: Codable, Equatable, Sendable {
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

  package init(
    id: String, address: String, version: String, state: NodeState, startedAt: Timestamp, listeners: Int = 0, endpoints: Int = 0,
    requestRate: Double = 0, inFlight: Int = 0, cpu: Double = 0, rssBytes: UInt64 = 0, connected: Bool = true
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
  }

  package enum CodingKeys: String, CodingKey {
    case id, address, version, state
    case startedAt = "started_at"
    case listeners, endpoints
    case requestRate = "request_rate"
    case inFlight = "in_flight"
    case cpu
    case rssBytes = "rss_bytes"
    case connected
  }
}
