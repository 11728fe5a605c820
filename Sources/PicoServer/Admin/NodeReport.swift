internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoStatus
internal import PicoTracing
internal import PicoTunnel
internal import Synchronization

/// What the admin port shows of this node: asks each loop for its share and merges, when somebody looks.
struct NodeReport: AdminSource {
  let node: Node
  let loops: NodeLoops
  let actions: ListenerActions
  let publisher: StatusPublisher
  let tls: PortsTLS

  var readiness: Readiness { node.unreadiness.map { .notReady(reason: $0) } ?? .ready }

  func perform(_ action: OperatorAction, by: Operator) async -> ActionResult { await actions.perform(action, by: by) }
  func blocks(_ scope: TenantScope) async -> [BlockRow] { actions.blocks(scope) }

  func route(_ question: RouteQuestion, _ scope: TenantScope) async -> RouteAnswer? {
    await RouteExplanation(node: node, loops: loops).answer(question, scope)
  }

  /// The node's counts of all loops.
  private func counts() async -> NodeCounts {
    // Also those whose listeners are on other nodes, and those whose last one drains.
    let endpoints =
      node.settings.labelsEndpoints ? Set(node.registry.all.map(\.endpoint)).union(node.routes.all.map(\.endpoint)) : []
    let shares = await loops.gather { context in
      var counts = NodeCounts()
      context.statistics.keepLabels(of: endpoints)
      context.statistics.add(to: &counts)
      for session in context.tunnels.values { counts.streams += session.tunnel?.streamCount ?? 0 }
      return counts
    }
    var counts = NodeCounts()
    for share in shares { counts.add(share) }
    return counts
  }

  private var health: MetricsReport.Health {
    var health = MetricsReport.Health()
    health.isReady = readiness == .ready
    health.connections = node.connections.load(ordering: .relaxed)
    health.maxConnections = node.maxConnections.load(ordering: .relaxed)
    health.bufferedBytes = max(0, node.buffered.load(ordering: .relaxed))
    health.maxBufferedBytes = node.maxBuffered.load(ordering: .relaxed)
    health.memoryLimitBytes = MemoryLimit.bytes()
    health.certificates = tls.certificates
    health.keySources = node.authenticators.all.flatMap(\.sources).map(\.report)
    return health
  }

  func statusSnapshot(_ scope: TenantScope, of extent: Subscription.Scope) async -> StatusSnapshot {
    let others = extent == .cluster ? await publisher.others(for: scope) : nil
    let listeners = node.registry.all
    let collection = await StatusCollector(node: node, loops: loops).all(listeners)
    var live = LiveStatus(node: node, listeners, collection, now: NIODeadline.now().uptimeNanoseconds)
    return live.snapshot(scope, of: extent, with: others)
  }

  // MARK: Metrics

  /// Endpoints that have series of their own; what is over them is `other`.
  private static let maximumLabels = 10_000

  private func requestCounts(_ counts: NodeCounts, _ scope: TenantScope) -> [MetricsReport.RequestCount] {
    func name(_ method: Int) -> String { HTTPMethod(rawValue: UInt8(method)).map { "\($0.name)" } ?? "other" }
    guard node.settings.labelsEndpoints else {
      return counts.requests.map { .init(status: $0.key.status, method: name($0.key.method), count: $0.value) }
        .sorted { ($0.method, $0.status) < ($1.method, $1.status) }
    }
    let kept = Set(Set(counts.labelled.keys.map(\.endpoint)).filter { scope.contains($0.tenant) }.sorted().prefix(Self.maximumLabels))
    var sums: [NodeCounts.Key: [String: UInt64]] = [:]
    for (key, count) in counts.labelled {
      sums[key.key, default: [:]][kept.contains(key.endpoint) ? "\(key.endpoint)" : "other", default: 0] += count
    }
    // What no listener had, or one that is gone, still counts for the node.
    for (key, count) in counts.requests {
      let labelled = sums[key]?.values.reduce(0, +) ?? 0
      if count > labelled { sums[key, default: [:]]["other", default: 0] += count - labelled }
    }
    return sums.flatMap { key, endpoints in
      endpoints.map { MetricsReport.RequestCount(endpoint: $0.key, status: key.status, method: name(key.method), count: $0.value) }
    }.sorted { ($0.endpoint ?? "", $0.method, $0.status) < ($1.endpoint ?? "", $1.method, $1.status) }
  }

  func metrics(_ scope: TenantScope) async -> MetricsReport {
    let counts = await counts()
    var report = MetricsReport()
    report.requests = requestCounts(counts, scope)
    report.requestDuration = HistogramReport(counts.durations)
    report.requestsInFlight = counts.inFlight
    report.requestBytes = counts.bytesIn
    report.responseBytes = counts.bytesOut
    report.retries = counts.retries
    report.refusedRetries = counts.refusedRetries
    // Also those that did not occur: the first of a kind is seen as a rise then.
    report.errors = ErrorCode.allCases.map { .init(code: $0.kebab, count: counts.errors[$0] ?? 0) }.sorted { $0.code < $1.code }
    report.limits = node.limits.counts.map { .init(code: "\($0.limit.key)", count: $0.count) }
    report.refusedConnections = node.limits.refusedConnections.all.map {
      .init(port: "\($0.port)", reason: $0.reason.text, count: $0.count)
    }
    report.handshakeFailures = tls.handshakeFailures
    report.cluster = node.membership?.report
    report.spans = node.spans?.counts
    report.listeners = node.routes.listeners
    report.endpoints = node.routes.all.count { $0.count > 0 }
    report.tunnelRoundTrip = HistogramReport(counts.roundTrips)
    report.tunnelStreams = counts.streams
    report.health = health
    return report
  }
}

extension NodeCounts {
  mutating func add(_ other: NodeCounts) {
    requests.merge(other.requests, uniquingKeysWith: +)
    labelled.merge(other.labelled, uniquingKeysWith: +)
    durations.merge(other.durations)
    errors.merge(other.errors, uniquingKeysWith: +)
    bytesIn += other.bytesIn
    bytesOut += other.bytesOut
    retries += other.retries
    refusedRetries += other.refusedRetries
    cancelled += other.cancelled
    inFlight += other.inFlight
    roundTrips.merge(other.roundTrips)
    streams += other.streams
  }
}
