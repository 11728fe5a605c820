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
    let outlet: any StatusOutlet
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
  let loops: NodeLoops
  let actions: ListenerActions
  let history: HistoryRecorder
  private let collector: StatusCollector
  var watchers: [WatcherID: Watcher] = [:]
  var views: [ViewSelection: View] = [:]
  /// Views that a subscription waits for.
  var awaited: [ViewSelection] = []
  /// The part of each tailed endpoint's requests that is recorded.
  var tails: [EndpointID: Double] = [:]
  /// What the other nodes said.
  var others = OtherNodes()
  var peers = Peers()
  private var live: LiveStatus?
  private var collectedAt: UInt64 = 0
  private var tailedAt: UInt64 = 0
  private var loop: Task<Void, Never>?
  private var isTicking = false
  private var isTickWanted = false
  private var tickWaiters: [CheckedContinuation<Void, Never>] = []
  private var generator = SplitMixGenerator(seed: .random(in: 0 ... .max))
  private(set) var isShutDown = false

  init(node: Node, loops: NodeLoops, actions: ListenerActions, history: HistoryRecorder) {
    self.node = node
    self.loops = loops
    self.actions = actions
    self.history = history
    collector = StatusCollector(node: node, loops: loops)
  }

  /// Nobody watches, and nothing runs.
  var isIdle: Bool { watchers.isEmpty && views.isEmpty && live == nil && tails.isEmpty && peers.isIdle && loop == nil }
  /// Of all watchers together: bytes that they did not take yet.
  var waitingBytes: Int { watchers.values.reduce(0) { $0 + $1.outlet.waitingBytes } }

  var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

  // MARK: Watchers

  func join(_ id: WatcherID, _ outlet: any StatusOutlet, by caller: Operator, isNode: Bool = false) async {
    guard !isShutDown else { return await outlet.close(.goingAway) }
    watchers[id] = Watcher(
      outlet: outlet, caller: caller, session: WatchSession(role: caller.role, scope: caller.scope, isNode: isNode))
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
    leaveOthers()
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
    followOthers()
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
    guard !views.isEmpty || !tails.isEmpty || !peers.isIdle else { return }
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
    if !peers.isIdle { due = min(due, peers.due) }
    return due > now ? Int64(due - now) : 0
  }

  private func beat() async {
    let now = now
    if !tails.isEmpty, now >= tailedAt + Self.tailInterval {
      tailedAt = now
      showTails(now)
    }
    if !peers.isIdle, now >= peers.due { await lookAfterOthers() }
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
    defer { noteOthers() }
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

  /// Rows of other nodes are new to those who see all.
  private func noteOthers() {
    let touched = others.takeTouched()
    guard !touched.endpoints.isEmpty || !touched.listeners.isEmpty else { return }
    for selection in views.keys where selection.scope == .cluster {
      views[selection]?.touched?.listeners.formUnion(touched.listeners)
      views[selection]?.touched?.endpoints.formUnion(touched.endpoints)
    }
  }

  private func fill(_ rows: inout StatusView.Rows, _ selection: ViewSelection, _ touched: Touched?) {
    guard var live = live.take() else { return }
    defer { self.live = live }
    let isCluster = selection.scope == .cluster
    if selection.tables.contains(.nodes) {
      rows.nodes = [live.nodeRow(selection.tenants)] + (isCluster ? others.nodeRows(selection.tenants) : [])
    }
    if selection.tables.contains(.totals) {
      let own = live.totalsRow(selection.tenants, id: isCluster ? TotalsRow().id : node.id.text)
      rows.totals = [
        isCluster && !others.peers.isEmpty
          ? others.totals(with: own, endpoints: node.routes.endpointCount(selection.tenants), selection.tenants) : own
      ]
    }
    if selection.tables.contains(.endpoints) {
      for id in touched.map(\.endpoints) ?? Set(live.endpoints).union(isCluster ? others.endpoints : [])
      where selection.tenants.contains(id.tenant) {
        if let row = endpoint(id, &live, selection) { rows.endpoints.append(row) } else { rows.goneEndpoints.append(id.description) }
      }
    }
    if selection.tables.contains(.listeners) {
      let only = selection.endpoint.map { selection.tenants.endpoint($0) }
      if let touched {
        for id in touched.listeners {
          guard let row = live.row(id) ?? (isCluster ? others.row(id) : nil), let endpoint = live.endpoint(of: id) ?? EndpointID(row) else {
            rows.goneListeners.append(id.description)
            continue
          }
          if only == nil || only == endpoint, selection.tenants.contains(endpoint.tenant) { rows.listeners.append(row) }
        }
      } else {
        let ids = only.map { name in name.map { live.listeners(of: $0) } ?? [] } ?? live.listeners(of: selection.tenants)
        rows.listeners = ids.compactMap { live.row($0) }
        // A name that no endpoint can have has no listeners.
        if isCluster, only != .some(nil) { rows.listeners += others.listeners(of: only ?? nil, selection.tenants) }
      }
    }
  }

  private func endpoint(_ id: EndpointID, _ live: inout LiveStatus, _ selection: ViewSelection) -> EndpointRow? {
    let own = live.row(id)
    if selection.scope == .cluster, !others.peers.isEmpty { return others.row(id, with: own) }
    // Who merges needs the buckets of what he has to merge.
    if selection.isFull, node.routes.routes(of: id)?.isElsewhere == true { return own }
    return own?.withoutBuckets
  }

  /// The parts of a snapshot, as long as there is room.
  func pump(_ id: WatcherID, _ subscription: String) {
    guard let outlet = watchers[id]?.outlet, let selection = watchers[id]?.session.subscriptions[subscription]?.selection,
      let view = views[selection]?.view
    else { return }
    while outlet.hasRoom, let message = watchers[id]?.session.next(subscription, view, now: .now()) { outlet.send(message) }
  }

  func sendEvents(_ id: WatcherID) {
    guard let watcher = watchers[id], let last = watcher.session.lastEvents else { return }
    for event in events(for: watcher.session, after: last) {
      guard watcher.outlet.hasRoom else { return }
      watcher.outlet.send(ServerMessage.event(event).json)
      watchers[id]?.session.sent(event: event.number, of: event.node)
    }
  }

  private func showTails(_ now: UInt64) {
    for (endpoint, records) in node.tailed.take() {
      if let share = tails[endpoint] { show(records, of: endpoint, share: share, now) { _ in true } }
    }
    for (endpoint, records) in peers.takeTailed() {
      if let share = peers.wanted.tails[endpoint] { show(records, of: endpoint, share: share, now) { !$0.isNode } }
    }
  }

  private func show(
    _ records: TailLog.Records, of endpoint: EndpointID, share: Double, _ now: UInt64, to isShown: (WatchSession) -> Bool
  ) {
    for (id, watcher) in watchers where isShown(watcher.session) {
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
