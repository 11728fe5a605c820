/// Which endpoint calls go to: one until it fails, then the next, round and round.
struct EndpointRotation: Sendable, Equatable {
  let count: Int
  /// The index of the endpoint that calls go to.
  private(set) var current: Int

  init(count: Int, startingAt start: Int) {
    self.count = count
    current = start % count
  }

  /// A call to an endpoint failed. Many calls that fail there together move on once.
  mutating func failed(at index: Int) {
    if index == current { current = (index + 1) % count }
  }

  /// How long one endpoint may take, so that within `remaining` each of them can have its turn.
  func share(of remaining: Duration) -> Duration {
    max(remaining / count, min(remaining, .milliseconds(500)))
  }
}
