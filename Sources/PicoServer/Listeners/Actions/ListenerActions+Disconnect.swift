internal import Logging
internal import PicoCore
internal import PicoStatus
internal import Synchronization

extension ListenerActions {
  /// Finds out where the listeners are, decides, and has each node do its part.
  func disconnect(_ disconnect: Disconnect, by operator: Operator, _ others: inout ActionPeers) async -> ActionResult {
    let hasBlock = disconnect.blockSeconds > 0
    if hasBlock, !node.blocks.hasRoom(for: disconnect.listeners.count, now: now) {
      return .refusing(.disconnect(disconnect), .tooManyBlocks)
    }
    var selection = await selection(disconnect, `operator`.scope, &others)
    var result = ActionResult(id: disconnect.id, results: disconnect.listeners.map { selection.take($0) })
    result.matched = selection.taken.count
    guard !disconnect.isDryRun, !selection.taken.isEmpty || !selection.subjects.isEmpty else { return result }
    var block: Block?
    var changed: Set<String> = []
    if hasBlock, !selection.subjects.isEmpty {
      let made = Block(
        scope: disconnect.scope, subjects: selection.subjects, mode: disconnect.mode, seconds: disconnect.blockSeconds, by: `operator`.name,
        reason: disconnect.reason, since: node.blocks.nextSince(.now()), now: now)
      block = made
      result.block = made.id
      changed = node.blocks.set(made, now: now).union([made.id])
    }
    let (decided, order) = (
      selection,
      EndOrder(
        id: disconnect.id, listeners: [], mode: disconnect.mode, block: block, by: `operator`.name, reason: disconnect.reason,
        scope: `operator`.scope, asked: node.id)
    )
    async let mine = carryOut(order.naming(decided.orders(for: node.id)))
    let told = await others.ask { node in
      let order = order.naming(decided.orders(for: node))
      return order.listeners.isEmpty && order.block == nil ? nil : .end(order)
    }
    let ended = Set(await mine.ended).union(told.flatMap(\.answer.ended))
    // Not before the nodes were told, so that none of them hears of it first from the store and has nothing left to end.
    for id in changed { node.membership?.write(id) }
    result.matched = ended.count
    // Agents leave by themselves and nodes fall silent meanwhile.
    for index in result.results.indices where result.results[index].ok {
      guard let id = ListenerID(result.results[index].listener), !ended.contains(id), let place = selection.node(of: id) else { continue }
      let isSilent = others.silent.contains(place.text)
      // What left by itself is as good as ended.
      guard isSilent || disconnect.minimumRemaining > 0 else { continue }
      result.results[index].ok = false
      result.results[index].error = (isSilent ? ActionRefusal.unreachable : .wouldRemoveLast).rawValue
    }
    return result
  }

  private func selection(_ disconnect: Disconnect, _ scope: TenantScope, _ others: inout ActionPeers) async -> ListenerSelection {
    let ids = Array(Set(disconnect.listeners.compactMap { ListenerID($0) }))
    var found = [(node.id, find(ids, scope))]
    found += await others.ask { _ in .find(ids, scope) }.map { ($0.node, $0.answer.listeners) }
    var selection = ListenerSelection(disconnect, scope, isComplete: others.silent.isEmpty)
    for (node, listeners) in found { selection.add(listeners, of: node) }
    // What a block covers beyond those that are named may be at other endpoints.
    var subjects = selection.wouldRefuse
    while !selection.uncounted.isEmpty {
      let (endpoints, covered) = (selection.uncounted, subjects)
      subjects = []
      let own = count(endpoints, covered, scope)
      let answers = [(node: node.id, answer: own)] + (await others.ask { _ in .count(endpoints, covered, scope) })
      for (node, answer) in answers {
        selection.add(answer.counts, of: node)
        selection.add(answer.listeners, of: node)
      }
    }
    return selection
  }

  // MARK: This node's part

  /// Those of the listeners that are here.
  func find(_ ids: [ListenerID], _ scope: TenantScope) -> [ListenerFacts] {
    ids.compactMap { node.registry.listener($0) }.filter { scope.contains($0) }.map { ListenerFacts($0) }
  }

  /// How many of each endpoint can be given requests, also where that is none, and which listeners the subjects cover.
  func count(_ endpoints: [EndpointID], _ subjects: [BlockSubject], _ scope: TenantScope) -> ActionAnswer {
    var answer = ActionAnswer()
    for endpoint in endpoints where scope.contains(endpoint.tenant) {
      answer.counts[endpoint] = node.routes.routes(of: endpoint)?.count ?? 0
    }
    guard !subjects.isEmpty else { return answer }
    let covered = Set(subjects)
    answer.listeners = node.registry.all.filter { scope.contains($0) && !covered.isDisjoint(with: $0.registrant.subjects) }
      .map { ListenerFacts($0) }
    return answer
  }

  /// Ends what the order names, and everything that its block covers: whoever registered while the block was not yet set saw none.
  func carryOut(_ order: EndOrder) async -> EndOrder.Outcome {
    var ending: [Listener] = []
    for listener in order.listeners {
      guard let there = node.registry.listener(listener.id), order.scope.contains(there) else { continue }
      // Agents leave by themselves meanwhile, so the routes count once more under their lock.
      guard there.state == .draining || node.routes.withdraw([there], from: there.endpoint, leaving: listener.leaving) else { continue }
      ending.append(there)
    }
    let named = Set(ending.map(\.id))
    if let block = order.block {
      if order.asked != node.id { _ = node.blocks.take(.holds(block), isFirstHand: true, now: now) }
      ending += withdraw(coveredBy: block).filter { !named.contains($0.id) }
    }
    await end(ending, order.mode, order.block)
    if order.asked != node.id, !ending.isEmpty || order.block != nil { node.record(order, ended: ending) }
    return EndOrder.Outcome(ended: ending.map(\.id))
  }

  /// A block of another node: what it covers here ends.
  func enforce(_ block: Block) async {
    let ending = withdraw(coveredBy: block)
    node.logger.info(
      "block taken over",
      metadata: [
        "block": "\(block.id)", "by": "\(block.by)", "reason": "\(block.reason)", "match": "\(block.row.match)", "ended": "\(ending.count)",
      ])
    await end(ending, block.mode, block)
  }

  private func withdraw(coveredBy block: Block) -> [Listener] {
    let subjects = Set(block.subjects)
    let covered = node.registry.all.filter { !subjects.isDisjoint(with: $0.registrant.subjects) }
    for listener in covered { _ = node.routes.withdraw([listener], from: listener.endpoint, leaving: 0) }
    return covered
  }

  private func end(_ listeners: [Listener], _ mode: Disconnect.Mode, _ block: Block?) async {
    guard !listeners.isEmpty else { return }
    let notice = block.map { ListenerSession.BlockNotice(seconds: $0.secondsLeft(now: now), reason: $0.reason) }
    _ = await loops.gather { context in
      for listener in listeners where listener.loop === context.resources {
        // `session` belongs to the loop that this runs on.
        unsafe listener.session?.end(mode, notice)
      }
    }
  }
}
