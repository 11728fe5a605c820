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
    membership.noteReading()
    if !store.health.hasReadAll {
      logger.warning(
        "the store of the cluster does not answer yet", metadata: ["reason": "\((store.health.fault ?? "").escapedForDisplay)"])
    }
  }

  /// Agents are asked to move, a slice at a time, as long as there is another node to move to. Returns when none of those is left, when the time is
  /// over, or when those that are left seem to have nowhere to go.
  func moveAgents(_ running: Running, until end: ContinuousClock.Instant) async {
    guard let membership = running.node.membership else { return }
    membership.drain()
    let spread = MovePace.spread(
      listeners: running.node.routes.listeners, rate: configuration.upstream.registrationRate, others: membership.others,
      within: configuration.gracePeriod)
    let milliseconds = min(Int(spread.inSeconds * 1000), ControlMessage.maximumReconnectDelay)
    var patience = MovePatience(spread: spread)
    while ContinuousClock.now < end, membership.others > 0 {
      let progress = await running.loops.gather { context in context.moveTunnels(within: milliseconds) }
      let left = progress.reduce(0) { $0 + $1.left }
      let served = progress.reduce(0) { $0 &+ $1.served }
      guard patience.goesOn(left: left, served: served, now: NIODeadline.now().uptimeNanoseconds) else {
        if left > 0 { logger.warning("agents have not moved and are left behind", metadata: ["listeners": "\(left)"]) }
        return
      }
      try? await Task.sleep(for: .milliseconds(100))
    }
    if membership.others == 0 { _ = await running.loops.gather { $0.keepTunnels() } }
  }
}

extension Locked where Value == PicoError? {
  fileprivate func set(_ error: PicoError) { withLock { $0 = error } }
  fileprivate func get() -> PicoError? { withLock { $0 } }
}
