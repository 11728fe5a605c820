package import PicoCore
package import PicoTracing

/// Everything that `/metrics` shows of the node, counted since it started unless said otherwise.
package struct MetricsReport: Equatable, Sendable {
  package var requests: [RequestCount] = []
  /// From the request head to the response head.
  package var requestDuration = HistogramReport()
  /// Now.
  package var requestsInFlight = 0
  /// Request body bytes that came from downstream.
  package var requestBytes: UInt64 = 0
  /// Response body bytes that went downstream.
  package var responseBytes: UInt64 = 0
  package var retries: UInt64 = 0
  /// Retries that the budget did not allow.
  package var refusedRetries: UInt64 = 0
  /// Errors that Pico itself answered or logged: every code.
  package var errors: [ErrorCount] = []
  /// Refusals with 429: every limit, by its key.
  package var limits: [ErrorCount] = []
  /// Connections that were closed before a byte was read: every port and reason.
  package var refusedConnections: [PortCount] = []
  /// TLS handshakes that came to nothing, of the ports that encrypt: every reason.
  package var handshakeFailures: [PortCount] = []
  /// Now.
  package var listeners = 0
  /// Now.
  package var endpoints = 0
  /// Of the pings that tunnels answered.
  package var tunnelRoundTrip = HistogramReport()
  /// Open now, over all tunnels.
  package var tunnelStreams = 0

  /// Nil on a node that is alone.
  package var cluster: Cluster?
  package var health = Health()
  /// Nil when nothing is traced.
  package var spans: SpanExporter.Counts?

  package init() {}

  /// What a node knows of its cluster.
  package struct Cluster: Equatable, Sendable {
    /// Nodes by state, this one among them.
    package var active = 0
    package var draining = 0
    package var unreachable = 0
    /// Since what is known was last proved to be what the store holds.
    package var storeStaleSeconds = 0.0
    /// Streams that were opened to each other node that is there now.
    package var forwarded: [(node: String, count: UInt64)] = []

    package static func == (left: Cluster, right: Cluster) -> Bool {
      (left.active, left.draining, left.unreachable, left.storeStaleSeconds)
        == (right.active, right.draining, right.unreachable, right.storeStaleSeconds)
        && left.forwarded.elementsEqual(right.forwarded, by: ==)
    }
  }

  /// Requests that ended with one status, of one method.
  package struct RequestCount: Equatable, Sendable {
    /// `nil` unless `metrics.endpoint-label` is on. At most 10,000 different ones, then `other`.
    package var endpoint: String?
    package var status: Int
    /// One of the nine standard names or `other`.
    package var method: String
    package var count: UInt64

    package init(endpoint: String? = nil, status: Int, method: String, count: UInt64) {
      self.endpoint = endpoint
      self.status = status
      self.method = method
      self.count = count
    }
  }

  /// What happened on one port for one reason.
  package struct PortCount: Equatable, Sendable {
    /// `proxy`, `upstream`, `admin` or `cluster`.
    package var port: String
    /// One of a few words: docs/limits.md, docs/tls.md.
    package var reason: String
    package var count: UInt64

    package init(port: String, reason: String, count: UInt64) {
      self.port = port
      self.reason = reason
      self.count = count
    }
  }

  package struct ErrorCount: Equatable, Sendable {
    /// As in `x-pico-error`.
    package var code: String
    package var count: UInt64

    package init(code: String, count: UInt64) {
      self.code = code
      self.count = count
    }
  }
}

/// A histogram in the cumulative form of Prometheus, in seconds.
package struct HistogramReport: Equatable, Sendable {
  /// Upper bounds in seconds, rising, and how many values do not exceed each; the bucket without a bound is `count`.
  package var buckets: [(bound: Double, count: UInt64)]
  package var count: UInt64
  /// In seconds.
  package var sum: Double

  /// Empty, with the default bounds.
  package init() {
    self.init(LatencyHistogram())
  }

  /// Folds a histogram of latencies into buckets up to the bounds; a count is right within a bucket's width of `LatencyBuckets`.
  package init(_ histogram: LatencyHistogram, bounds: [Double] = HistogramReport.defaultBounds) {
    buckets = bounds.map { ($0, histogram.count(upTo: UInt64($0 * 1e9) - 1)) }
    count = histogram.count
    sum = Double(histogram.sumNanoseconds) / 1e9
  }

  /// From half a millisecond to half a minute, in seconds.
  package static let defaultBounds: [Double] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
  ]

  package static func == (left: HistogramReport, right: HistogramReport) -> Bool {
    left.count == right.count && left.sum == right.sum && left.buckets.elementsEqual(right.buckets, by: ==)
  }
}
