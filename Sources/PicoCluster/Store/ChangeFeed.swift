internal import PicoCore
internal import Synchronization

/// Changes on their way to one consumer. Of each thing only the last state is kept, so a consumer that falls behind finds no backlog: at most
/// one change for each node, route and block. Things come in the order in which they first changed.
package final class ChangeFeed: Sendable {
  private enum Thing: Hashable {
    case node(NodeID)
    case route(EndpointID, NodeID)
    case block(String)
  }

  private struct State {
    var order: [Thing] = []
    var latest: [Thing: ClusterChange] = [:]
    var isFinished = false
    var waiting: CheckedContinuation<Void, Never>?
  }

  private let state = Locked(State())

  package init() {}

  func post(_ changes: [ClusterChange]) {
    guard !changes.isEmpty else { return }
    state.withLock { state -> CheckedContinuation<Void, Never>? in
      for change in changes {
        let thing: Thing =
          switch change {
          case .node(let node, _): .node(node)
          case .route(let route, let node, _): .route(route, node)
          case .block(let id, _): .block(id)
          }
        if state.latest.updateValue(change, forKey: thing) == nil { state.order.append(thing) }
      }
      return state.waiting.take()
    }?.resume()
  }

  func finish() {
    state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.isFinished = true
      return state.waiting.take()
    }?.resume()
  }

  /// Waits for changes; `nil` when there will be none, or the task is cancelled.
  package func next() async -> [ClusterChange]? {
    while !Task.isCancelled {
      let taken: [ClusterChange]?? = state.withLock { state in
        guard state.order.isEmpty else {
          defer { (state.order, state.latest) = ([], [:]) }
          return .some(state.order.compactMap { state.latest[$0] })
        }
        return state.isFinished ? .some(nil) : nil
      }
      if let taken { return taken }
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let isReady = state.withLock { state in
            guard state.order.isEmpty, !state.isFinished, !Task.isCancelled else { return true }
            state.waiting = continuation
            return false
          }
          if isReady { continuation.resume() }
        }
      } onCancel: {
        state.withLock { $0.waiting.take() }?.resume()
      }
    }
    return nil
  }
}
