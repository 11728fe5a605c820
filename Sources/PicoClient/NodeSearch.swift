internal import PicoCore

/// How often a connection tries to get to another node than the one that it came to: a few times for each reason that it has. Behind a load balancer
/// nothing else can be done than to try again; where each try comes to the same node, another one may be there in some minutes.
struct NodeSearch: Equatable, Sendable {
  /// Within seconds.
  static let tries = 4
  static let pauses = (first: Duration.seconds(60), longest: Duration.seconds(960))

  /// The node that asked it to move.
  let former: NodeID?
  private var left = Self.tries
  private var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(2))
  private var pause = Self.pauses.first

  init(after former: NodeID? = nil) { self.former = former }

  /// It has had its tries, and waits for minutes from now on.
  var rests: Bool { left == 0 }

  /// How long to wait before the next try; nil when there were enough.
  /// - Parameter goesOn: the reason is one that lasts.
  mutating func next(goesOn: Bool, using generator: inout some RandomNumberGenerator) -> Duration? {
    if left > 0 {
      left -= 1
      return backoff.next(using: &generator)
    }
    guard goesOn else { return nil }
    defer { pause = min(pause * 2, Self.pauses.longest) }
    return pause * Double.random(in: 0.5...1, using: &generator)
  }
}
