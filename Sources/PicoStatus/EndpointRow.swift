/// One endpoint that has at least one listener, over all its listeners.
package struct EndpointRow: Codable, Equatable, Sendable {
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

  package init(
    id: String, tenant: String = "", listeners: Int = 0, nodes: Int = 0, inFlight: Int = 0, requestsTotal: UInt64 = 0,
    requestRate: Double = 0, errorRate: Double = 0, status: StatusClasses = StatusClasses(), latency: LatencySummary = LatencySummary(),
    bytesInRate: Double = 0, bytesOutRate: Double = 0
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
  }

  package enum CodingKeys: String, CodingKey {
    case id, tenant, listeners, nodes
    case inFlight = "in_flight"
    case requestsTotal = "requests_total"
    case requestRate = "request_rate"
    case errorRate = "error_rate"
    case status
    case latency = "latency_ms"
    case bytesInRate = "bytes_in_rate"
    case bytesOutRate = "bytes_out_rate"
  }
}
