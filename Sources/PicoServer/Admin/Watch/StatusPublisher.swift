internal import NIOCore
internal import NIOWebSocket
internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// Shows the node to watchers. It works only while there are some: it collects from the loops once a tick however many watch, refreshes the
/// views that are due, and gives each reader as much as it takes. `StatusPublisher+Messages` sees to what watchers ask.
package actor StatusPublisher {
  /// One for all subscriptions that are equal.
  struct View {
    var view: StatusView
    /// Steady nanoseconds of the next refresh.
    var due: UInt64 = 0
    /// What may be new since the last one; nil: everything.
    var touched: Touched?
  }

  struct Touched {
    var listeners: Set<ListenerID> = []
    var endpoints: Set<EndpointID> = []
  }

  struct Watcher {
    let outlet: WatchOutlet
    let caller: Operator
    var session: WatchSession
  }

  /// Rates are those of the last whole second, so a look per second sees them all.
  private static let collectInterval: UInt64 = 1_000_000_000
  /// Later than this, a listener may have had traffic that nobody saw.
  private static let staleAfter: UInt64 = 8_000_000_000
  private static let tailInterval: UInt64 = 100_000_000
  /// How long after a whole second views of whole seconds are refreshed: the loops' counts of it are closed.
  private static let phase: UInt64 = 60_000_000

  let node: Node
  let actions: ListenerActions
  let history: HistoryRecorder
  private let collector: StatusCollector
  var watchers: [WatcherID: Watcher] = [:]
  var views: [ViewSelection: View] = [:]
  /// Views that a subscription waits for.
  var awaited: [ViewSelection] = []
  /// The part of each tailed endpoint's requests that is recorded.
  var tails: [EndpointID: Double] = [:]
  private var live: LiveStatus?
  private var collectedAt: UInt64 = 0
  private var tailedAt: UInt64 = 0
  private var loop: Task<Void, Never>?
  private var isTicking = false
  private var isTickWanted = false
  private var tickWaiters: [CheckedContinuation<Void, Never>] = []
  private var generator = SplitMixGenerator(seed: .random(in: 0 ... .max))
  private var isShutDown = false

  init(node: Node, loops: NodeLoops, actions: ListenerActions, history: HistoryRecorder) {
    self.node = node
    self.actions = actions
    self.history = history
    collector = StatusCollector(node: node, loops: loops)
  }

  /// Nobody watches, and nothing runs.
  var isIdle: Bool { watchers.isEmpty && views.isEmpty && live == nil && tails.isEmpty && loop == nil }
  /// Of all watchers together: bytes that they did not take yet.
  var waitingBytes: Int { watchers.values.reduce(0) { $0 + $1.outlet.waitingBytes } }

  private var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

  // MARK: Watchers

  func join(_ id: WatcherID, _ outlet: WatchOutlet, by caller: Operator) async {
    guard !isShutDown else { return await outlet.close(.goingAway) }
    watchers[id] = Watcher(outlet: outlet, caller: caller, session: WatchSession(role: caller.role, scope: caller.scope))
    outlet.send(
      ServerMessage.hello(Hello(node: node.id.text, version: PicoVersion.current, role: caller.role, now: .now())).json)
  }

  func leave(_ id: WatcherID) {
    guard watchers.removeValue(forKey: id) != nil else { return }
    forgetUnused()
  }

  /// There is room again on the way to the watcher.
  func resume(_ id: WatcherID) {
    for subscription in watchers[id]?.session.subscriptions.keys.sorted() ?? [] { pump(id, subscription) }
    sendEvents(id)
  }

  /// The node ends: events that are still to be told, and a close frame.
  func shutdown() async {
    isShutDown = true
    for id in Array(watchers.keys) { sendEvents(id) }
    let outlets = watchers.values.map(\.outlet)
    watchers = [:]
    forgetUnused()
    await withTaskGroup(of: Void.self) { group in
      for outlet in outlets { group.addTask { await outlet.close(.goingAway) } }
    }
  }

  /// Drops views without readers and what tails no longer want; without any, nothing runs.
  func forgetUnused() {
    let used = Set(watchers.values.flatMap { $0.session.subscriptions.values.map(\.selection) })
    for selection in views.keys where !used.contains(selection) && !awaited.contains(selection) { views[selection] = nil }
    updateTails()
    if views.isEmpty, live != nil {
      live = nil
      node.registry.unfollow()
    }
    run()
  }

  func updateTails() {
    var wanted: [EndpointID: Double] = [:]
    for watcher in watchers.values {
      for tail in watcher.session.tails.values { wanted[tail.endpoint] = max(wanted[tail.endpoint] ?? 0, tail.sample) }
    }
    for endpoint in tails.keys where wanted[endpoint] == nil { node.routes.tail(endpoint, .none) }
    for (endpoint, sample) in wanted where tails[endpoint] != sample { node.routes.tail(endpoint, TailShare(sample)) }
    tails = wanted
  }

  // MARK: Time

  /// (Re)starts the clock where there is something to do, and ends it where there is not.
  func run() {
    loop?.cancel()
    loop = nil
    guard !views.isEmpty || !tails.isEmpty else { return }
    loop = Task { [weak self] in
      while !Task.isCancelled {
        guard let due = await self?.nextDue(), (try? await Task.sleep(for: .nanoseconds(due))) != nil else { return }
        await self?.beat()
      }
    }
  }

  /// Nanoseconds until the next thing to do.
  private func nextDue() -> Int64 {
    let now = now
    var due = now + Self.collectInterval
    if !views.isEmpty { due = min(due, collectedAt + Self.collectInterval, views.values.map(\.due).min() ?? due) }
    if !tails.isEmpty { due = min(due, tailedAt + Self.tailInterval) }
    return due > now ? Int64(due - now) : 0
  }

  private func beat() async {
    let now = now
    if !tails.isEmpty, now >= tailedAt + Self.tailInterval {
      tailedAt = now
      showTails(now)
    }
    guard !views.isEmpty, now >= collectedAt + Self.collectInterval || views.values.contains(where: { $0.due <= now }) else { return }
    await tick()
  }

  /// Collects and refreshes what is due. Returns when all that was due at the call is refreshed.
  func tick() async {
    isTickWanted = true
    guard !isTicking else { return await withCheckedContinuation { tickWaiters.append($0) } }
    isTicking = true
    while isTickWanted {
      isTickWanted = false
      let waiters = tickWaiters
      tickWaiters = []
      await collect()
      publish()
      for waiter in waiters { waiter.resume() }
    }
    isTicking = false
  }

  private func collect() async {
    guard !views.isEmpty else { return }
    guard live != nil, now < collectedAt + Self.staleAfter else {
      let listeners = node.registry.follow()
      let collection = await collector.all(listeners)
      live = LiveStatus(node: node, listeners, collection, now: now)
      collectedAt = now
      for selection in views.keys { views[selection]?.touched = nil }
      return
    }
    let collection = await collector.active()
    let changes = node.registry.takeChanges()
    collectedAt = now
    live?.update(collection, changes, now: now)
    guard let touched = live?.takeTouched() else { return }
    for selection in views.keys {
      views[selection]?.touched?.listeners.formUnion(touched.listeners)
      views[selection]?.touched?.endpoints.formUnion(touched.endpoints)
    }
  }

  // MARK: Publishing

  private func publish() {
    let now = now
    let wall = Timestamp.now()
    for selection in views.filter({ $0.value.due <= now }).map(\.key) {
      refresh(selection)
      views[selection]?.due = Self.due(after: now, every: selection.interval)
      guard let view = views[selection]?.view else { continue }
      for (id, watcher) in watchers {
        for (name, subscription) in watcher.session.subscriptions where subscription.selection == selection {
          let messages = watchers[id]?.session.advance(name, view, now: wall, hasRoom: watcher.outlet.hasRoom) ?? []
          for message in messages { watcher.outlet.send(message) }
          pump(id, name)
        }
      }
    }
    for id in Array(watchers.keys) { sendEvents(id) }
  }

  /// On a grid, so that views of one interval are due together.
  private static func due(after now: UInt64, every interval: UInt64) -> UInt64 {
    let phase = min(phase, interval / 2)
    return ((now - phase) / interval + 1) * interval + phase
  }

  /// Nobody else holds the view meanwhile: its tables change where they are.
  private func refresh(_ selection: ViewSelection) {
    guard live != nil else { return }
    var rows = StatusView.Rows()
    let touched = selection.readsClock ? nil : views[selection]?.touched
    rows.isWhole = touched == nil
    if selection.tables.contains(.blocks) { rows.blocks = actions.blocks(selection.tenants) }
    fill(&rows, selection, touched)
    views[selection]?.view.refresh(rows)
    views[selection]?.touched = Touched()
  }

  private func fill(_ rows: inout StatusView.Rows, _ selection: ViewSelection, _ touched: Touched?) {
    guard var live = live.take() else { return }
    defer { self.live = live }
    if selection.tables.contains(.nodes) { rows.nodes = [live.nodeRow(selection.tenants)] }
    if selection.tables.contains(.totals) {
      rows.totals = [live.totalsRow(selection.tenants, id: selection.scope == .node ? node.id.text : "cluster")]
    }
    if selection.tables.contains(.endpoints) {
      for id in touched.map({ Array($0.endpoints) }) ?? live.endpoints where selection.tenants.contains(id.tenant) {
        if let row = live.row(id) { rows.endpoints.append(row) } else { rows.goneEndpoints.append(id.description) }
      }
    }
    if selection.tables.contains(.listeners) {
      let only = selection.endpoint.map { selection.tenants.endpoint($0) }
      if let touched {
        for id in touched.listeners {
          guard let endpoint = live.endpoint(of: id) else {
            rows.goneListeners.append(id.description)
            continue
          }
          if only == nil || only == endpoint, selection.tenants.contains(endpoint.tenant), let row = live.row(id) {
            rows.listeners.append(row)
          }
        }
      } else {
        let ids = only.map { name in name.map { live.listeners(of: $0) } ?? [] } ?? live.listeners(of: selection.tenants)
        rows.listeners = ids.compactMap { live.row($0) }
      }
    }
  }

  /// The parts of a snapshot, as long as there is room.
  func pump(_ id: WatcherID, _ subscription: String) {
    guard let outlet = watchers[id]?.outlet, let selection = watchers[id]?.session.subscriptions[subscription]?.selection,
      let view = views[selection]?.view
    else { return }
    while outlet.hasRoom, let message = watchers[id]?.session.next(subscription, view, now: .now()) { outlet.send(message) }
  }

  func sendEvents(_ id: WatcherID) {
    guard let watcher = watchers[id], let last = watcher.session.lastEvent else { return }
    for event in node.events.events(after: last, watcher.caller.scope) {
      guard watcher.outlet.hasRoom else { return }
      watcher.outlet.send(ServerMessage.event(event).json)
      watchers[id]?.session.sent(event: event.number)
    }
  }

  private func showTails(_ now: UInt64) {
    for (endpoint, records) in node.tailed.take() {
      guard let share = tails[endpoint] else { continue }
      for (id, watcher) in watchers {
        for (name, tail) in watcher.session.tails where tail.endpoint == endpoint {
          let shown =
            watchers[id]?.session.show(records, name, share: share, now: now, hasRoom: watcher.outlet.hasRoom) {
              Double(generator.next() >> 11) / Double(1 << 53)
            } ?? []
          for request in shown { watcher.outlet.send(ServerMessage.request(request).json) }
        }
      }
    }
  }
}
