internal import NIOCore
internal import PicoCore
internal import PicoTunnel
internal import Synchronization

/// The open connections of the admin port.
final class AdminConnections: Sendable {
  private struct State {
    var places: ConnectionPlaces
    var open: [ObjectIdentifier: any Channel] = [:]
    var isShutDown = false
  }

  private let state: Locked<State>

  init(maximum: Int) { state = Locked(State(places: ConnectionPlaces(maximum: maximum))) }

  /// False when no other connection gives way or the port is shut down. The connection leaves the set when it closes.
  func add(_ channel: any Channel) -> Bool {
    let id = ObjectIdentifier(channel)
    let (isAdded, given) = state.withLock { state -> (Bool, (any Channel)?) in
      guard !state.isShutDown else { return (false, nil) }
      switch state.places.add(id) {
      case .refused: return (false, nil)
      case .admitted:
        state.open[id] = channel
        return (true, nil)
      case .inPlaceOf(let other):
        state.open[id] = channel
        return (true, state.open.removeValue(forKey: other))
      }
    }
    if let given { given.eventLoop.execute { given.closeAtSocket() } }
    if isAdded {
      channel.closeFuture.whenComplete { [self] _ in
        state.withLock {
          $0.places.remove(id)
          $0.open[id] = nil
        }
      }
    }
    return isAdded
  }

  func change(_ channel: any Channel, to standing: ConnectionPlaces.Standing) {
    state.withLock { $0.places.change(ObjectIdentifier(channel), to: standing) }
  }

  var all: [any Channel] { state.withLock { Array($0.open.values) } }

  func closeAll() -> [any Channel] {
    state.withLock { state in
      defer { state.open = [:] }
      state.isShutDown = true
      return Array(state.open.values)
    }
  }
}
