internal import PicoCore
internal import Synchronization

/// Wakes the one task that waits. A ring while nobody waits is kept; many are as one.
final class Doorbell: Sendable {
  private struct State {
    var hasRung = false
    var waiting: CheckedContinuation<Void, Never>?
  }

  private let state = Locked(State())

  init() {}

  func ring() {
    state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard let waiting = state.waiting.take() else {
        state.hasRung = true
        return nil
      }
      return waiting
    }?.resume()
  }

  /// Until it rings, `time` comes or the task is cancelled. Cancelling takes no ring away from who waits next.
  func wait(until time: ContinuousClock.Instant? = nil) async {
    let timer = time.map { time in
      Task {
        do { try await Task.sleep(until: time, tolerance: .zero) } catch { return }
        ring()
      }
    }
    defer { timer?.cancel() }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if Task.isCancelled { return true }
          if state.hasRung {
            state.hasRung = false
            return true
          }
          state.waiting = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiting.take() }?.resume()
    }
  }
}
