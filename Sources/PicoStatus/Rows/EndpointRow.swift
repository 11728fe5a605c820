package import PicoCore

/// One endpoint that has at least one listener, over all its listeners.
package struct EndpointRow: Equatable, Sendable {
  /// The name in lower case.
  package var id: String
  /// Empty for the default tenant.
  package var tenant: String
  package var listeners: Int
  /// On how many nodes its listeners are.
  package var nodes: Int
  package var inFlight: Int
  package var requestsTotal: UInt64
  /// Requests per second.
  package var requestRate: Double
  /// Requests per second that ended in a 5xx or were cut short.
  package var errorRate: Double
  package var status: StatusClasses
  package var latency: LatencySummary
  /// Request body bytes per second, from downstream.
  package var bytesInRate: Double
  /// Response body bytes per second, to downstream.
  package var bytesOutRate: Double
  /// The buckets behind `latency`, between nodes alone, and where another node has the endpoint too: see ``Subscription/isFull``.
  package var latencyBuckets: [LatencyBucket]?
  /// When the oldest part of it was heard of, where that is of a node that cannot be reached.
  package var asOf: Timestamp?

  package init(
    id: String, tenant: String = "", listeners: Int = 0, nodes: Int = 0, inFlight: Int = 0, requestsTotal: UInt64 = 0,
    requestRate: Double = 0, errorRate: Double = 0, status: StatusClasses = StatusClasses(), latency: LatencySummary = LatencySummary(),
    bytesInRate: Double = 0, bytesOutRate: Double = 0, latencyBuckets: [LatencyBucket]? = nil, asOf: Timestamp? = nil
  ) {
    self.id = id
    self.tenant = tenant
    self.listeners = listeners
    self.nodes = nodes
    self.inFlight = inFlight
    self.requestsTotal = requestsTotal
    self.requestRate = requestRate
    self.errorRate = errorRate
    self.status = status
    self.latency = latency
    self.bytesInRate = bytesInRate
    self.bytesOutRate = bytesOutRate
    self.latencyBuckets = latencyBuckets
    self.asOf = asOf
  }
}

extension EndpointRow: StatusRow {
  package var key: String { tenant.isEmpty ? id : "\(tenant)/\(id)" }

  package init(blank id: String) { self.init(id: id, tenant: "") }

  package static let members: [StatusMember<EndpointRow>] = [
    .init("tenant", \.tenant, isAbsent: \.isEmpty, isKey: true),
    .init("listeners", \.listeners),
    .init("nodes", \.nodes),
    .init("in_flight", \.inFlight),
    .init("requests_total", \.requestsTotal),
    .init(rate: "request_rate", \.requestRate),
    .init(rate: "error_rate", \.errorRate),
    .init("status", \.status),
    .init("latency_ms", \.latency, differs: LatencySummary.differsNoticeably),
    .init(rate: "bytes_in_rate", \.bytesInRate),
    .init(rate: "bytes_out_rate", \.bytesOutRate),
    .init(optional: "latency_buckets", \.latencyBuckets),
    .init(optional: "as_of", \.asOf),
  ]
}
