internal import PicoCore
internal import PicoStatus

extension StatusPublisher {
  /// Sees to one message of a watcher; the next one comes when this returned.
  func receive(_ json: [UInt8], from id: WatcherID) async {
    guard let watcher = watchers[id] else { return }
    switch watcher.session.decide(json) {
    case .answer(let message): watcher.outlet.send(message.json)
    case .subscribe(let subscription, let selection): await subscribe(id, subscription, selection)
    case .unsubscribe(let name):
      watchers[id]?.session.unsubscribe(name)
      forgetUnused()
    case .resync(let name):
      guard let selection = watcher.session.subscriptions[name]?.selection, let view = views[selection]?.view else { return }
      watchers[id]?.session.resync(name, view)
      pump(id, name)
    case .history(let endpoint, let since, let scope):
      let answer =
        watcher.session.isNode
        ? await history.history(of: endpoint, scope, since: since) : await clusterHistory(of: endpoint, scope, since: since)
      watcher.outlet.send(ServerMessage.history(answer).json)
    case .errors(let endpoint):
      let id = watcher.caller.scope.endpoint(endpoint)
      var failures = id.flatMap { node.routes.routes(of: $0) }?.recentFailures ?? []
      if !watcher.session.isNode, let id { failures = await clusterErrors(of: id, with: failures) }
      watcher.outlet.send(ServerMessage.errors(RecentErrors(endpoint: endpoint, errors: failures)).json)
    case .perform(let action):
      // It may take a while, and others are not kept waiting for it.
      let (actions, outlet, caller) = (actions, watcher.outlet, watcher.caller)
      Task { outlet.send(ServerMessage.result(await actions.perform(action, by: caller)).json) }
    case .tail(let name, let endpoint, let sample):
      watchers[id]?.session.tail(name, endpoint, sample: sample)
      forgetUnused()
    case .untail(let name):
      watchers[id]?.session.untail(name)
      forgetUnused()
    }
  }

  /// A view that is new has its first rows before the watcher is told anything.
  private func subscribe(_ id: WatcherID, _ subscription: Subscription, _ selection: ViewSelection) async {
    if views[selection] == nil { views[selection] = View(view: StatusView(selection)) }
    if views[selection]?.view.version == 0 {
      awaited.append(selection)
      if selection.scope == .cluster { await awaitOthers() }
      await tick()
      if let index = awaited.firstIndex(of: selection) { awaited.remove(at: index) }
    }
    if let view = views[selection]?.view {
      watchers[id]?.session.subscribe(subscription, view)
      pump(id, subscription.id)
      sendEvents(id)
    }
    forgetUnused()
  }
}
