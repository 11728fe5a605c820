internal import Logging
internal import PicoCore
internal import PicoStatus

extension Node {
  /// One line of the log and one event for each action that this node was asked for, whatever became of it.
  func record(_ action: OperatorAction, _ result: ActionResult, by operator: Operator) {
    var details = ["by": `operator`.name, "result": result.summary, "unreachable": result.unreachable.joined(separator: ", ")]
    switch action {
    case .disconnect(let disconnect):
      details["action"] = "disconnect"
      details["listeners"] = disconnect.listeners.summary
      details["mode"] = disconnect.mode.rawValue
      details["reason"] = disconnect.reason
      details["ended"] = "\(result.matched ?? 0)"
      if disconnect.blockSeconds > 0 {
        details["scope"] = disconnect.scope.rawValue
        details["block_seconds"] = "\(disconnect.blockSeconds)"
        details["block"] = result.block ?? ""
      }
    case .unblock(_, let block):
      details["action"] = "unblock"
      details["block"] = block
    case .drainNode(_, let node):
      details["action"] = "drain-node"
      details["target"] = node
    }
    details = details.filter { !$0.value.isEmpty }
    logger.info("operator action", metadata: details.mapValues { .string($0) })
    events.record(.operatorAction, details, shownTo: .whoeverSees(`operator`.scope))
  }

  /// One line of the log for what this node did of a disconnect that another node was asked for. The event is that node's.
  func record(_ order: EndOrder, ended: [Listener]) {
    var details = [
      "action": "disconnect", "by": order.by, "asked": order.asked.text, "mode": order.mode.rawValue, "reason": order.reason,
      "listeners": ended.map(\.id.description).summary, "ended": "\(ended.count)", "block": order.block?.id ?? "",
    ]
    details = details.filter { !$0.value.isEmpty }
    logger.info("operator action of another node", metadata: details.mapValues { .string($0) })
  }
}

extension ActionResult {
  /// `ok`, one error, or how many of each.
  fileprivate var summary: String {
    if results.isEmpty { return ok == true ? "ok" : error ?? "" }
    let counts = Dictionary(grouping: results) { $0.error ?? "ok" }.mapValues(\.count)
    if counts.count == 1, let only = counts.first { return results.count == 1 ? only.key : "\(only.value) \(only.key)" }
    return counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
  }
}

extension [String] {
  private static let named = 20

  /// Enough of the names to find the rest; each as long as an ID is at most.
  fileprivate var summary: String {
    let others = count - Self.named
    return (prefix(Self.named).map { String($0.prefix(64)) } + (others > 0 ? ["\(others) more"] : [])).joined(separator: ", ")
  }
}
