package import PicoCore

/// What was counted, by one event loop or over all.
package struct BenchCounts: Equatable, Sendable {
  /// Of whole responses. With a constant rate also how long timed out and unsent requests had waited when they were given up.
  package var latency = LatencyHistogram()
  package var requests: UInt64 = 0
  package var responses: UInt64 = 0
  /// Responses that were whole before the duration was over.
  package var responsesInTime: UInt64 = 0
  /// Responses by the first digit of their status; index 0 is unused.
  package var statusClasses = [UInt64](repeating: 0, count: 6)
  package var errors = Errors()
  package var bytesSent: UInt64 = 0
  package var bytesReceived: UInt64 = 0

  /// Requests that have no whole response, by what went wrong.
  package struct Errors: Equatable, Sendable, Codable {
    /// Attempts to connect that failed.
    package var connect: UInt64 = 0
    package var timeout: UInt64 = 0
    /// The connection ended before the first byte of the response.
    package var closed: UInt64 = 0
    /// The connection ended within the response.
    package var truncated: UInt64 = 0
    /// Not HTTP/1.1, or bytes that nobody asked for.
    package var malformed: UInt64 = 0
    /// Due at the constant rate and not sent, because no connection came free.
    package var unsent: UInt64 = 0

    package var total: UInt64 { connect + timeout + closed + truncated + malformed + unsent }
  }

  mutating func add(_ other: BenchCounts) {
    latency.merge(other.latency)
    requests += other.requests
    responses += other.responses
    responsesInTime += other.responsesInTime
    for index in statusClasses.indices { statusClasses[index] += other.statusClasses[index] }
    errors.connect += other.errors.connect
    errors.timeout += other.errors.timeout
    errors.closed += other.errors.closed
    errors.truncated += other.errors.truncated
    errors.malformed += other.errors.malformed
    errors.unsent += other.errors.unsent
    bytesSent += other.bytesSent
    bytesReceived += other.bytesReceived
  }
}
