/// Something that a test waited for and that did not come.
package struct DeadlinePassed: Error, CustomStringConvertible {
  package var what: String
  package var seconds: Double
  package var description: String { "gave up after \(seconds) s waiting for \(what)" }
}

/// Polls `condition` until it holds. A test waits for what it needs, never for time to pass.
///
/// - Throws: `DeadlinePassed`, naming `what`.
package func eventually(
  _ what: String, within seconds: Double = 40, every milliseconds: Int = 10, _ condition: () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while try await !condition() {
    guard ContinuousClock.now < deadline else { throw DeadlinePassed(what: what, seconds: seconds) }
    try await Task.sleep(for: .milliseconds(milliseconds))
  }
}
