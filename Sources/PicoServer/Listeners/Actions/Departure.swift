internal import PicoCore

/// Whether this node stays, as far as an operator's `drain-node` is concerned, as a value. The last node that takes requests stays, and what the
/// store says of the others may be old: so a node that means to leave asks them, and leaves when one of them stays.
///
/// ```
/// stays ──mean──▶ means ──one of the others stays──▶ leaves
///   ▲               │
///   └───────────────┴ none does, or one with a lower ID means to leave too
/// ```
/// Decisions are one at a time, but for nodes that do not see the same others. So two may ask each other at once: the one with the lower ID goes.
struct Departure: Equatable {
  enum State: Equatable {
    case stays
    case means
    case leaves
  }

  private(set) var state = State.stays

  /// An operator wants it to leave. False when that is being decided.
  mutating func mean() -> Bool {
    guard state == .stays else { return false }
    state = .means
    return true
  }

  /// Another node means to leave, and is told whether this one stays. What is said here is kept.
  mutating func stays(for other: NodeID, own: NodeID) -> Bool {
    if state == .means, other < own { state = .stays }
    return state == .stays
  }

  /// The others were asked. True when this node leaves.
  mutating func decide(othersStay: Bool) -> Bool {
    guard state == .means else { return false }
    state = othersStay ? .leaves : .stays
    return othersStay
  }
}
