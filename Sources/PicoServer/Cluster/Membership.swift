internal import Logging
internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// This node's place in the cluster: tells the store what it has, and makes of what the store tells of the others nodes that hops can go to.
final class Membership: Sendable {
  struct Peer {
    let node: RemoteNode
    var record: NodeRecord
  }

  struct State {
    var peers: [NodeID: Peer] = [:]
    /// What each other node has, also of nodes whose record has not come.
    var known = KnownRoutes()
    var expected = ExpectedEndpoints()
    /// One for each endpoint that requests wait for.
    var waiting: [EndpointID: Task<Bool, Never>] = [:]
    var tasks: [Task<Void, Never>] = []
    var joining = Joining()
    /// This node gives its listeners away.
    var isDraining = false
    /// IDs of blocks that the store holds.
    var storedBlocks: Set<String> = []
    var doubt: StoreDoubt
    var isDoubting = true
    /// Talks that this node began, with nodes that it still talks with.
    var ownTalks: [NodeID: Talk] = [:]
    var limits = LookupLimits()
    /// Endpoints that the links are asked for now.
    var asking: [EndpointID: Task<Void, Never>] = [:]

    /// A node says how many listeners of the endpoint it has. When it has none left, they may be somewhere else; when it drains, they will be.
    mutating func noteMove(of endpoint: EndpointID, on id: NodeID, count: Int, now: UInt64) {
      guard count == 0 else { return }
      let isDraining = peers[id]?.record.state == .draining
      expected.expect(endpoint, within: isDraining ? ExpectedEndpoints.patience : ExpectedEndpoints.moment, now: now)
    }
  }

  let store: any RouteStore
  let node: Node
  let loops: NodeLoops
  let actions: ListenerActions
  private let link: LinkSettings
  private let addresses: [String]
  let state: Locked<State>
  /// Nodes that are told each endpoint that changes here.
  let listening = Locked<[ObjectIdentifier: (peer: NodeID, changed: @Sendable (EndpointID) -> Void)]>([:])
  private let newBlocks: AsyncStream<String>
  let blocksToWrite: AsyncStream<String>.Continuation
  /// Held while a count is read and told, so that the last one told is the last one read.
  // A value of no size would stand where the lock itself begins, which the thread sanitizer takes for a race.
  private let telling = Locked(0)
  /// Held while what is known of an endpoint is looked up and becomes a route.
  private let applying = Locked(0)

  /// A record is told again after so many seconds, or after one when it is another.
  private static let recordInterval = 5

  /// - Parameter addresses: where other nodes reach this one.
  init(store: any RouteStore, node: Node, loops: NodeLoops, actions: ListenerActions, link: LinkSettings, addresses: [String]) {
    self.store = store
    self.node = node
    self.loops = loops
    self.actions = actions
    state = Locked(State(doubt: StoreDoubt(settling: node.configuration.cluster.leaseTTL, now: .now)))
    (newBlocks, blocksToWrite) = AsyncStream.makeStream()
    self.link = link
    self.addresses = addresses
  }

  // MARK: Life

  /// From here on the others know this node, and it them.
  /// - Parameter failed: told when the store will not have this node.
  func start(failed: @escaping @Sendable (PicoError) -> Void) {
    tellRecord()
    store.askAlive { [weak self] id in self?.state.withLock { $0.peers[id]?.node.isReachable } ?? false }
    node.routes.observe { [weak self] in self?.tell($0) }
    // The ports are open already, and some may have come.
    for routes in node.routes.all { tell(routes.endpoint) }
    let running = Task { [store] in
      do throws(PicoError) { try await store.run() } catch { failed(error) }
    }
    let following = Task {
      while let changes = await self.store.changes.next() { await self.obey(changes) }
    }
    let reporting = Task { await self.report() }
    let watching = Task { await self.watchStore() }
    let writing = Task { [newBlocks] in await self.writeBlocks(newBlocks) }
    let balancing = node.configuration.cluster.rebalances ? [Task { await self.balance() }] : []
    state.withLock { $0.tasks = [running, following, reporting, watching, writing] + balancing }
  }

  /// Others balance by what is told here, so what moved by a hundredth is told soon.
  private func report() async {
    var told = node.routes.listeners
    var age = 0
    while (try? await Task.sleep(for: .seconds(1))) != nil {
      state.withLock { $0.expected.forgetPast(now: NIODeadline.now().uptimeNanoseconds) }
      await endDoubts(now: .now)
      age += 1
      let listeners = node.routes.listeners
      guard age >= Self.recordInterval || abs(listeners - told) * 100 > told else { continue }
      (told, age) = (listeners, 0)
      tellRecord()
    }
  }

  /// The others give this node nothing that they can give elsewhere.
  func drain() {
    state.withLock { $0.isDraining = true }
    tellRecord()
  }

  /// Ends all links, and before that takes everything back that was told, unless the others are to find out by themselves.
  func leave(takingBack: Bool) async {
    if takingBack { await store.leave() }
    let (tasks, peers) = state.withLock { state in
      defer { (state.peers, state.tasks, state.ownTalks) = ([:], [], [:]) }
      return (state.tasks, state.peers.values.map(\.node))
    }
    for task in tasks { task.cancel() }
    for peer in peers { _ = await loops.gather { context in peer.link(context.resources)?.stop() } }
  }

  /// Others that take listeners and requests.
  var others: Int { state.withLock { $0.peers.values.count { $0.record.state == .active && $0.node.isReachable } } }

  /// How many listeners each of those has.
  var listenersOfOthers: [Int] {
    state.withLock { $0.peers.values.filter { $0.record.state == .active && $0.node.isReachable }.map(\.record.listeners) }
  }

  /// All that the store knows of, with what they say of themselves there.
  var peers: [NodeID: (node: RemoteNode, record: NodeRecord)] {
    state.withLock { $0.peers.mapValues { ($0.node, $0.record) } }
  }

  /// For the metrics; this node counts among the nodes.
  var report: MetricsReport.Cluster {
    let peers = state.withLock { Array($0.peers.values) }
    var report = MetricsReport.Cluster()
    report.storeStaleSeconds = store.health.staleFor.inSeconds
    if node.isDraining { report.draining += 1 } else { report.active += 1 }
    for peer in peers {
      if !peer.node.isReachable {
        report.unreachable += 1
      } else if peer.record.state == .draining {
        report.draining += 1
      } else {
        report.active += 1
      }
      report.forwarded.append((peer.node.id.text, peer.node.hops))
    }
    report.forwarded.sort { $0.node < $1.node }
    return report
  }

  /// Remembers that the store has been read, once it has.
  func noteReading() {
    if store.health.hasReadAll { state.withLock { $0.joining.read(now: .now) } }
  }

  /// Why new requests should not be sent here yet.
  var unreadiness: String? {
    state.withLock { state in
      let isLinked = state.peers.values.allSatisfy { $0.record.state != .active || $0.node.isReachable }
      return state.joining.reason(isLinked: isLinked, now: .now)
    }
  }

  // MARK: Telling

  private func tell(_ endpoint: EndpointID) {
    let count = node.routes.routes(of: endpoint)?.count ?? 0
    if count == 0 {
      let now = NIODeadline.now().uptimeNanoseconds
      state.withLock { $0.expected.expect(endpoint, within: ExpectedEndpoints.moment, now: now) }
    }
    telling.withLock { _ in store.setListeners(node.routes.routes(of: endpoint)?.count ?? 0, for: endpoint) }
    for told in listening.withLock({ $0.values.map(\.changed) }) { told(endpoint) }
  }

  private func tellRecord() {
    let isDraining = state.withLock { $0.isDraining } || node.isDraining
    store.setRecord(
      NodeRecord(
        addresses: addresses, version: PicoVersion.current, state: isDraining ? .draining : .active, listeners: node.routes.listeners))
  }

  // MARK: Hearing

  private func obey(_ changes: [ClusterChange]) async {
    // Before its routes: whether those are to be believed depends on it.
    for case .node(let id, nil) in changes { await lose(id) }
    for change in changes {
      switch change {
      case .node(let id, let record?): await update(id, record)
      case .node(_, nil): break
      case .route(let endpoint, let id, let count): set(endpoint, on: id, count: count)
      case .block(let id, let value): await obey(block: id, value)
      }
    }
  }

  private func update(_ id: NodeID, _ record: NodeRecord) async {
    let addresses = record.addresses.compactMap { try? HostPort(text: $0) }
    let (peer, isNew, routes) = state.withLock { state -> (RemoteNode, Bool, [EndpointID]) in
      state.known.list(id, now: .now)
      if let known = state.peers[id] {
        state.peers[id]?.record = record
        return (known.node, false, [])
      }
      let peer = RemoteNode(id: id, eventLoop: loops.loops[0].eventLoop, loopCount: node.loopCount) { [weak self] peer in
        Task { await self?.tellBlocks(to: peer) }
      }
      state.peers[id] = Peer(node: peer, record: record)
      return (peer, true, Array(state.known.routes(of: id).keys))
    }
    if peer.isDraining != (record.state == .draining) {
      peer.isDraining = record.state == .draining
      node.logger.info("node \(peer.isDraining ? "drains" : "is back")", metadata: ["node": "\(id)"])
    }
    let link = link
    _ = await loops.gather { context in
      if isNew { Link(context, to: peer, at: addresses, link).start() } else { peer.link(context.resources)?.set(addresses) }
    }
    guard isNew else { return }
    node.logger.info(
      "node joined", metadata: ["node": "\(id)", "address": "\(record.addresses.first ?? "")", "version": "\(record.version)"])
    for endpoint in routes { apply(endpoint, on: peer) }
  }

  /// The node's record is gone. One that drained has left; one that is linked does not reach the store.
  private func lose(_ id: NodeID) async {
    let isKept = state.withLock { state in
      guard let peer = state.peers[id], peer.record.state != .draining, peer.node.isLinked else { return false }
      state.known.unlist(id)
      return true
    }
    guard isKept else { return await remove(id) }
    node.logger.warning("a node is gone from the store and is linked: what it has is kept", metadata: ["node": "\(id)"])
  }

  /// Forgets what was kept of nodes that are not in the store, once their links are gone too, and what others did not say again.
  private func endDoubts(now: ContinuousClock.Instant) async {
    let (gone, doubts) = state.withLock { state in
      let gone = state.peers.filter { state.known.isUnlisted($0.key) && !$0.value.node.isLinked }.map(\.key)
      var doubts: [(RemoteNode, EndpointID)] = []
      for (id, peer) in state.peers {
        for endpoint in state.known.endDoubt(of: id, now: now) { doubts.append((peer.node, endpoint)) }
      }
      return (gone, doubts)
    }
    for (peer, endpoint) in doubts { apply(endpoint, on: peer) }
    for id in gone { await remove(id, ifUnlisted: true) }
  }

  private func remove(_ id: NodeID, ifUnlisted: Bool = false) async {
    let (peer, routes) = state.withLock { state -> (Peer?, [EndpointID]) in
      if ifUnlisted, !state.known.isUnlisted(id) { return (nil, []) }
      let routes = state.known.remove(id)
      let peer = state.peers.removeValue(forKey: id)
      if peer?.record.state == .draining {
        let now = NIODeadline.now().uptimeNanoseconds
        for endpoint in routes { state.expected.expect(endpoint, now: now) }
      }
      return (peer, routes)
    }
    guard let peer else { return }
    for endpoint in routes { apply(endpoint, on: peer.node) }
    let departed = peer.node
    _ = await loops.gather { context in departed.link(context.resources)?.letGo() }
    let reason = peer.record.state == .draining ? "shutting down" : "not heard of any more"
    node.logger.info("node left", metadata: ["node": "\(id)", "reason": "\(reason)"])
    node.events.record(.nodeLeft, ["other": id.text, "reason": reason], shownTo: .everybody)
  }

  /// As the store says.
  func set(_ endpoint: EndpointID, on id: NodeID, count: Int) {
    let now = NIODeadline.now().uptimeNanoseconds
    let peer = state.withLock { state in
      state.noteMove(of: endpoint, on: id, count: count, now: now)
      return state.known.store(count, of: endpoint, on: id) ? state.peers[id]?.node : nil
    }
    if let peer { apply(endpoint, on: peer) }
  }

  /// Requests go by what is known of the endpoint now. One at a time, so that the last that is known is what counts.
  func apply(_ endpoint: EndpointID, on peer: RemoteNode) {
    applying.withLock { _ in
      node.routes.set(endpoint, on: peer, count: state.withLock { $0.known.count(of: endpoint, on: peer.id) })
    }
  }

  // MARK: Talking

  /// Who answers when another node talks about something, on the loop of its link; nil where nobody does.
  func partner(about topic: LinkTopic, of peer: NodeID, on loop: LoopContext) -> (any ConversationDelegate)? {
    switch topic {
    case .status: nil
    case .actions: ActionPartner(loop, actions)
    case .routes: RouteTalk(loop, self, with: peer)
    }
  }

  /// Its only listener leaves, and will be somewhere else in a moment.
  func expect(_ endpoint: EndpointID) {
    let now = NIODeadline.now().uptimeNanoseconds
    state.withLock { $0.expected.expect(endpoint, now: now) }
  }

  func expects(_ endpoint: EndpointID) -> Bool {
    let now = NIODeadline.now().uptimeNanoseconds
    return state.withLock { $0.expected.deadline(of: endpoint, now: now) } != nil
  }

  /// True when the endpoint has a listener somewhere; at once unless it is expected back.
  func awaitReturn(of endpoint: EndpointID) async -> Bool {
    let now = NIODeadline.now().uptimeNanoseconds
    let task: Task<Bool, Never>? = state.withLock { state in
      guard let deadline = state.expected.deadline(of: endpoint, now: now) else { return nil }
      if let task = state.waiting[endpoint] { return task }
      let task = Task { await self.watch(for: endpoint, until: deadline) }
      state.waiting[endpoint] = task
      return task
    }
    return await task?.value ?? false
  }

  private func watch(for endpoint: EndpointID, until deadline: UInt64) async -> Bool {
    defer { state.withLock { $0.waiting[endpoint] = nil } }
    while NIODeadline.now().uptimeNanoseconds < deadline {
      if node.routes.routes(of: endpoint)?.isEmpty == false { return true }
      guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return false }
    }
    return false
  }
}
