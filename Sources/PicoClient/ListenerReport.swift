internal import PicoCore
internal import Synchronization

/// What a listener did, to be read from any thread.
package final class ListenerReport: Sendable {
  package struct Counts: Equatable, Sendable {
    /// Tunnels that are open now.
    package var tunnels = 0
    /// Tunnels that were opened so far.
    package var connects = 0
    /// Attempts that failed.
    package var failures = 0
    package var lastFailure: ConnectFailure?
    /// An operator's block keeps it away.
    package var isBlocked = false
  }

  /// How long streams of a tunnel that leaves may go on.
  let grace: Duration
  private let counts = Locked(Counts())

  init(grace: Duration = .seconds(60)) {
    self.grace = grace
  }

  package var snapshot: Counts { counts.withLock { $0 } }

  func didConnect() {
    counts.withLock {
      $0.tunnels += 1
      $0.connects += 1
      $0.lastFailure = nil
      $0.isBlocked = false
    }
  }

  func didClose() { counts.withLock { $0.tunnels -= 1 } }

  func didBlock() { counts.withLock { $0.isBlocked = true } }

  func didFail(_ failure: ConnectFailure) {
    counts.withLock {
      $0.failures += 1
      $0.lastFailure = failure
    }
  }
}
