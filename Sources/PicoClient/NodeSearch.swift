internal import PicoCore

/// How often a connection tries to get to another node than the one that it came to: a few times for each reason that it has. Behind a load balancer
/// nothing else can be done than to try again, and each try costs a registration.
struct NodeSearch: Equatable, Sendable {
  static let tries = 6

  /// The node that asked it to move.
  let former: NodeID?
  private var left = Self.tries
  private var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(2))

  init(after former: NodeID? = nil) { self.former = former }

  /// How long to wait before the next try; nil when there were enough.
  mutating func next(using generator: inout some RandomNumberGenerator) -> Duration? {
    guard left > 0 else { return nil }
    left -= 1
    return backoff.next(using: &generator)
  }
}
