internal import PicoCore
internal import Synchronization

/// Every listener of the node by its ID, from its registration to the end of its tunnel: also those that drain and are in no route.
final class ListenerRegistry: Sendable {
  private let listeners = Locked<[ListenerID: Listener]>([:])

  func add(_ listener: Listener) { listeners.withLock { $0[listener.id] = listener } }
  func remove(_ listener: Listener) { listeners.withLock { $0[listener.id] = nil } }
  func listener(_ id: ListenerID) -> Listener? { listeners.withLock { $0[id] } }
  /// In no order.
  var all: [Listener] { listeners.withLock { Array($0.values) } }
}
