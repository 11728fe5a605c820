package import Logging
package import NIOCore
internal import NIOPosix
package import PicoCluster
package import PicoCore
internal import PicoHTTP
internal import PicoStatus
internal import PicoTracing
internal import PicoTunnel
internal import Synchronization

/// `pico server`: one node with its ports. Start it once, shut it down once.
package final class Server: Sendable {
  /// Makes the cluster's routes for a node.
  package typealias StoreMaker = @Sendable (NodeID, Logger) throws(PicoError) -> any RouteStore

  let configuration: ServerConfiguration
  let logger: Logger
  /// Nil for a node that is alone.
  private let makeStore: StoreMaker?
  private let accessLog: AccessLog?
  /// Ends the process as SIGTERM does, when an operator drains the node; nil where only the node is to end.
  private let leave: (@Sendable () -> Void)?
  private let running = Locked<Running?>(nil)

  struct Running: Sendable {
    var node: Node
    var group: MultiThreadedEventLoopGroup
    var descriptorLimit: Int
    var loops: NodeLoops
    var actions: ListenerActions
    var acceptors: [Acceptor]
    /// Of other nodes.
    var links: Acceptor?
    var proxyAddresses: [SocketAddress]
    var upstreamAddresses: [SocketAddress]
    var admin: [AdminServer]
    var history: HistoryRecorder
    var publisher: StatusPublisher
    var keys: KeyMaintenance
    var tls: PortsTLS
    var watching: Task<Void, Never>?
  }

  /// The access log stays the caller's, who closes it after `shutdown`.
  package init(
    configuration: ServerConfiguration, logger: Logger, accessLog: AccessLog? = nil, makeStore: StoreMaker? = nil,
    leave: (@Sendable () -> Void)? = nil
  ) {
    self.configuration = configuration
    self.leave = leave
    self.makeStore = makeStore
    self.logger = logger
    self.accessLog = accessLog
  }

  package var proxyAddresses: [SocketAddress] { running.withLock { $0?.proxyAddresses ?? [] } }
  package var upstreamAddresses: [SocketAddress] { running.withLock { $0?.upstreamAddresses ?? [] } }
  package var adminAddresses: [SocketAddress] { running.withLock { $0?.admin.first?.addresses ?? [] } }
  package var linkAddresses: [SocketAddress] { running.withLock { $0?.links?.addresses ?? [] } }
  package var nodeID: NodeID? { running.withLock { $0?.node.id } }
  var node: Node? { running.withLock { $0?.node } }
  var nodeLoops: NodeLoops? { running.withLock { $0?.loops } }
  var actions: ListenerActions? { running.withLock { $0?.actions } }
  var publisher: StatusPublisher? { running.withLock { $0?.publisher } }
  package var listenerCount: Int { running.withLock { $0?.node.routes.listeners ?? 0 } }

  /// Listens on all ports when it returns.
  /// - Throws: ``PicoError``: `addressInUse` or `badConfiguration`, naming the key and the address.
  package func start() async throws {
    let threads = configuration.server.threads > 0 ? configuration.server.threads : System.coreCount
    let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    do {
      let running = try await open(group)
      self.running.withLock { $0 = running }
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
  }

  private func open(_ group: MultiThreadedEventLoopGroup) async throws -> Running {
    let resources = group.makeIterator().enumerated().map { LoopResources(eventLoop: $0.element, index: $0.offset) }
    guard let id = NodeID(prefix: configuration.node.idPrefix.text) else {
      throw PicoError(.badConfiguration, "node.id-prefix: not a node prefix", side: .internal)
    }
    let authenticators = try await Authenticators(configuration, on: group.next(), logger: logger)
    let descriptorLimit = DescriptorLimit.raise()
    let limits = ProxyLimits(configuration, descriptorLimit: descriptorLimit, loops: resources.count)
    let link = makeStore == nil ? nil : try configuration.cluster.linkSettings()
    let spans = try SpanExporter(
      configuration.tracing, resource: .init(service: "pico-server", instance: id.text), on: group.next(), logger: logger)
    let node = Node(
      id: id, configuration: configuration, limits: limits, loops: resources, logger: logger, accessLog: accessLog,
      startedAt: WallClock.seconds(), authenticators: authenticators, link: link, spans: spans)
    let loops = NodeLoops(resources: resources, node: node, limits: limits)
    let actions = ListenerActions(
      node: node, loops: loops, leave: leave ?? { [weak self] in Task { await self?.shutdown(graceful: true) } })
    let tls = try PortsTLS(configuration, logger: logger)
    var acceptors: [Acceptor] = []
    var links: Acceptor?
    do {
      let upstream = configuration.sharesSocket ? nil : configuration.upstream.listen
      acceptors.append(
        try ProxyPortListener.open(
          configuration.proxy.listen, key: "proxy.listen", port: upstream == nil ? [.requests, .listeners] : .requests, tls: tls.proxy,
          loops: loops))
      if let upstream {
        acceptors.append(try ProxyPortListener.open(upstream, key: "upstream.listen", port: .listeners, tls: tls.upstream, loops: loops))
      }
      if let makeStore, let link {
        let acceptor = try ProxyPortListener.open(
          configuration.cluster.listen, key: "cluster.listen", port: .links, tls: tls.cluster, loops: loops)
        links = acceptor
        try await join(node, loops, actions, try makeStore(id, logger), link, links: acceptor)
      }
      let history = HistoryRecorder(node: node, loops: loops)
      let publisher = StatusPublisher(node: node, loops: loops, actions: actions, history: history)
      let admin = try await openAdmin(
        NodeReport(node: node, loops: loops, actions: actions, publisher: publisher, tls: tls), publisher, authenticators,
        AdminGate(node: node), tls.admin, group
      )
      node.publisher = publisher
      await history.start()
      logger.info(
        "limits",
        metadata: [
          "proxy.max-connections": "\(limits.maxConnections)", "memory.max-buffered": "\(ByteSize(bytes: limits.maxBuffered))",
        ])
      let keys = KeyMaintenance(authenticators: authenticators, loops: loops)
      keys.start()
      spans?.start()
      node.events.record(
        .nodeJoined, ["address": node.configuration.proxy.listen.description, "version": PicoVersion.current], shownTo: .everybody)
      return Running(
        node: node, group: group, descriptorLimit: descriptorLimit, loops: loops, actions: actions, acceptors: acceptors, links: links,
        proxyAddresses: acceptors.first?.addresses ?? [], upstreamAddresses: acceptors.last?.addresses ?? [], admin: admin,
        history: history, publisher: publisher, keys: keys, tls: tls, watching: watch(tls, link))
    } catch {
      for acceptor in acceptors + [links].compactMap({ $0 }) { acceptor.close() }
      await node.membership?.leave(takingBack: true)
      throw error
    }
  }

  private func openAdmin(
    _ source: NodeReport, _ publisher: StatusPublisher, _ authenticators: Authenticators, _ gate: AdminGate,
    _ tls: PortTLS?, _ group: MultiThreadedEventLoopGroup
  ) async throws -> [AdminServer] {
    let options = configuration.admin
    var settings = AdminServer.Settings(
      addresses: try ListenAddresses.resolve(options.listen, key: "admin.listen"),
      policy: AdminPolicy(
        allowedOrigins: options.allowedOrigins, allowedHosts: options.allowedHosts, protectsHealth: options.protectsHealth))
    settings.authenticator = authenticators.admin
    settings.gate = gate
    settings.maximumWatchers = options.maxWatchers
    settings.tls = tls
    var servers = [try await AdminServer.start(settings: settings, source: source, publisher: publisher, group: group)]
    if let probe = options.probeListen {
      do {
        servers.append(
          try await AdminServer.start(
            settings: .init(
              addresses: try ListenAddresses.resolve(probe, key: "admin.probe-listen"), policy: AdminPolicy(probesOnly: true),
              key: "admin.probe-listen"), source: source, group: group))
      } catch {
        for server in servers { await server.shutdown() }
        throw error
      }
    }
    return servers
  }

  /// Takes over times and limits of a configuration that was read again, for what begins from now on; the rest of it changes nothing.
  package func apply(_ configuration: ServerConfiguration) async {
    guard let running = running.withLock({ $0 }) else { return }
    let limits = ProxyLimits(configuration, descriptorLimit: running.descriptorLimit, loops: running.loops.loops.count)
    running.node.authenticators.apply(configuration)
    await running.loops.apply(limits, PortAccess(configuration))
    for server in running.admin { server.closeRefused() }
  }

  /// Reads key files and key sets again that are due, at once.
  package func readKeysAgain() async {
    guard let keys = running.withLock({ $0?.keys }) else { return }
    await keys.run()
  }

  /// Returns when each event loop has come round: never, when one hangs. At once before the start and while the node ends.
  package func visitLoops() async {
    guard let loops = running.withLock({ $0?.loops }) else { return }
    _ = await loops.gather { _ in true }
  }

  /// Reads the files of certificates and the cluster's secret again; new connections have the new ones.
  package func readCertificatesAgain() {
    guard let running = running.withLock({ $0 }) else { return }
    running.tls.readAgain()
    running.node.link?.secrets?.readAgain(logger)
  }

  /// Looks at the files of certificates and at the cluster's secret every two seconds until it is cancelled. Nil without any.
  private func watch(_ tls: PortsTLS, _ link: LinkSettings?) -> Task<Void, Never>? {
    let secrets = link?.secrets
    guard tls.isOn || secrets != nil else { return nil }
    return Task { [logger] in
      while (try? await Task.sleep(for: Self.watchInterval)) != nil {
        tls.look()
        secrets?.look(logger)
      }
    }
  }

  static let watchInterval = Duration.seconds(2)

  // MARK: Leaving

  /// Ends the node. Gracefully: `/ready` says no for `drain-delay` while all is served, then every response closes its connection, agents are
  /// asked to move, and what is in flight has the grace period to finish.
  package func shutdown(graceful: Bool) async {
    guard
      let running = running.withLock({ running in
        defer { running = nil }
        return running
      })
    else { return }
    running.watching?.cancel()
    running.node.startLeaving()
    if graceful {
      try? await Task.sleep(for: configuration.drainDelay)
      running.node.startDraining()
      await drain(running)
    }
    for acceptor in running.acceptors { acceptor.close() }
    if let membership = running.node.membership {
      await membership.leave(takingBack: graceful)
      if graceful { await awaitLastHops(running) }
      running.links?.close()
    }
    await running.loops.closeAll()
    await running.node.spans?.stop()
    await running.keys.stop()
    await running.history.stop()
    running.node.events.record(.nodeLeft, ["reason": graceful ? "shutting down" : "stopped at once"], shownTo: .everybody)
    running.node.publisher = nil
    await running.publisher.shutdown()
    for server in running.admin { await server.shutdown() }
    try? await running.group.shutdownGracefully()
  }

  /// Other nodes may have sent hops until they hear that none are taken any more. Those are served, and their answers are with the other node
  /// before the link closes.
  private func awaitLastHops(_ running: Running) async {
    let clock = ContinuousClock()
    let start = clock.now
    func wait(atMost limit: Duration, while holds: () async -> Bool) async {
      let end = start + min(configuration.gracePeriod, limit)
      while clock.now < end, await holds() { try? await Task.sleep(for: .milliseconds(20)) }
    }
    await running.loops.leaveLinks()
    await wait(atMost: .seconds(2)) { await running.loops.silentLinks() > 0 }
    await wait(atMost: .seconds(5)) { await running.loops.inFlight() > 0 }
    await running.loops.askLinks()
    await wait(atMost: .seconds(2)) { await running.loops.silentLinks() > 0 }
  }

  private func drain(_ running: Running) async {
    // Requests are still answered, on connections new and old, each with `Connection: close`, until none came for a second; the only node keeps
    // its tunnels to the end, so that those requests reach their listeners too. Idle connections close then, and not before: a load balancer
    // that has not noticed yet sends its next request on any of them. Whoever only looks whether the node is ready, or whether the port is
    // open, does so for ever: that keeps nobody.
    let clock = ContinuousClock()
    let end = clock.now + configuration.gracePeriod
    async let moving: Void = moveAgents(running, until: end)
    var quietSince = clock.now
    var visits = running.node.visits.load(ordering: .relaxed)
    while clock.now < end {
      await running.loops.sayFarewell()
      try? await Task.sleep(for: .milliseconds(50))
      let now = running.node.visits.load(ordering: .relaxed)
      if now != visits {
        visits = now
        quietSince = clock.now
      }
      guard clock.now - quietSince >= .seconds(1) else { continue }
      await running.loops.closeIdle()
      if await running.loops.newcomers() == 0, await running.loops.inFlight() == 0 { break }
    }
    await moving
    for acceptor in running.acceptors { acceptor.close() }
    while clock.now < end, await running.loops.inFlight() > 0 { try? await Task.sleep(for: .milliseconds(20)) }
    // The end of a plain yamux session is a reset, which must not overtake the last bytes of a request.
    while clock.now < end, await running.loops.owingTunnels() > 0 { try? await Task.sleep(for: .milliseconds(20)) }
    let left = await running.loops.inFlight()
    if left > 0 { logger.warning("grace period over with requests in flight", metadata: ["requests": "\(left)"]) }
  }
}
