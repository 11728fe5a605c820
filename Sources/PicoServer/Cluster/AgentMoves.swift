internal import PicoCore

/// How a node that ends gives its agents away.
enum MovePace {
  /// Over which time the agents are to come to the other nodes, so that those have them at half the rate that they take registrations at, and the
  /// store at no more; at most half of the time that there is.
  /// - Parameter rate: registrations a second that a node takes; 0 is no limit.
  static func spread(listeners: Int, rate: Int, others: Int, within time: Duration) -> Duration {
    guard rate > 0, others > 0 else { return .zero }
    return min(.milliseconds(2000 * listeners / (rate * others)), time / 2)
  }
}

/// How long a node that ends waits for agents to move, as a value: as long as some go, or those that are left are used. An agent that can reach no
/// other node would keep it for the whole grace period else.
struct MovePatience: Equatable, Sendable {
  private static let quiet = 5_000_000_000 as UInt64

  /// What may be waited for in any case.
  private let spread: UInt64
  private var left = Int.max
  private var served: UInt64 = 0
  private var since: UInt64 = 0

  init(spread: Duration) { self.spread = spread.inNanoseconds }

  /// - Parameters:
  ///   - left: listeners that are still here.
  ///   - served: a number that is another one when any of them was given a request.
  ///   - now: steady nanoseconds.
  mutating func goesOn(left: Int, served: UInt64, now: UInt64) -> Bool {
    guard left > 0 else { return false }
    guard left == self.left, served == self.served else {
      (self.left, self.served, since) = (left, served, now)
      return true
    }
    return now &- since < Self.quiet &+ spread
  }
}

/// How a node that ends takes leave of a plain yamux peer, which knows only the end of its tunnel and registers elsewhere after that: as a value.
///
/// ```
/// staying ──▶ finishing, in no route ──nothing open, nothing owed──▶ over, by a reset
///    ▲             │ the endpoint has no other listener, and a second was not enough
///    └─────────────┘ back in the routes, for five seconds
/// ```
/// Where the endpoint has other listeners they have its requests meanwhile. Where it has none requests wait for the moment that the peer takes to
/// come back; so that must not be long, and a peer with something on it that does not end is left until the node has to go.
struct PlainFarewell: Equatable, Sendable {
  enum Action: Equatable {
    case none
    /// Take it out of the routes.
    case withdraw
    /// Put it back.
    case comeBack
    case end
  }

  private enum State: Equatable {
    case staying(until: UInt64)
    case finishing(since: UInt64)
  }

  private var state: State?
  private static let second: UInt64 = 1_000_000_000

  /// There is nowhere to go any more: true when it is to be put back into the routes.
  mutating func giveUp() -> Bool {
    defer { state = nil }
    if case .finishing = state { return true }
    return false
  }

  /// - Parameters:
  ///   - isOnly: nobody else has the endpoint.
  ///   - isIdle: nothing is open on it and nothing waits to be sent.
  mutating func step(isOnly: Bool, isIdle: Bool, now: UInt64) -> Action {
    switch state {
    case nil where isOnly:
      // Those whose endpoints have others go first: one of them may be back by then.
      state = .staying(until: now &+ Self.second)
      return .none
    case .staying(let until) where isOnly && now < until:
      return .none
    case nil, .staying:
      state = .finishing(since: now)
      return .withdraw
    case .finishing where isIdle:
      return .end
    case .finishing(let since) where isOnly && now &- since >= Self.second:
      state = .staying(until: now &+ 5 * Self.second)
      return .comeBack
    case .finishing:
      return .none
    }
  }
}
