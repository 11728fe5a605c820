internal import Logging
internal import NIOCore
internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// Does what operators ask of this node, in the whole cluster: one action is decided at a time, by the node that was asked, from what every node
/// says it has; each node then does its part.
final class ListenerActions: Sendable {
  let node: Node
  let loops: NodeLoops
  /// Makes the process leave, as SIGTERM does.
  private let leave: @Sendable () -> Void
  private let recent = Locked(RecentActions())
  private let departure = Locked(Departure())
  /// Where this is the node that keeps it, whose turn it is to decide.
  let turns = ActionTurn()

  init(node: Node, loops: NodeLoops, leave: @escaping @Sendable () -> Void) {
    self.node = node
    self.loops = loops
    self.leave = leave
  }

  var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

  /// Returns once the agents were told. For ``Disconnect/Mode/now`` their tunnels are closed by then.
  func perform(_ action: OperatorAction, by operator: Operator) async -> ActionResult {
    guard `operator`.role == .operator else { return .refusing(action, .forbidden) }
    var others = ActionPeers(self)
    if action.isDryRun { return await decide(action, by: `operator`, &others) }
    guard let turn = await others.takeTurn() else {
      var result = ActionResult.refusing(action, .unreachable)
      result.unreachable = others.silent
      return result
    }
    defer { turn.giveBack() }
    if let result = known(action, `operator`.scope) { return result }
    if let result = await others.ask({ _ in .known(action, `operator`.scope) }).compactMap(\.answer.result).first {
      remember(result, of: action, `operator`.scope)
      return result
    }
    let result = await decide(action, by: `operator`, &others)
    remember(result, of: action, `operator`.scope)
    node.record(action, result, by: `operator`)
    return result
  }

  func blocks(_ scope: TenantScope = .all) -> [BlockRow] { node.blocks.all(now: now).filter { $0.isWithin(scope) }.map(\.row) }

  /// What became of the same action when it was asked for before, at this node.
  func known(_ action: OperatorAction, _ scope: TenantScope) -> ActionResult? {
    recent.withLock { $0.result(of: action, scope, now: now) }
  }

  private func remember(_ result: ActionResult, of action: OperatorAction, _ scope: TenantScope) {
    recent.withLock { $0.record(result, of: action, scope, now: now) }
  }

  private func decide(_ action: OperatorAction, by operator: Operator, _ others: inout ActionPeers) async -> ActionResult {
    var result: ActionResult
    switch action {
    case .disconnect(let disconnect): result = await self.disconnect(disconnect, by: `operator`, &others)
    case .unblock(let id, let block):
      result = ActionResult(id: id, block: block, ok: true)
      if await !lift(block, by: `operator`, &others) { result = .refusing(action, others.silent.isEmpty ? .notFound : .unreachable) }
    case .drainNode(let id, let name):
      result = ActionResult(id: id, ok: true)
      if let refusal = await drain(name, by: `operator`, &others) { result = .refusing(action, refusal) }
    }
    result.unreachable = others.silent
    return result
  }

  // MARK: Unblocking

  private func lift(_ block: String, by operator: Operator, _ others: inout ActionPeers) async -> Bool {
    let lifted = node.blocks.remove(block, `operator`.scope, now: now)
    let left = lifted.map { Int(($0.deadline - min($0.deadline, now)) / 1_000_000) }
    let question = ActionQuestion.lift(block, leftMilliseconds: left, by: `operator`.name, `operator`.scope, asked: node.id)
    let answers = await others.ask { _ in question }.map(\.answer)
    guard lifted != nil || answers.contains(where: { $0.ok == true }) else { return false }
    if lifted == nil, let left = answers.compactMap(\.leftMilliseconds).max() { forget(block, leftMilliseconds: left) }
    node.membership?.write(block)
    return true
  }

  /// A block that this node does not know was lifted: whoever has not heard of that is not believed.
  private func forget(_ block: String, leftMilliseconds: Int) {
    let left = min(max(leftMilliseconds, 0), 86_400_000)
    let record = BlockRecord.lifted(
      block, until: Timestamp(milliseconds: Timestamp.now().milliseconds + Int64(left)), deadline: now &+ UInt64(left) * 1_000_000)
    _ = node.blocks.take(record, now: now)
  }

  /// As another node was asked to.
  func lift(_ block: String, leftMilliseconds: Int?, by: String, _ scope: TenantScope, asked: NodeID) -> ActionAnswer {
    var answer = ActionAnswer()
    let lifted = node.blocks.remove(block, scope, now: now)
    if let lifted {
      answer.leftMilliseconds = Int((lifted.deadline - min(lifted.deadline, now)) / 1_000_000)
      node.logger.info(
        "operator action of another node", metadata: ["action": "unblock", "block": "\(block)", "by": "\(by)", "asked": "\(asked)"])
    } else if let leftMilliseconds {
      forget(block, leftMilliseconds: leftMilliseconds)
    }
    answer.ok = lifted != nil
    return answer
  }

  // MARK: Draining a node

  private func drain(_ name: String, by operator: Operator, _ others: inout ActionPeers) async -> ActionRefusal? {
    guard `operator`.scope == .all else { return .forbidden }
    if name == node.id.text { return await drain() }
    guard let target = others.all.first(where: { $0.id.text == name }) else { return .notFound }
    let question = ActionQuestion.drain(by: `operator`.name, asked: node.id)
    guard let answer = await others.ask({ $0 == target.id ? question : nil }).first?.answer else { return .unreachable }
    return answer.ok == true ? nil : ActionRefusal(rawValue: answer.error ?? "") ?? .unreachable
  }

  /// As another node was asked to.
  func drain(by: String, asked: NodeID) async -> ActionAnswer {
    let refusal = await drain()
    node.logger.info(
      "operator action of another node",
      metadata: ["action": "drain-node", "by": "\(by)", "asked": "\(asked)", "result": "\(refusal?.rawValue ?? "ok")"])
    return ActionAnswer(ok: refusal == nil, error: refusal?.rawValue)
  }

  /// Nil: this node leaves.
  private func drain() async -> ActionRefusal? {
    if isLeaving { return nil }
    // There is no other node that its agents could move to.
    guard let membership = node.membership, membership.others > 0, departure.withLock({ $0.mean() }) else { return .wouldRemoveLast }
    var others = ActionPeers(self)
    let question = ActionQuestion.stays(whenLeaves: node.id)
    let answers = await others.ask(within: Self.stayingPatience) { _ in question }
    let othersStay = answers.contains { $0.answer.ok == true }
    guard departure.withLock({ $0.decide(othersStay: othersStay) }) else { return .wouldRemoveLast }
    membership.drain()
    leave()
    return nil
  }

  /// Less than the node has that was asked to drain this one.
  private static let stayingPatience = Duration.seconds(1)

  private var isLeaving: Bool { node.isLeaving || departure.withLock { $0.state == .leaves } }

  /// Whether this node goes on taking requests when another one leaves.
  func stays(whenLeaves other: NodeID) -> ActionAnswer {
    let isServing = !node.isLeaving && node.membership?.unreadiness == nil
    return ActionAnswer(ok: isServing && departure.withLock { $0.stays(for: other, own: node.id) })
  }
}

extension OperatorAction {
  fileprivate var isDryRun: Bool {
    if case .disconnect(let disconnect) = self { disconnect.isDryRun } else { false }
  }
}

extension ActionResult {
  /// The same answer for all that the action names.
  static func refusing(_ action: OperatorAction, _ refusal: ActionRefusal) -> ActionResult {
    guard case .disconnect(let disconnect) = action else { return ActionResult(id: action.id, ok: false, error: refusal.rawValue) }
    return ActionResult(
      id: action.id, results: disconnect.listeners.map { ListenerResult(listener: $0, ok: false, error: refusal.rawValue) })
  }
}
