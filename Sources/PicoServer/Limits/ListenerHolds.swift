internal import PicoAuth
internal import PicoCore
internal import Synchronization

/// How many listeners each identity has, for the whole node.
final class ListenerHolds: Sendable {
  enum Holder: Hashable, Sendable {
    /// As a token or a certificate says, of a tenant.
    case identity(String, TenantID)
    /// A token that names nobody.
    case token(Fingerprint)
  }

  private let counts = Locked<[Holder: Int]>([:])

  /// One more listener of the holder; nil when it has `limit` already, where 0 is no limit.
  func take(_ holder: Holder, limit: Int) -> ListenerHold? {
    let isTaken = counts.withLock { counts in
      let count = counts[holder, default: 0]
      guard limit == 0 || count < limit else { return false }
      counts[holder] = count + 1
      return true
    }
    return isTaken ? ListenerHold(holder, of: self) : nil
  }

  fileprivate func release(_ holder: Holder) {
    counts.withLock { counts in
      guard let count = counts[holder] else { return }
      counts[holder] = count > 1 ? count - 1 : nil
    }
  }

  /// Holders with a listener.
  var count: Int { counts.withLock { $0.count } }
}

/// One of the listeners that a holder may have; free again when this is let go.
final class ListenerHold: Sendable {
  private let holder: ListenerHolds.Holder
  private let holds: ListenerHolds

  fileprivate init(_ holder: ListenerHolds.Holder, of holds: ListenerHolds) {
    self.holder = holder
    self.holds = holds
  }

  deinit { holds.release(holder) }
}
