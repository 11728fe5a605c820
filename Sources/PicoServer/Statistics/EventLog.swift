internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// What happened on this node, numbered from 1; the last 1,000 are kept. Written from any thread.
final class EventLog: Sendable {
  private struct State {
    var last: UInt64 = 0
    /// A ring: event `number` is at `number % capacity`.
    var kept: [StatusEvent] = []
    var observer: (@Sendable (StatusEvent) -> Void)?
  }

  static let capacity = 1000
  private let node: String
  private let state = Locked(State())

  init(node: NodeID) { self.node = node.text }

  func record(_ kind: StatusEvent.Kind, _ details: [String: String]) {
    let at = Timestamp.now()
    let (event, observer) = state.withLock { state in
      state.last += 1
      let event = StatusEvent(at: at, kind: kind, node: node, number: state.last, details: details)
      if state.kept.count < Self.capacity {
        state.kept.append(event)
      } else {
        state.kept[Int((state.last - 1) % UInt64(Self.capacity))] = event
      }
      return (event, state.observer)
    }
    observer?(event)
  }

  /// Those that are kept with a higher number, the oldest first.
  func events(after number: UInt64) -> [StatusEvent] {
    state.withLock { state in
      let first = max(number, state.last - UInt64(state.kept.count)) + 1
      guard first <= state.last else { return [] }
      return (first...state.last).map { state.kept[Int(($0 - 1) % UInt64(Self.capacity))] }
    }
  }

  /// Called with each new event, on the thread that recorded it; nil for nobody.
  func observe(_ observer: (@Sendable (StatusEvent) -> Void)?) {
    state.withLock { $0.observer = observer }
  }
}
