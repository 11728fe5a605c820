internal import PicoCore
internal import Synchronization

/// Lets one at a time decide, in the order in which they ask. Where a cluster's nodes decide, one of them keeps the turn for all.
final class ActionTurn: Sendable {
  struct Ticket: Hashable, Sendable {
    fileprivate let number: UInt64
  }

  private struct State {
    var last: UInt64 = 0
    /// The first has the turn.
    var queue: [(ticket: Ticket, granted: @Sendable () -> Void)] = []
  }

  private let state = Locked(State())

  /// `granted` is called once: at once, or when those before have given the turn back.
  func ask(_ granted: @escaping @Sendable () -> Void) -> Ticket {
    let (ticket, isFirst) = state.withLock { state in
      state.last += 1
      let ticket = Ticket(number: state.last)
      state.queue.append((ticket, granted))
      return (ticket, state.queue.count == 1)
    }
    if isFirst { granted() }
    return ticket
  }

  /// Also of one who waits, and of one who gave it back already.
  func giveBack(_ ticket: Ticket) {
    let next = state.withLock { state -> (@Sendable () -> Void)? in
      guard let place = state.queue.firstIndex(where: { $0.ticket == ticket }) else { return nil }
      state.queue.remove(at: place)
      return place == 0 ? state.queue.first?.granted : nil
    }
    next?()
  }
}
