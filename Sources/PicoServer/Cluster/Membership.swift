internal import Logging
internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// This node's place in the cluster: tells the store what it has, and makes of what the store tells of the others nodes that hops can go to.
final class Membership: Sendable {
  private struct Peer {
    let node: RemoteNode
    var record: NodeRecord
  }

  private struct State {
    var peers: [NodeID: Peer] = [:]
    /// What each other node has, also of nodes whose record has not come.
    var routes: [NodeID: PeerRoutes] = [:]
    var expected = ExpectedEndpoints()
    /// One for each endpoint that requests wait for.
    var waiting: [EndpointID: Task<Bool, Never>] = [:]
    var tasks: [Task<Void, Never>] = []
  }

  let store: any RouteStore
  let node: Node
  let loops: NodeLoops
  private let link: LinkSettings
  private let addresses: [String]
  private let state = Locked(State())
  /// Held while a count is read and told, so that the last one told is the last one read.
  private let telling = Locked(())

  /// A record is told again after so many seconds, or after one when it is another.
  private static let recordInterval = 5

  /// - Parameter addresses: where other nodes reach this one.
  init(store: any RouteStore, node: Node, loops: NodeLoops, link: LinkSettings, addresses: [String]) {
    self.store = store
    self.node = node
    self.loops = loops
    self.link = link
    self.addresses = addresses
  }

  // MARK: Life

  /// From here on the others know this node, and it them.
  /// - Parameter failed: told when the store will not have this node.
  func start(failed: @escaping @Sendable (PicoError) -> Void) {
    tellRecord(.active)
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
    let balancing = node.configuration.cluster.rebalances ? [Task { await self.balance() }] : []
    state.withLock { $0.tasks = [running, following, reporting] + balancing }
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
      tellRecord(node.isDraining ? .draining : .active)
    }
  }

  /// The others give this node nothing that they can give elsewhere.
  func drain() { tellRecord(.draining) }

  /// Ends all links, and before that takes everything back that was told, unless the others are to find out by themselves.
  func leave(takingBack: Bool) async {
    if takingBack { await store.leave() }
    let (tasks, peers) = state.withLock { state in
      defer { state = State() }
      return (state.tasks, state.peers.values.map(\.node))
    }
    for task in tasks { task.cancel() }
    for peer in peers { await unlink(peer) }
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

  // MARK: Telling

  private func tell(_ endpoint: EndpointID) {
    telling.withLock { _ in store.setListeners(node.routes.routes(of: endpoint)?.count ?? 0, for: endpoint) }
  }

  private func tellRecord(_ state: NodeRecord.State) {
    store.setRecord(
      NodeRecord(addresses: addresses, version: PicoVersion.current, state: state, listeners: node.routes.listeners))
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
      case .block: break
      }
    }
  }

  private func update(_ id: NodeID, _ record: NodeRecord) async {
    let addresses = record.addresses.compactMap { try? HostPort(text: $0) }
    let (peer, isNew, routes) = state.withLock { state -> (RemoteNode, Bool, [EndpointID: Int]) in
      state.routes[id, default: PeerRoutes()].list(now: .now)
      if let known = state.peers[id] {
        state.peers[id]?.record = record
        return (known.node, false, [:])
      }
      let peer = RemoteNode(id: id, eventLoop: loops.loops[0].eventLoop, loopCount: node.loopCount)
      state.peers[id] = Peer(node: peer, record: record)
      return (peer, true, state.routes[id]?.counts ?? [:])
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
    for (endpoint, count) in routes { apply(endpoint, on: peer, count: count) }
  }

  /// The node's record is gone. One that drained has left; one that is linked does not reach the store.
  private func lose(_ id: NodeID) async {
    let isKept = state.withLock { state in
      guard let peer = state.peers[id], peer.record.state != .draining, peer.node.isLinked else { return false }
      state.routes[id, default: PeerRoutes()].unlist()
      return true
    }
    guard isKept else { return await remove(id) }
    node.logger.warning("a node is gone from the store and is linked: what it has is kept", metadata: ["node": "\(id)"])
  }

  /// Forgets what was kept of nodes that are not in the store, once their links are gone too, and what others did not say again.
  private func endDoubts(now: ContinuousClock.Instant) async {
    let (gone, doubts) = state.withLock { state in
      let gone = state.peers.filter { state.routes[$0.key]?.isUnlisted == true && !$0.value.node.isLinked }.map(\.key)
      var doubts: [(RemoteNode, EndpointID)] = []
      for (id, peer) in state.peers {
        for endpoint in state.routes[id]?.endDoubt(now: now) ?? [] { doubts.append((peer.node, endpoint)) }
      }
      return (gone, doubts)
    }
    for (peer, endpoint) in doubts { apply(endpoint, on: peer, count: 0) }
    for id in gone { await remove(id, ifUnlisted: true) }
  }

  private func remove(_ id: NodeID, ifUnlisted: Bool = false) async {
    let (peer, routes) = state.withLock { state -> (Peer?, PeerRoutes?) in
      if ifUnlisted, state.routes[id]?.isUnlisted != true { return (nil, nil) }
      let routes = state.routes.removeValue(forKey: id)
      let peer = state.peers.removeValue(forKey: id)
      if peer?.record.state == .draining, let routes {
        for endpoint in routes.counts.keys { state.expected.expect(endpoint, now: NIODeadline.now().uptimeNanoseconds) }
      }
      return (peer, routes)
    }
    guard let peer else { return }
    for endpoint in routes?.counts.keys ?? [:].keys { apply(endpoint, on: peer.node, count: 0) }
    await unlink(peer.node)
    let reason = peer.record.state == .draining ? "shutting down" : "not heard of any more"
    node.logger.info("node left", metadata: ["node": "\(id)", "reason": "\(reason)"])
    node.events.record(.nodeLeft, ["other": id.text, "reason": reason], shownTo: .everybody)
  }

  private func unlink(_ peer: RemoteNode) async {
    _ = await loops.gather { context in peer.link(context.resources)?.stop() }
  }

  private func set(_ endpoint: EndpointID, on id: NodeID, count: Int) {
    let now = NIODeadline.now().uptimeNanoseconds
    let peer = state.withLock { state in
      let peer = state.peers[id]
      if count == 0, peer?.record.state == .draining { state.expected.expect(endpoint, now: now) }
      return state.routes[id, default: PeerRoutes()].tell(count, of: endpoint) ? peer?.node : nil
    }
    if let peer { apply(endpoint, on: peer, count: count) }
  }

  private func apply(_ endpoint: EndpointID, on peer: RemoteNode, count: Int) {
    node.routes.set(endpoint, on: peer, count: count) {
      Listener(elsewhere: peer, endpoint: endpoint, loopCount: node.loopCount)
    }
  }

  // MARK: Asking

  /// Asks the store about an endpoint that nothing is known of, and waits for one that is about to come back; true when there is more to know now.
  func lookUp(_ endpoint: EndpointID) async -> Bool {
    guard case .found(let nodes) = await store.lookUp(endpoint) else { return await awaitReturn(of: endpoint) }
    for (id, count) in nodes { set(endpoint, on: id, count: count) }
    return true
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

extension Listener {
  /// What other nodes have, as one.
  convenience init(elsewhere peer: RemoteNode, endpoint: EndpointID, loopCount: Int) {
    self.init(
      id: .random(), endpoint: endpoint, loop: peer.nowhere, loopCount: loopCount, isPico: true, remoteAddress: "", connectedAt: 0,
      remote: peer,
      agent: AgentFacts())
  }
}
