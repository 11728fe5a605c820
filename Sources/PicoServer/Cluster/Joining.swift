/// When a node that joins may be given requests. A value.
///
/// A node that has read the store knows where endpoints are before it has links to the nodes that have them: requests that came in that
/// moment would find nobody.
///
/// ```
/// reading ──the store was read──▶ linking ──linked to all and a moment has passed, or patience is over──▶ joined
/// ```
struct Joining: Equatable, Sendable {
  typealias Instant = ContinuousClock.Instant

  private enum State: Equatable {
    case reading
    case linking(since: Instant)
    case joined
  }

  /// For links to nodes that may be dead.
  static let patience = Duration.seconds(2)
  /// Until what was read has become nodes to link to, and until those have said what the store does not know.
  static let hearing = Duration.milliseconds(300)

  private var state = State.reading

  /// The store has been read.
  mutating func read(now: Instant) { if state == .reading { state = .linking(since: now) } }

  /// Why new requests should not be sent to the node; nil from when that was so once.
  /// - Parameter isLinked: to all nodes that take requests, as far as they are known.
  mutating func reason(isLinked: Bool, now: Instant) -> String? {
    switch state {
    case .reading: return "cluster not read yet"
    case .linking(let since) where now < since + (isLinked ? Self.hearing : Self.patience): return "not linked to all nodes yet"
    case .linking: state = .joined
    case .joined: break
    }
    return nil
  }
}
