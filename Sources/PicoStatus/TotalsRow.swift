/// The sums over all nodes of a snapshot.
package struct TotalsRow: Codable, Equatable, Sendable {
  package var listeners: Int
  package var endpoints: Int
  package var inFlight: Int
  package var requestsTotal: UInt64
  /// Requests per second.
  package var requestRate: Double
  /// Requests per second that ended in a 5xx or were cut short.
  package var errorRate: Double
  package var status: StatusClasses
  package var latency: LatencySummary
  /// The buckets behind `latency`, only those that are not empty: rows of several nodes merge by adding counts of equal indices.
  package var latencyBuckets: [LatencyBucket]
  /// Request body bytes per second.
  package var bytesInRate: Double
  /// Response body bytes per second.
  package var bytesOutRate: Double

  package init(
    listeners: Int = 0, endpoints: Int = 0, inFlight: Int = 0, requestsTotal: UInt64 = 0, requestRate: Double = 0, errorRate: Double = 0,
    status: StatusClasses = StatusClasses(), latency: LatencySummary = LatencySummary(), latencyBuckets: [LatencyBucket] = [],
    bytesInRate: Double = 0, bytesOutRate: Double = 0
  ) {
    self.listeners = listeners
    self.endpoints = endpoints
    self.inFlight = inFlight
    self.requestsTotal = requestsTotal
    self.requestRate = requestRate
    self.errorRate = errorRate
    self.status = status
    self.latency = latency
    self.latencyBuckets = latencyBuckets
    self.bytesInRate = bytesInRate
    self.bytesOutRate = bytesOutRate
  }

  package enum CodingKeys: String, CodingKey {
    case listeners, endpoints
    case inFlight = "in_flight"
    case requestsTotal = "requests_total"
    case requestRate = "request_rate"
    case errorRate = "error_rate"
    case status
    case latency = "latency_ms"
    case latencyBuckets = "latency_buckets"
    case bytesInRate = "bytes_in_rate"
    case bytesOutRate = "bytes_out_rate"
  }
}

/// One bucket of a latency histogram; on the wire the pair `[index, count]`.
package struct LatencyBucket: Equatable, Sendable {
  /// The place in the bucket scheme of `LatencyBuckets`.
  package var index: Int
  package var count: UInt64

  package init(index: Int, count: UInt64) {
    self.index = index
    self.count = count
  }
}

extension LatencyBucket: Codable {
  package init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    index = try container.decode(Int.self)
    count = try container.decode(UInt64.self)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    try container.encode(index)
    try container.encode(count)
  }
}
