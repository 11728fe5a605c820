internal import Logging
internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoTunnel
internal import Synchronization

/// What nodes tell each other of their routes while the store cannot.
extension Membership {
  static let doubtInterval = Duration.milliseconds(250)
  /// For an answer of all links to a request that misses its endpoint.
  static let askTime = Duration.milliseconds(50)

  /// Looks at the store every quarter of a second: talks with all others while it is in doubt, and leaves off when it was well for a while.
  func watchStore() async {
    while (try? await Task.sleep(for: Self.doubtInterval)) != nil {
      noteReading()
      let (staleFor, now) = (store.health.staleFor, ContinuousClock.now)
      let (isDoubting, beginning, ending) = state.withLock { state -> (Bool, [RemoteNode], [Talk]) in
        state.isDoubting = state.doubt.look(staleFor: staleFor, now: now)
        guard state.isDoubting else {
          defer { state.ownTalks = [:] }
          return (false, [], Array(state.ownTalks.values))
        }
        return (true, state.peers.values.map(\.node).filter { $0.isReachable && state.ownTalks[$0.id] == nil }, [])
      }
      for talk in ending { talk.end() }
      for peer in beginning { await beginTalk(with: peer) }
      if !isDoubting { forgetTold() }
    }
  }

  /// A talk that this node began, on its loop.
  struct Talk: Sendable {
    let key: ObjectIdentifier
    let end: @Sendable () -> Void
  }

  private func beginTalk(with peer: RemoteNode) async {
    guard let loop = await loops.first(linkedTo: peer) else { return }
    let talk = try? await loop.eventLoop.submit { () -> Talk? in
      let talk = RouteTalk(loop.context, self, with: peer.id)
      guard talk.begin(with: peer) else { return nil }
      let bound = NIOLoopBound(talk, eventLoop: loop.eventLoop)
      let begun = Talk(key: ObjectIdentifier(talk)) { loop.eventLoop.execute { bound.value.end() } }
      self.state.withLock { $0.ownTalks[peer.id] = begun }
      return begun
    }.get()
    if talk != nil { node.logger.debug("routes are told over a link", metadata: ["node": "\(peer.id)"]) }
  }

  /// A node listens, and is told each endpoint that changes here.
  func talkBegan(_ key: ObjectIdentifier, with peer: NodeID, _ changed: @escaping @Sendable (EndpointID) -> Void) {
    listening.withLock { $0[key] = (peer, changed) }
  }

  func talkEnded(_ key: ObjectIdentifier, with peer: NodeID) {
    listening.withLock { $0[key] = nil }
    state.withLock { state in
      if state.ownTalks[peer]?.key == key { state.ownTalks[peer] = nil }
    }
  }

  /// - Parameter allThatItHas: with it the list is whole, and what is not in it is not there.
  func hear(_ routes: [EndpointID: Int], of id: NodeID, allThatItHas heard: Set<EndpointID>?) {
    let now = NIODeadline.now().uptimeNanoseconds
    let (peer, gone) = state.withLock { state in
      for (endpoint, count) in routes {
        state.noteMove(of: endpoint, on: id, count: count, now: now)
        state.known.tell(count, of: endpoint, on: id)
        if count > 0 { state.limits.appeared(endpoint) }
      }
      return (state.peers[id]?.node, heard.map { state.known.tellRest(of: id, heard: $0) } ?? [])
    }
    guard let peer else { return }
    for endpoint in routes.keys { apply(endpoint, on: peer) }
    for endpoint in gone { apply(endpoint, on: peer) }
  }

  /// The store is well: what was told counts no more, but of nodes that still talk.
  private func forgetTold() {
    let talking = Set(listening.withLock { $0.values.map(\.peer) })
    let changes = state.withLock { state in
      state.known.tellers.filter { !talking.contains($0) }.map { id in (state.peers[id]?.node, state.known.forgetTold(of: id)) }
    }
    for case (let peer?, let endpoints) in changes {
      for endpoint in endpoints { apply(endpoint, on: peer) }
    }
  }

  // MARK: Asking

  /// Asks about an endpoint that nothing is known of: the store if it answers, and the other nodes where it does not or may be behind them. Then
  /// waits for one that is about to come back. What was found is in the routes.
  func lookUp(_ endpoint: EndpointID) async {
    await ask(endpoint)
    // What the store has may be what a node took back a moment ago.
    if node.routes.routes(of: endpoint) == nil { _ = await awaitReturn(of: endpoint) }
  }

  private func ask(_ endpoint: EndpointID) async {
    if store.health.staleFor <= StoreDoubt.limit {
      switch await store.lookUp(endpoint) {
      case .found(let nodes):
        for (id, count) in nodes { set(endpoint, on: id, count: count) }
        if node.routes.routes(of: endpoint) != nil { return }
        // It has gone from there, and the store does not know it yet.
        fallthrough
      case .missing, .limited:
        guard state.withLock({ $0.isDoubting }) else { return }
      case .unanswered: break
      }
    }
    let asking = state.withLock { state -> Task<Void, Never>? in
      switch state.limits.decide(endpoint, now: .now) {
      case .missing, .limited: return nil
      case .join: return state.asking[endpoint]
      case .read:
        let task = Task { await self.askLinks(endpoint) }
        state.asking[endpoint] = task
        return task
      }
    }
    await asking?.value
  }

  private func askLinks(_ endpoint: EndpointID) async {
    let (message, loops) = (RouteMessage(ask: endpoint).json, loops)
    let answers = await withTaskGroup(of: (NodeID, Int).self) { group in
      for peer in peers.values.map(\.node) where peer.isReachable {
        group.addTask {
          let answer = await Inquiry.ask(peer, .routes, message, on: loops, within: Self.askTime)
          return (peer.id, answer.flatMap { try? RouteMessage(json: $0).listeners } ?? 0)
        }
      }
      return await group.reduce(into: [NodeID: Int]()) { $0[$1.0] = $1.1 }
    }
    let found = answers.filter { $0.value > 0 }
    state.withLock { state in
      state.asking[endpoint] = nil
      state.limits.finished(endpoint, isMissing: found.isEmpty, now: .now)
    }
    for (id, count) in found { hear([endpoint: count], of: id, allThatItHas: nil) }
  }
}
