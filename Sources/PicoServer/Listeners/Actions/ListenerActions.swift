internal import Logging
internal import NIOCore
internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// Does what operators ask of the listeners of this node. One action is decided at a time; what was decided is done on the listeners' loops
/// after it.
final class ListenerActions: Sendable {
  private let node: Node
  private let loops: NodeLoops
  private let recent = Locked(RecentActions())

  init(node: Node, loops: NodeLoops) {
    self.node = node
    self.loops = loops
  }

  private var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

  /// What was decided: the answer, and the listeners that end.
  private struct Outcome {
    var result: ActionResult
    var ended: [Listener] = []
    var block: Block?
  }

  /// Returns once the agents were told. For ``Disconnect/Mode/now`` their tunnels are closed by then.
  func perform(_ action: OperatorAction, by operator: Operator) async -> ActionResult {
    guard `operator`.role == .operator else { return .refusing(action, .forbidden) }
    let now = now
    let (outcome, isRepeated) = recent.withLock { recent in
      if let result = recent.result(of: action, `operator`.scope, now: now) { return (Outcome(result: result), true) }
      let outcome = decide(action, by: `operator`, now: now)
      if !action.isDryRun { recent.record(outcome.result, of: action, `operator`.scope, now: now) }
      return (outcome, false)
    }
    guard !isRepeated, !action.isDryRun else { return outcome.result }
    node.record(action, outcome.result, by: `operator`)
    guard case .disconnect(let disconnect) = action, !outcome.ended.isEmpty else { return outcome.result }
    let notice = outcome.block.map { ListenerSession.BlockNotice(seconds: $0.secondsLeft(now: now), reason: $0.reason) }
    let ended = outcome.ended
    _ = await loops.gather { context in
      for listener in ended where listener.loop === context.resources {
        // `session` belongs to the loop that this runs on.
        unsafe listener.session?.end(disconnect.mode, notice)
      }
    }
    return outcome.result
  }

  func blocks(_ scope: TenantScope = .all) -> [BlockRow] { node.blocks.all(now: now).filter { $0.isWithin(scope) }.map(\.row) }

  private func decide(_ action: OperatorAction, by operator: Operator, now: UInt64) -> Outcome {
    switch action {
    case .disconnect(let disconnect):
      return decide(disconnect, by: `operator`, now: now)
    case .unblock(let id, let block):
      guard node.blocks.remove(block, `operator`.scope, now: now) != nil else { return Outcome(result: .refusing(action, .notFound)) }
      return Outcome(result: ActionResult(id: id, block: block, ok: true))
    case .drainNode(_, let name):
      guard `operator`.scope == .all else { return Outcome(result: .refusing(action, .forbidden)) }
      // There is no other node that its agents could move to.
      return Outcome(result: .refusing(action, name == node.id.text ? .wouldRemoveLast : .notFound))
    }
  }

  private func decide(_ disconnect: Disconnect, by operator: Operator, now: UInt64) -> Outcome {
    let hasBlock = disconnect.blockSeconds > 0
    if hasBlock, !node.blocks.hasRoom(for: disconnect.listeners.count, now: now) {
      return Outcome(result: .refusing(.disconnect(disconnect), .tooManyBlocks))
    }
    var selection = ListenerSelection(node: node, disconnect: disconnect, scope: `operator`.scope)
    let results = disconnect.listeners.map { selection.take($0) }
    var outcome = Outcome(result: ActionResult(id: disconnect.id, results: results))
    if hasBlock, !selection.subjects.isEmpty, !disconnect.isDryRun {
      let block = Block(
        scope: disconnect.scope, subjects: selection.subjects, seconds: disconnect.blockSeconds, by: `operator`.name,
        reason: disconnect.reason, since: .now(), now: now)
      node.blocks.set(block, now: now)
      // Whoever registered while the block was not yet set saw none. From here on registrations see it.
      selection.takeLatecomers(block)
      outcome.block = block
      outcome.result.block = block.id
    }
    outcome.ended = selection.taken
    outcome.result.matched = selection.taken.count
    return outcome
  }
}

extension OperatorAction {
  fileprivate var isDryRun: Bool {
    if case .disconnect(let disconnect) = self { disconnect.isDryRun } else { false }
  }
}

extension ActionResult {
  /// The same answer for all that the action names.
  fileprivate static func refusing(_ action: OperatorAction, _ refusal: ActionRefusal) -> ActionResult {
    guard case .disconnect(let disconnect) = action else { return ActionResult(id: action.id, ok: false, error: refusal.rawValue) }
    return ActionResult(
      id: action.id, results: disconnect.listeners.map { ListenerResult(listener: $0, ok: false, error: refusal.rawValue) })
  }
}

extension Node {
  /// One line of the log and one event for each action, whatever became of it.
  fileprivate func record(_ action: OperatorAction, _ result: ActionResult, by operator: Operator) {
    var details = ["by": `operator`.name, "result": result.summary]
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
