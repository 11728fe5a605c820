package import PicoCore

/// The sums over all nodes of a snapshot.
package struct TotalsRow: Equatable, Sendable {
  /// What was summed: `cluster`, or the ID of a node.
  package var id: String
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
  /// When the oldest part of it was heard of, where that is of a node that cannot be reached.
  package var asOf: Timestamp?

  package init(
    id: String = "cluster", listeners: Int = 0, endpoints: Int = 0, inFlight: Int = 0, requestsTotal: UInt64 = 0, requestRate: Double = 0,
    errorRate: Double = 0,
    status: StatusClasses = StatusClasses(), latency: LatencySummary = LatencySummary(), latencyBuckets: [LatencyBucket] = [],
    bytesInRate: Double = 0, bytesOutRate: Double = 0, asOf: Timestamp? = nil
  ) {
    self.id = id
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
    self.asOf = asOf
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

extension TotalsRow: StatusRow {
  package init(blank id: String) { self.init(id: id, listeners: 0) }

  package static let members: [StatusMember<TotalsRow>] = [
    .init("listeners", \.listeners),
    .init("endpoints", \.endpoints),
    .init("in_flight", \.inFlight),
    .init("requests_total", \.requestsTotal),
    .init(rate: "request_rate", \.requestRate),
    .init(rate: "error_rate", \.errorRate),
    .init("status", \.status),
    .init("latency_ms", \.latency, differs: LatencySummary.differsNoticeably),
    .init("latency_buckets", \.latencyBuckets),
    .init(rate: "bytes_in_rate", \.bytesInRate),
    .init(rate: "bytes_out_rate", \.bytesOutRate),
    .init(optional: "as_of", \.asOf),
  ]
}

extension LatencyBucket: JSONValue {
  package func write(to writer: inout JSONWriter) {
    writer.array { writer in
      writer.integer(index)
      writer.integer(count)
    }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    var numbers: [UInt64] = []
    try reader.array { (reader) throws(JSONError) in numbers.append(try reader.integer()) }
    guard numbers.count == 2, numbers[0] < LatencyBuckets.count else { throw reader.failure("not a bucket of a latency histogram") }
    self.init(index: Int(numbers[0]), count: numbers[1])
  }
}
