internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoStatus
internal import PicoTunnel
internal import Synchronization

/// What the admin port shows of this node: asks each loop for its share and merges, when somebody looks.
struct NodeReport: AdminSource {
  let node: Node
  let loops: NodeLoops
  let actions: ListenerActions

  var readiness: Readiness { node.isLeaving ? .notReady(reason: "shutting down") : .ready }

  func perform(_ action: OperatorAction, by: Operator) async -> ActionResult { await actions.perform(action, by: by) }
  func blocks() async -> [BlockRow] { actions.blocks() }

  private struct Share: Sendable {
    var counts = NodeCounts()
    var listeners: [(id: ListenerID, report: TrafficReport)] = []
  }

  /// The traffic of every listener, merged over the loops, and the node's counts.
  private func collect() async -> (counts: NodeCounts, listeners: [Listener], traffic: [ListenerID: TrafficReport]) {
    let all = node.registry.all
    let endpoints = node.settings.labelsEndpoints ? Set(all.map(\.endpoint)) : []
    let shares = await loops.gather { context in
      var share = Share()
      context.statistics.keepLabels(of: endpoints)
      context.statistics.add(to: &share.counts)
      for session in context.tunnels.values { share.counts.streams += session.tunnel?.streamCount ?? 0 }
      let now = context.resources.now()
      for listener in all {
        guard let cell = listener.existingCell(context.resources) else { continue }
        var report = TrafficReport()
        cell.add(to: &report, now: now)
        share.listeners.append((listener.id, report))
      }
      return share
    }
    var counts = NodeCounts()
    var traffic: [ListenerID: TrafficReport] = [:]
    for share in shares {
      counts.add(share.counts)
      for (id, report) in share.listeners { traffic[id, default: TrafficReport()].add(report) }
    }
    return (counts, all, traffic)
  }

  // MARK: Status

  func statusSnapshot() async -> StatusSnapshot {
    let (counts, listeners, traffic) = await collect()
    var total = TrafficReport()
    var byEndpoint: [EndpointID: (report: TrafficReport, listeners: Int, inFlight: Int)] = [:]
    var rows: [ListenerRow] = []
    for listener in listeners {
      let report = traffic[listener.id] ?? TrafficReport()
      let inFlight = listener.inFlight.load(ordering: .relaxed)
      rows.append(row(listener, report, inFlight))
      total.add(report)
      var sum = byEndpoint[listener.endpoint] ?? (TrafficReport(), 0, 0)
      sum.report.add(report)
      // Those that drain are shown, and are none of the endpoint's any more.
      sum.listeners += listener.state == .draining ? 0 : 1
      sum.inFlight += inFlight
      byEndpoint[listener.endpoint] = sum
    }
    let endpoints = byEndpoint.map { name, sum in
      EndpointRow(
        id: name.name, listeners: sum.listeners, nodes: 1, inFlight: sum.inFlight, requestsTotal: sum.report.totals.requests,
        requestRate: sum.report.requestRate, errorRate: sum.report.errorRate, status: StatusClasses(sum.report.totals.status),
        latency: LatencySummary(sum.report.latency), bytesInRate: sum.report.bytesInRate, bytesOutRate: sum.report.bytesOutRate)
    }
    let routable = rows.count { $0.state != .draining }
    let process = ProcessUsage.current()
    let nodeRow = NodeRow(
      id: node.id.text, address: node.configuration.proxy.listen.description, version: PicoVersion.current,
      state: node.isLeaving ? .draining : .active, startedAt: Timestamp(milliseconds: Int64(node.startedAt * 1000)), listeners: routable,
      endpoints: endpoints.count, requestRate: total.requestRate, inFlight: counts.inFlight,
      cpu: process.map { node.processor.cores($0) } ?? 0, rssBytes: process?.residentBytes ?? 0,
      connected: true)
    return StatusSnapshot(
      now: .now(), node: node.id.text, version: PicoVersion.current, nodes: [nodeRow], endpoints: endpoints.sorted { $0.id < $1.id },
      listeners: rows.sorted { ($0.endpoint, $0.id) < ($1.endpoint, $1.id) }, totals: totals(total, routable, endpoints.count, counts))
  }

  private func row(_ listener: Listener, _ report: TrafficReport, _ inFlight: Int) -> ListenerRow {
    let agent = listener.agent.withLock { $0 }
    let roundTrip = listener.roundTrip.load(ordering: .relaxed)
    return ListenerRow(
      id: listener.id.description, endpoint: listener.endpoint.name, node: node.id.text, agent: agent.id, version: agent.version,
      remoteAddress: listener.remoteAddress, identity: listener.identity,
      connectedAt: Timestamp(milliseconds: Int64(listener.connectedAt * 1000)),
      state: ListenerState(listener.state), roundTrip: roundTrip == 0 ? nil : Double(roundTrip) / 1e6, inFlight: inFlight,
      requestsTotal: report.totals.requests, requestRate: report.requestRate, errorRate: report.errorRate,
      latency: LatencySummary(report.latency), bytesInRate: report.bytesInRate, bytesOutRate: report.bytesOutRate)
  }

  private func totals(_ report: TrafficReport, _ listeners: Int, _ endpoints: Int, _ counts: NodeCounts) -> TotalsRow {
    var row = TotalsRow()
    row.listeners = listeners
    row.endpoints = endpoints
    row.inFlight = counts.inFlight
    row.requestsTotal = counts.requests.values.reduce(0, +)
    row.requestRate = report.requestRate
    row.errorRate = report.errorRate
    var classes = [UInt64](repeating: 0, count: 5)
    for (key, count) in counts.requests { classes[min(max(key.status / 100, 1), 5) - 1] += count }
    row.status = StatusClasses(classes)
    row.latency = LatencySummary(report.latency)
    row.bytesInRate = report.bytesInRate
    row.bytesOutRate = report.bytesOutRate
    return row
  }

  // MARK: Metrics

  /// Endpoints that have series of their own; what is over them is `other`.
  private static let maximumLabels = 10_000

  private func requestCounts(_ counts: NodeCounts) -> [MetricsReport.RequestCount] {
    func name(_ method: Int) -> String { HTTPMethod(rawValue: UInt8(method)).map { "\($0.name)" } ?? "other" }
    guard node.settings.labelsEndpoints else {
      return counts.requests.map { .init(status: $0.key.status, method: name($0.key.method), count: $0.value) }
        .sorted { ($0.method, $0.status) < ($1.method, $1.status) }
    }
    let kept = Set(Set(counts.labelled.keys.map(\.endpoint)).sorted().prefix(Self.maximumLabels))
    var sums: [NodeCounts.Key: [String: UInt64]] = [:]
    for (key, count) in counts.labelled {
      sums[key.key, default: [:]][kept.contains(key.endpoint) ? key.endpoint.name : "other", default: 0] += count
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

  func metrics() async -> MetricsReport {
    let (counts, listeners, _) = await collect()
    var report = MetricsReport()
    report.requests = requestCounts(counts)
    report.requestDuration = HistogramReport(counts.durations)
    report.requestsInFlight = counts.inFlight
    report.requestBytes = counts.bytesIn
    report.responseBytes = counts.bytesOut
    report.retries = counts.retries
    report.errors = counts.errors.map { .init(code: "\($0.key.text)".replacingBlanks(with: "-"), count: $0.value) }.sorted {
      $0.code < $1.code
    }
    let routable = listeners.filter { $0.state != .draining }
    report.listeners = routable.count
    report.endpoints = Set(routable.map(\.endpoint)).count
    report.tunnelRoundTrip = HistogramReport(counts.roundTrips)
    report.tunnelStreams = counts.streams
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
    cancelled += other.cancelled
    inFlight += other.inFlight
    roundTrips.merge(other.roundTrips)
    streams += other.streams
  }
}

extension String {
  fileprivate func replacingBlanks(with character: Character) -> String { String(map { $0 == " " ? character : $0 }) }
}

extension LatencySummary {
  /// Of a histogram, in milliseconds.
  init(_ histogram: LatencyHistogram) {
    func milliseconds(_ percent: Double) -> Double { Double(histogram.percentileNanoseconds(percent)) / 1e6 }
    self.init(p50: milliseconds(50), p90: milliseconds(90), p99: milliseconds(99), max: milliseconds(100))
  }
}

extension StatusClasses {
  /// From five counts, 1xx first.
  init(_ counts: [UInt64]) {
    self.init(informational: counts[0], successful: counts[1], redirection: counts[2], clientError: counts[3], serverError: counts[4])
  }
}

extension ListenerState {
  init(_ state: Listener.State) {
    switch state {
    case .active: self = .active
    case .draining: self = .draining
    case .unhealthy: self = .unhealthy
    }
  }
}
