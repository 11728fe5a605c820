package import PicoStatus

/// Where the admin port takes what it shows. Called from any thread, at most once for each admin connection at a time.
package protocol AdminSource: Sendable {
  func statusSnapshot() async -> StatusSnapshot
  func metrics() async -> MetricsReport
  /// Read for each probe: must not wait.
  var readiness: Readiness { get }
}

/// Whether new requests should be sent here.
package enum Readiness: Equatable, Sendable {
  case ready
  /// The reason in lower case words, such as `shutting down`.
  case notReady(reason: String)
}
