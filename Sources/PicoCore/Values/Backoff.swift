/// How long to wait before the next attempt: a ceiling that doubles from `initial` to `maximum`, and full jitter below it.
package struct Backoff: Sendable, Equatable {
  package let initial: Duration
  package let maximum: Duration

  /// The ceiling of the next delay.
  package private(set) var ceiling: Duration

  package init(initial: Duration = .milliseconds(100), maximum: Duration = .seconds(15)) {
    self.initial = initial
    self.maximum = maximum
    ceiling = initial
  }

  /// A delay between zero and the ceiling, which then doubles.
  package mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
    let delay = ceiling * Double.random(in: 0...1, using: &generator)
    ceiling = min(ceiling * 2, maximum)
    return delay
  }

  /// A delay in the upper half of the longest one, for a peer that answered and said no (401, 403); later ones start from there.
  package mutating func slowEnd(using generator: inout some RandomNumberGenerator) -> Duration {
    ceiling = maximum
    return maximum * Double.random(in: 0.5...1, using: &generator)
  }

  /// After a success: the next delay is a short one.
  package mutating func reset() {
    ceiling = initial
  }
}
