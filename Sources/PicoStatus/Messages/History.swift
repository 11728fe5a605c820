package import PicoCore

/// How the traffic of an endpoint, or of all of them, went: the last 5 minutes by the second and the last hour by 10 s.
package struct History: Equatable, Sendable {
  /// nil for all endpoints together.
  package var endpoint: String?
  package var now: Timestamp
  /// The finest first.
  package var series: [HistorySeries]

  package init(endpoint: String?, now: Timestamp, series: [HistorySeries]) {
    self.endpoint = endpoint
    self.now = now
    self.series = series
  }
}

/// Points at equal distances, the oldest first. On the wire each member of the points is an array of its own.
package struct HistorySeries: Equatable, Sendable {
  package struct Point: Equatable, Sendable {
    /// Per second.
    package var requestRate: Double
    package var errorRate: Double
    /// Milliseconds; 0 when no request ended.
    package var p50: Double
    package var p90: Double
    package var p99: Double
    package var latencyBuckets: [LatencyBucket]

    package init(
      requestRate: Double = 0, errorRate: Double = 0, p50: Double = 0, p90: Double = 0, p99: Double = 0,
      latencyBuckets: [LatencyBucket] = []
    ) {
      self.requestRate = requestRate
      self.errorRate = errorRate
      self.p50 = p50
      self.p90 = p90
      self.p99 = p99
      self.latencyBuckets = latencyBuckets
    }
  }

  package var stepMilliseconds: Int
  /// When the first point begins; later ones follow at `stepMilliseconds` each.
  package var from: Timestamp
  package var points: [Point]

  package init(stepMilliseconds: Int, from: Timestamp, points: [Point]) {
    self.stepMilliseconds = stepMilliseconds
    self.from = from
    self.points = points
  }
}

/// The last failures of an endpoint, the newest last, at most 50.
package struct RecentErrors: Equatable, Sendable {
  package struct Failure: Equatable, Sendable, JSONValue {
    package var at: Timestamp
    /// As in `x-pico-error`, or `upstream-5xx` for an answer of the upstream.
    package var code: String
    package var status: Int
    /// Empty when none took the request.
    package var listener: String
    package var requestID: String

    package init(at: Timestamp, code: String, status: Int, listener: String, requestID: String) {
      self.at = at
      self.code = code
      self.status = status
      self.listener = listener
      self.requestID = requestID
    }
  }

  package var endpoint: String
  package var errors: [Failure]

  package init(endpoint: String, errors: [Failure]) {
    self.endpoint = endpoint
    self.errors = errors
  }
}
