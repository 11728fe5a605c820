internal import Glibc
package import Logging
internal import NIOCore
internal import NIOPosix
internal import PicoClient
internal import PicoConfiguration
package import PicoCore
internal import PicoTracing
internal import PicoTunnel
internal import Synchronization

/// An agent: listeners registered with one server, each joined to a service.
///
/// Streams are relayed on the event loop of their tunnel; there are as many loops as tunnels or cores, whichever is less.
package final class Agent: Sendable {
  private struct Running {
    var group: MultiThreadedEventLoopGroup
    var loops: [(eventLoop: any EventLoop, loop: NIOLoopBound<AgentLoop>)] = []
    var listeners: [Listener] = []
    var probes: [HealthProbe] = []
    var metrics: MetricsEndpoint?
    var spans: SpanExporter?
    var accessLogs: [AccessLogDestination: AccessLog] = [:]
  }

  package let configuration: AgentConfiguration
  package let agentID: AgentID
  private let logger: Logger
  private let running = Locked<Running?>(nil)

  package init(configuration: AgentConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
    agentID = configuration.agent.id ?? .random()
  }

  /// Begins to connect and returns; listeners connect, and connect again, for ever.
  /// - Throws: `badConfiguration` for a file that cannot be read, `addressInUse` for the metrics' address.
  package func start() async throws {
    let services = try configuration.listeners.map { try UpstreamService($0, logger: logger) }
    let server = try ServerConnector(configuration.server.access, logger: logger)
    let tunnels = configuration.listeners.reduce(0) { $0 + max(1, $1.connections) }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, min(System.coreCount, tunnels)))
    var running = Running(group: group)
    do {
      try await start(services, server, &running)
    } catch {
      await Self.stop(running, graceful: false)
      throw error
    }
    let started = running
    self.running.withLock { $0 = started }
  }

  private func start(_ services: [UpstreamService], _ server: ServerConnector, _ running: inout Running) async throws {
    let logger = logger
    for service in services {
      guard let destination = Self.destination(service.configuration.accessLog) else { continue }
      guard running.accessLogs[service.configuration.accessLog] == nil else { continue }
      let format = configuration.log.format ?? (destination == .standardOutput && isatty(STDOUT_FILENO) == 1 ? .text : .json)
      running.accessLogs[service.configuration.accessLog] = try AccessLog(destination, format: .init(format), logger: logger)
    }
    let accessLogs = running.accessLogs
    running.spans = try SpanExporter(
      configuration.tracing, resource: .init(service: "pico-agent", instance: agentID.text), on: running.group.next(), logger: logger)
    let tracer = running.spans.map { SpanTracer(sample: configuration.tracing.sample, sink: $0.queue) }
    for (index, eventLoop) in running.group.makeIterator().enumerated() {
      let loop = try await eventLoop.submit {
        let loop = AgentLoop(resources: LoopResources(eventLoop: eventLoop, index: index))
        for service in services {
          let accessLog = accessLogs[service.configuration.accessLog]
          loop.add(UpstreamPool(service: service, resources: loop.resources, accessLog: accessLog, tracer: tracer, logger: logger))
        }
        return NIOLoopBound(loop, eventLoop: eventLoop)
      }.get()
      running.loops.append((eventLoop, loop))
    }
    running.spans?.start()
    if let address = configuration.metrics.listen {
      running.metrics = try await MetricsEndpoint.start(on: address, group: running.group) { [weak self] in await self?.report() }
    }
    // One visit to each loop for all listeners: there may be many thousands.
    var pools: [(eventLoop: any EventLoop, acceptors: [NIOLoopBound<any StreamAcceptor>])] = []
    for (eventLoop, loop) in running.loops {
      let acceptors = try await eventLoop.submit { loop.value.pools.map { NIOLoopBound($0 as any StreamAcceptor, eventLoop: eventLoop) } }
        .get()
      pools.append((eventLoop, acceptors))
    }
    var first = 0
    for (index, service) in services.enumerated() {
      let acceptors = pools.map { ($0.eventLoop, $0.acceptors[index]) }
      let listener = Listener.open(
        settings(service.configuration), through: server, acceptors: acceptors, first: first, grace: configuration.gracePeriod,
        logger: logger)
      running.listeners.append(listener)
      if let probe = HealthProbe(
        service: service, eventLoop: running.loops[first % running.loops.count].eventLoop, logger: logger, listener)
      {
        running.probes.append(probe)
        probe.start()
      }
      first += listener.settings.connections
    }
  }

  private func settings(_ listener: ListenerConfiguration) -> ListenerSettings {
    var settings = ListenerSettings(server: configuration.server.url, endpoint: listener.endpoint, agentID: agentID)
    settings.dialect = configuration.server.protocol == .piko ? .piko : .pico
    settings.connections = max(1, listener.connections)
    settings.weight = listener.weight
    settings.metadata = Dictionary(configuration.agent.metadata.map { ($0.key, $0.value) }) { first, _ in first }
    settings.upstreamName = listener.upstream.description
    return settings
  }

  private static func destination(_ accessLog: AccessLogDestination) -> AccessLog.Destination? {
    switch accessLog {
    case .off: nil
    case .standardOutput: .standardOutput
    case .file(let path): .file(path)
    }
  }

  /// Opens the access logs' files again, after a log rotation moved them.
  package func reopenAccessLogs() {
    let logs = running.withLock { $0.map { Array($0.accessLogs.values) } ?? [] }
    for log in logs { log.reopen() }
  }

  /// Gracefully: tells the server, finishes what is open within the grace period, then closes. Else at once.
  package func shutdown(graceful: Bool) async {
    // Left in place, so that a second call can cut a first one short.
    guard let running = running.withLock({ $0 }) else { return }
    await Self.close(running, graceful: graceful)
    guard self.running.withLock({ $0.take() }) != nil else { return }
    await Self.stop(running, graceful: graceful)
  }

  private static func close(_ running: Running, graceful: Bool) async {
    await withTaskGroup(of: Void.self) { group in
      for listener in running.listeners {
        group.addTask { await listener.close(graceful: graceful) }
      }
    }
  }

  private static func stop(_ running: Running, graceful: Bool) async {
    for probe in running.probes { probe.stop() }
    await running.metrics?.close()
    await close(running, graceful: graceful)
    for (eventLoop, loop) in running.loops { try? await eventLoop.submit { loop.value.close() }.get() }
    await running.spans?.stop()
    try? await running.group.shutdownGracefully()
    for log in running.accessLogs.values { log.close() }
  }

  /// Returns when each event loop has come round: never, when one hangs.
  package func visitLoops() async {
    let eventLoops = running.withLock { $0?.loops.map(\.eventLoop) ?? [] }
    for eventLoop in eventLoops { try? await eventLoop.submit {}.get() }
  }

  /// Where metrics are served.
  package var metricsAddresses: [String] { running.withLock { $0?.metrics?.addresses ?? [] } }

  /// Whether each listener has a tunnel that is open.
  package var isConnected: Bool {
    running.withLock { $0?.listeners.allSatisfy { $0.report.snapshot.tunnels > 0 } ?? false }
  }

  /// What was counted until now.
  func report() async -> AgentReport {
    guard let running = running.withLock({ $0 }) else { return AgentReport(listeners: []) }
    var rows = running.listeners.enumerated().map { index, listener in
      AgentReport.Row(
        endpoint: listener.settings.endpoint.name, upstream: listener.settings.upstreamName, tunnels: listener.report.snapshot)
    }
    for (eventLoop, loop) in running.loops {
      let pools = (try? await eventLoop.submit { loop.value.pools.map(PoolReport.init) }.get()) ?? []
      for (index, pool) in pools.enumerated() where index < rows.count { rows[index].pool.add(pool) }
    }
    return AgentReport(listeners: rows, spans: running.spans?.counts)
  }
}
