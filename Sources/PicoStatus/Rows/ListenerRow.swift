package import PicoCore

/// One registration for one endpoint: one tunnel from an agent or an SDK program.
package struct ListenerRow: Equatable, Sendable {
  /// Unique in the cluster.
  package var id: String
  package var endpoint: String
  /// Empty for the default tenant.
  package var tenant: String
  /// The ID of the node that holds the tunnel.
  package var node: String
  /// The ID that the agent gave itself; nil when it gave none.
  package var agent: String?
  /// The version that the agent gave; nil when it gave none.
  package var version: String?
  /// `HOST:PORT` of the agent's end of the tunnel.
  package var remoteAddress: String
  /// The verified identity of the agent; nil without one.
  package var identity: String?
  package var connectedAt: Timestamp
  package var state: ListenerState
  /// The last ping's round trip in milliseconds; nil before the first.
  package var roundTrip: Double?
  package var inFlight: Int
  package var requestsTotal: UInt64
  /// Requests per second.
  package var requestRate: Double
  /// Requests per second that ended in a 5xx or were cut short.
  package var errorRate: Double
  package var latency: LatencySummary
  /// Request body bytes per second.
  package var bytesInRate: Double
  /// Response body bytes per second.
  package var bytesOutRate: Double
  /// When the row was last heard from its node, where that cannot be reached.
  package var asOf: Timestamp?

  package init(
    id: String, endpoint: String, tenant: String = "", node: String, agent: String? = nil, version: String? = nil, remoteAddress: String,
    identity: String? = nil, connectedAt: Timestamp, state: ListenerState = .active, roundTrip: Double? = nil, inFlight: Int = 0,
    requestsTotal: UInt64 = 0, requestRate: Double = 0, errorRate: Double = 0, latency: LatencySummary = LatencySummary(),
    bytesInRate: Double = 0, bytesOutRate: Double = 0, asOf: Timestamp? = nil
  ) {
    self.id = id
    self.endpoint = endpoint
    self.tenant = tenant
    self.node = node
    self.agent = agent
    self.version = version
    self.remoteAddress = remoteAddress
    self.identity = identity
    self.connectedAt = connectedAt
    self.state = state
    self.roundTrip = roundTrip
    self.inFlight = inFlight
    self.requestsTotal = requestsTotal
    self.requestRate = requestRate
    self.errorRate = errorRate
    self.latency = latency
    self.bytesInRate = bytesInRate
    self.bytesOutRate = bytesOutRate
    self.asOf = asOf
  }
}

extension ListenerRow: StatusRow {
  package init(blank id: String) { self.init(id: id, endpoint: "", node: "", remoteAddress: "", connectedAt: Timestamp(seconds: 0)) }

  package static let members: [StatusMember<ListenerRow>] = [
    .init("endpoint", \.endpoint),
    .init("tenant", \.tenant, isAbsent: \.isEmpty),
    .init("node", \.node),
    .init(optional: "agent", \.agent),
    .init(optional: "version", \.version),
    .init("remote_address", \.remoteAddress),
    .init(optional: "identity", \.identity),
    .init("connected_at", \.connectedAt),
    .init("state", \.state),
    .init(optional: "rtt_ms", \.roundTrip, differs: Double?.differsNoticeably),
    .init("in_flight", \.inFlight),
    .init("requests_total", \.requestsTotal),
    .init(rate: "request_rate", \.requestRate),
    .init(rate: "error_rate", \.errorRate),
    .init("latency_ms", \.latency, differs: LatencySummary.differsNoticeably),
    .init(rate: "bytes_in_rate", \.bytesInRate),
    .init(rate: "bytes_out_rate", \.bytesOutRate),
    .init(optional: "as_of", \.asOf),
  ]
}
