internal import PicoCore
internal import Synchronization

/// Every listener of the node by its ID, from its registration to the end of its tunnel: also those that drain and are in no route.
final class ListenerRegistry: Sendable {
  /// What happened since a reader looked the last time.
  struct Changes: Sendable {
    var added: [Listener] = []
    var removed: [Listener] = []
    /// Something that its agent or an operator said of it, or its round trip.
    var changed: [Listener] = []
  }

  private struct State {
    var listeners: [ListenerID: Listener] = [:]
    /// Nil while nobody reads changes.
    var changes: Changes?
  }

  private let state = Locked(State())
  private let isFollowed = Atomic<Bool>(false)

  func add(_ listener: Listener) {
    state.withLock { state in
      state.listeners[listener.id] = listener
      state.changes?.added.append(listener)
    }
  }

  func remove(_ listener: Listener) {
    state.withLock { state in
      guard state.listeners.removeValue(forKey: listener.id) != nil else { return }
      state.changes?.removed.append(listener)
    }
  }

  /// What is shown of the listener is new.
  func note(_ listener: Listener) {
    guard isFollowed.load(ordering: .relaxed) else { return }
    state.withLock { $0.changes?.changed.append(listener) }
  }

  func listener(_ id: ListenerID) -> Listener? { state.withLock { $0.listeners[id] } }
  /// In no order.
  var all: [Listener] { state.withLock { Array($0.listeners.values) } }

  // MARK: Following

  /// All that there are; from here on changes are kept for the one who follows.
  func follow() -> [Listener] {
    state.withLock { state in
      state.changes = Changes()
      isFollowed.store(true, ordering: .relaxed)
      return Array(state.listeners.values)
    }
  }

  func unfollow() {
    state.withLock { state in
      state.changes = nil
      isFollowed.store(false, ordering: .relaxed)
    }
  }

  /// What happened since the last call, or since ``follow()``.
  func takeChanges() -> Changes {
    state.withLock { state in
      guard let changes = state.changes else { return Changes() }
      state.changes = Changes()
      return changes
    }
  }
}
