/// Which part of a node's listeners had better be at other nodes, as a value: asked once a second, it says how many to ask to move now.
///
/// ```
/// even ──more than its share──▶ moving ──no more than the average──▶ even
///                                  │ few of those that were asked in ten seconds went
///                                  ▼
///                               resting, 10 s doubling to 10 min ──▶ even
/// ```
/// It begins late and goes on to the average, so that what went does not come back; and where agents come back to the node that asked them, as a
/// load balancer may have it, it asks less and less often.
struct Rebalance: Equatable, Sendable {
  private enum State: Equatable {
    case even
    /// A round of ten seconds, since when, with how many listeners it began, and how many were asked in it.
    case moving(since: UInt64, from: Int, asked: Int)
    case resting(until: UInt64)
  }

  private var state = State.even
  private var rest = Self.shortestRest

  /// Over the average: a fifth of it, and so many listeners.
  private static let tolerance = 5
  private static let least = 50
  /// A second's part.
  private static let part = 100
  private static let second: UInt64 = 1_000_000_000
  private static let round = 10 * second
  private static let shortestRest = 10 * second
  private static let longestRest = 600 * second

  /// - Parameters:
  ///   - own: listeners of this node.
  ///   - others: of each other node that takes listeners.
  ///   - now: steady nanoseconds.
  mutating func step(own: Int, others: [Int], now: UInt64) -> Int {
    let average = (others.reduce(own, +) + others.count) / (others.count + 1)
    let surplus = own - average
    if case .resting(let until) = state {
      guard now >= until else { return 0 }
      state = .even
    }
    if state == .even {
      guard surplus >= Self.least, surplus * Self.tolerance >= average else { return 0 }
      state = .moving(since: now, from: own, asked: 0)
    }
    guard case .moving(var since, var from, var asked) = state else { return 0 }
    guard surplus > 0 else {
      state = .even
      rest = Self.shortestRest
      return 0
    }
    if now &- since >= Self.round {
      guard (from - own) * 4 >= asked else {
        state = .resting(until: now &+ rest)
        rest = min(rest * 2, Self.longestRest)
        return 0
      }
      rest = Self.shortestRest
      (since, from, asked) = (now, own, 0)
    }
    let count = min(surplus, max(1, own / Self.part))
    state = .moving(since: since, from: from, asked: asked + count)
    return count
  }
}

/// Tunnels of one agent for one endpoint that came to be at one node, although there are others: what is lost with one is lost with all.
enum Twins {
  /// Those that had better be elsewhere.
  /// - Parameters:
  ///   - nodes: that take listeners, at least one.
  ///   - key: of the agent and the endpoint; nil where nobody knows who it is.
  static func surplus<Value>(of values: [Value], nodes: Int, by key: (Value) -> (some Hashable)?) -> [Value] {
    var groups: [AnyHashable: [Value]] = [:]
    for value in values { if let key = key(value) { groups[AnyHashable(key), default: []].append(value) } }
    return groups.values.flatMap { $0.dropFirst(($0.count + nodes - 1) / max(1, nodes)) }
  }
}
