internal import Logging
internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoTransport
internal import PicoTunnel
internal import Synchronization

extension ServerConfiguration.Cluster {
  /// How this node and the others know each other.
  /// - Throws: `badConfiguration` with the key and the file.
  func linkSettings() throws(PicoError) -> LinkSettings {
    var settings = LinkSettings(cluster: name ?? "", secrets: nil, tls: nil, serverName: serverName)
    if let secretFile { settings.secrets = try LinkSecrets(file: secretFile) }
    if let certificate = tls.certificate, let key = tls.key {
      settings.tls = try TLSContext.make(
        caFile: tls.clientCA, key: "cluster.tls.client-ca", credentials: .init(certificateFile: certificate, keyFile: key))
    }
    return settings
  }
}

extension Server {
  /// How long the start waits for the store to be read. Without an answer the node serves what it has, and is not ready.
  private static let patience = Duration.seconds(3)

  /// The node joins the others: it takes links, and knows what the store knows if that answers soon.
  /// - Throws: ``PicoError`` where the store will not have the node.
  func join(
    _ node: Node, _ loops: NodeLoops, _ actions: ListenerActions, _ store: any RouteStore, _ link: LinkSettings, links: Acceptor
  ) async throws(PicoError) {
    let cluster = configuration.cluster
    let port = links.addresses.first?.port ?? cluster.listen.port
    let address = cluster.advertise ?? HostPort(host: cluster.listen.host, port: port)
    let membership = Membership(
      store: store, node: node, loops: loops, actions: actions, link: link, addresses: [address.description])
    node.membership = membership
    let fault = Locked<PicoError?>(nil)
    membership.start { [logger] error in
      fault.set(error)
      logger.error("this node is not in the cluster", metadata: ["reason": "\(error)"])
    }
    let deadline = ContinuousClock.now + Self.patience
    while !store.health.hasReadAll, ContinuousClock.now < deadline {
      if let error = fault.get() { throw error }
      try? await Task.sleep(for: .milliseconds(5))
    }
    if !store.health.hasReadAll {
      logger.warning(
        "the store of the cluster does not answer yet", metadata: ["reason": "\((store.health.fault ?? "").escapedForDisplay)"])
    }
  }

  /// Agents are asked to move, a slice at a time, as long as there is another node to move to. Returns when none of those is left, or when the
  /// time is over.
  func moveAgents(_ running: Running, until end: ContinuousClock.Instant) async {
    guard let membership = running.node.membership else { return }
    membership.drain()
    while ContinuousClock.now < end, membership.others > 0 {
      let left = await running.loops.gather { context in context.moveTunnels() }.reduce(0, +)
      guard left > 0 else { return }
      try? await Task.sleep(for: .milliseconds(100))
    }
  }
}

extension LoopContext {
  /// Asks the next tenth of the agents to open a tunnel elsewhere, and one at least; how many are still here. A plain yamux peer knows only the
  /// end of its tunnel, and is left until then.
  func moveTunnels() -> Int {
    let all = tunnels.values.filter { $0.listener.isPico && $0.listener.state != .draining }
    let waiting = all.filter { !$0.isAskedToMove }
    for session in waiting.prefix(max(20, all.count / 10)) { session.askToMove() }
    return all.count
  }
}

extension Locked where Value == PicoError? {
  fileprivate func set(_ error: PicoError) { withLock { $0 = error } }
  fileprivate func get() -> PicoError? { withLock { $0 } }
}
