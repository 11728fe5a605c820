internal import PicoStatus

/// Results of the last minutes, so that an action whose answer was lost can be asked for again and is not done twice. Who asks does not
/// count, but whose endpoints he may see does: a dashboard that connects again has another address.
struct RecentActions {
  private struct Entry {
    var action: OperatorAction
    var scope: TenantScope
    var result: ActionResult
    var at: UInt64
  }

  /// In steady nanoseconds.
  static let lifetime: UInt64 = 300_000_000_000
  static let maximumActions = 1000
  /// Results of single listeners, over all actions.
  static let maximumResults = 50_000

  private var entries: [String: Entry] = [:]
  /// IDs, the oldest first.
  private var order: [String] = []
  private var results = 0

  /// What became of the same action. The same ID with other members is another action.
  mutating func result(of action: OperatorAction, _ scope: TenantScope, now: UInt64) -> ActionResult? {
    removeExpired(now: now)
    guard let entry = entries[action.id], entry.action == action, entry.scope == scope else { return nil }
    return entry.result
  }

  mutating func record(_ result: ActionResult, of action: OperatorAction, _ scope: TenantScope, now: UInt64) {
    remove(action.id)
    entries[action.id] = Entry(action: action, scope: scope, result: result, at: now)
    order.append(action.id)
    results += result.results.count
    while order.count > 1, order.count > Self.maximumActions || results > Self.maximumResults { remove(order[0]) }
  }

  private mutating func removeExpired(now: UInt64) {
    while let first = order.first, let entry = entries[first], now &- entry.at >= Self.lifetime { remove(first) }
  }

  private mutating func remove(_ id: String) {
    guard let entry = entries.removeValue(forKey: id) else { return }
    order.removeAll { $0 == id }
    results -= entry.result.results.count
  }
}

extension OperatorAction {
  var id: String {
    switch self {
    case .disconnect(let disconnect): disconnect.id
    case .unblock(let id, _), .drainNode(let id, _): id
    }
  }
}
