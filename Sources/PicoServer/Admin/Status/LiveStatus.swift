internal import NIOCore
internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// The state of this node as rows, and which of them may be new: kept up to date from what the loops tell of listeners with traffic and from
/// what the registry tells of the others, so that a look at a hundred thousand listeners costs as much as what moved among them.
struct LiveStatus {
  private struct Entry {
    let listener: Listener
    /// By loop; empty until there was traffic.
    var reports: [TrafficReport] = []

    mutating func set(_ report: TrafficReport, loop: Int) {
      while reports.count <= loop { reports.append(TrafficReport()) }
      reports[loop] = report
    }

    var report: TrafficReport {
      guard var sum = reports.first else { return TrafficReport() }
      for report in reports.dropFirst() { sum.add(report) }
      return sum
    }
  }

  /// The sums over all listeners, of one collection.
  private struct Sum {
    var report = TrafficReport()
    var latency = LatencyHistogram()
  }

  private let node: Node
  private var entries: [ListenerID: Entry] = [:]
  private var byEndpoint: [EndpointID: [ListenerID]] = [:]
  /// By loop: what the last collection told of.
  private var active: [Set<ListenerID>] = []
  /// Those that come back by time alone.
  private var leftOut: Set<ListenerID> = []
  private var totals = NodeTotals()
  private var sums: [TenantScope: Sum] = [:]
  private var now: UInt64
  /// Rows made since the last collection.
  private var listenerRows: [ListenerID: ListenerRow] = [:]
  private var endpointRows: [EndpointID: EndpointRow] = [:]
  /// What may be new since ``takeTouched()``.
  private var touchedListeners: Set<ListenerID> = []
  private var touchedEndpoints: Set<EndpointID> = []

  /// - Parameter collection: of all these listeners.
  init(node: Node, _ listeners: [Listener], _ collection: StatusCollector.Collection, now: UInt64) {
    self.node = node
    self.now = now
    for listener in listeners { add(listener) }
    update(collection, now: now)
    touchedListeners = []
    touchedEndpoints = []
  }

  // MARK: Changes

  /// - Parameter collection: of the listeners that had traffic lately.
  mutating func update(_ collection: StatusCollector.Collection, _ changes: ListenerRegistry.Changes = .init(), now: UInt64) {
    self.now = now
    totals = collection.totals
    sums = [:]
    listenerRows.removeAll(keepingCapacity: true)
    endpointRows.removeAll(keepingCapacity: true)
    for listener in changes.added { add(listener) }
    for listener in changes.changed { touch(listener.id) }
    for (loop, reports) in collection.reports.enumerated() { update(loop: loop, reports) }
    for listener in changes.removed { remove(listener) }
    for id in leftOut {
      touch(id)
      if entries[id]?.listener.isLeftOut(now: now) != true { leftOut.remove(id) }
    }
  }

  private mutating func update(loop: Int, _ reports: [StatusCollector.Collection.Report]) {
    while active.count <= loop { active.append([]) }
    var current = Set<ListenerID>(minimumCapacity: reports.count)
    for report in reports {
      guard let index = entries.index(forKey: report.listener) else { continue }
      current.insert(report.listener)
      entries.values[index].set(report.traffic, loop: loop)
      touch(report.listener)
    }
    // Those that are not told of any more had no traffic for longer than any rate or latency lasts.
    for id in active[loop] where !current.contains(id) {
      guard let index = entries.index(forKey: id) else { continue }
      entries.values[index].set(entries.values[index].reports[loop].idle, loop: loop)
      touch(id)
    }
    active[loop] = current
  }

  private mutating func add(_ listener: Listener) {
    guard entries.updateValue(Entry(listener: listener), forKey: listener.id) == nil else { return }
    byEndpoint[listener.endpoint, default: []].append(listener.id)
    touch(listener.id)
  }

  private mutating func remove(_ listener: Listener) {
    guard entries.removeValue(forKey: listener.id) != nil else { return }
    byEndpoint[listener.endpoint]?.removeAll { $0 == listener.id }
    if byEndpoint[listener.endpoint]?.isEmpty == true { byEndpoint[listener.endpoint] = nil }
    leftOut.remove(listener.id)
    touchedListeners.insert(listener.id)
    touchedEndpoints.insert(listener.endpoint)
  }

  private mutating func touch(_ id: ListenerID) {
    guard let listener = entries[id]?.listener else { return }
    touchedListeners.insert(id)
    touchedEndpoints.insert(listener.endpoint)
    if listener.isLeftOut(now: now) { leftOut.insert(id) }
  }

  mutating func takeTouched() -> (listeners: Set<ListenerID>, endpoints: Set<EndpointID>) {
    defer {
      touchedListeners = []
      touchedEndpoints = []
    }
    return (touchedListeners, touchedEndpoints)
  }

  // MARK: Rows

  func listeners(of scope: TenantScope) -> [ListenerID] {
    scope == .all ? Array(entries.keys) : entries.values.compactMap { scope.contains($0.listener) ? $0.listener.id : nil }
  }
  var endpoints: [EndpointID] { Array(byEndpoint.keys) }

  /// Of these endpoints.
  func listeners(of endpoint: EndpointID) -> [ListenerID] { byEndpoint[endpoint] ?? [] }

  /// Nil when it is gone.
  func endpoint(of listener: ListenerID) -> EndpointID? { entries[listener]?.listener.endpoint }

  /// Nil when it is gone.
  mutating func row(_ id: ListenerID) -> ListenerRow? {
    if let row = listenerRows[id] { return row }
    guard let entry = entries[id] else { return nil }
    let listener = entry.listener
    let report = entry.report
    let agent = listener.agent.withLock { $0 }
    let roundTrip = listener.roundTrip.load(ordering: .relaxed)
    let row = ListenerRow(
      id: id.description, endpoint: listener.endpoint.name, tenant: listener.endpoint.tenant.name, node: node.id.text, agent: agent.id,
      version: agent.version,
      remoteAddress: listener.remoteAddress, identity: listener.identity,
      connectedAt: Timestamp(milliseconds: Int64(listener.connectedAt * 1000)), state: ListenerState(listener, now: now),
      roundTrip: roundTrip == 0 ? nil : Double(roundTrip) / 1e6, inFlight: listener.inFlight.load(ordering: .relaxed),
      requestsTotal: report.totals.requests, requestRate: report.requestRate, errorRate: report.errorRate,
      latency: LatencySummary(report.latency), bytesInRate: report.bytesInRate, bytesOutRate: report.bytesOutRate)
    listenerRows[id] = row
    return row
  }

  /// With its buckets; nil when it has no listener.
  mutating func row(_ id: EndpointID) -> EndpointRow? {
    if let row = endpointRows[id] { return row }
    guard let listeners = byEndpoint[id] else { return nil }
    var report = TrafficReport()
    var inFlight = 0
    var routable = 0
    for listener in listeners {
      guard let entry = entries[listener] else { continue }
      for part in entry.reports { report.add(part) }
      inFlight += entry.listener.inFlight.load(ordering: .relaxed)
      // Those that drain are shown, and are none of the endpoint's any more.
      routable += entry.listener.state == .draining ? 0 : 1
    }
    let row = EndpointRow(
      id: id.name, tenant: id.tenant.name, listeners: routable, nodes: 1, inFlight: inFlight, requestsTotal: report.totals.requests,
      requestRate: report.requestRate, errorRate: report.errorRate, status: report.totals.status,
      latency: LatencySummary(report.latency), bytesInRate: report.bytesInRate, bytesOutRate: report.bytesOutRate,
      latencyBuckets: report.latency.buckets)
    endpointRows[id] = row
    return row
  }

  private mutating func summed(_ scope: TenantScope) -> Sum {
    if let sum = sums[scope] { return sum }
    var sum = Sum()
    for (loop, ids) in active.enumerated() {
      for id in ids {
        guard let entry = entries[id], scope.contains(entry.listener) else { continue }
        let report = entry.reports[loop]
        sum.report.requestRate += report.requestRate
        sum.report.errorRate += report.errorRate
        sum.report.bytesInRate += report.bytesInRate
        sum.report.bytesOutRate += report.bytesOutRate
        for bucket in report.latency.buckets { sum.latency.add(bucket.count, toBucket: bucket.index) }
      }
    }
    sums[scope] = sum
    return sum
  }

  /// What the loops count of the node; of one tenant what its listeners did since they came.
  private func totals(_ scope: TenantScope) -> Totals {
    guard case .only = scope else {
      return Totals(
        listeners: node.routes.listeners, endpoints: byEndpoint.count, inFlight: totals.inFlight - totals.hopsInFlight,
        hopsInFlight: totals.hopsInFlight, requests: totals.requests, status: totals.status)
    }
    var sum = Totals()
    for (endpoint, listeners) in byEndpoint where scope.contains(endpoint.tenant) {
      sum.endpoints += 1
      for entry in listeners.compactMap({ entries[$0] }) {
        let report = entry.report
        sum.listeners += entry.listener.state == .draining ? 0 : 1
        sum.inFlight += entry.listener.inFlight.load(ordering: .relaxed)
        sum.requests += report.totals.requests
        sum.status.add(report.totals.status)
      }
    }
    return sum
  }

  private struct Totals {
    var listeners = 0
    var endpoints = 0
    /// That came from clients; of one tenant, to its listeners.
    var inFlight = 0
    /// That came from other nodes.
    var hopsInFlight = 0
    var requests: UInt64 = 0
    var status = StatusClasses()
  }

  /// The node, with what there is on it of the scope.
  mutating func nodeRow(_ scope: TenantScope) -> NodeRow {
    let totals = totals(scope)
    let process = ProcessUsage.current()
    return NodeRow(
      id: node.id.text, address: node.configuration.proxy.listen.description, version: PicoVersion.current,
      state: node.isLeaving ? .draining : .active, startedAt: Timestamp(milliseconds: Int64(node.startedAt * 1000)),
      listeners: totals.listeners, endpoints: totals.endpoints, requestRate: summed(scope).report.requestRate,
      inFlight: totals.inFlight + totals.hopsInFlight,
      cpu: process.map { node.processor.cores($0) } ?? 0, rssBytes: process?.residentBytes ?? 0)
  }

  mutating func totalsRow(_ scope: TenantScope, id: String = "cluster") -> TotalsRow {
    let sum = summed(scope)
    let totals = totals(scope)
    return TotalsRow(
      id: id, listeners: totals.listeners, endpoints: totals.endpoints, inFlight: totals.inFlight, requestsTotal: totals.requests,
      requestRate: sum.report.requestRate, errorRate: sum.report.errorRate, status: totals.status, latency: LatencySummary(sum.latency),
      latencyBuckets: sum.latency.buckets.enumerated().compactMap { index, count in
        count > 0 ? LatencyBucket(index: index, count: count) : nil
      }, bytesInRate: sum.report.bytesInRate, bytesOutRate: sum.report.bytesOutRate)
  }

  /// Everything of the scope, for who asks once.
  /// - Parameter others: nil where there are none, or what is of this node alone is wanted.
  mutating func snapshot(_ scope: TenantScope, of extent: Subscription.Scope, with others: OtherNodes?) -> StatusSnapshot {
    var ids = Set(endpoints)
    if let others { ids.formUnion(others.endpoints) }
    let listeners = listeners(of: scope).compactMap { row($0) } + (others?.listeners(of: nil, scope) ?? [])
    let totals = totalsRow(scope, id: extent == .node ? node.id.text : TotalsRow().id)
    return StatusSnapshot(
      now: .now(), node: node.id.text, version: PicoVersion.current,
      nodes: ([nodeRow(scope)] + (others?.nodeRows(scope) ?? [])).sorted { $0.id < $1.id },
      endpoints: ids.filter { scope.contains($0.tenant) }.sorted().compactMap { id in
        others.map { $0.row(id, with: row(id)) } ?? row(id)?.withoutBuckets
      },
      listeners: listeners.sorted { ($0.tenant, $0.endpoint, $0.id) < ($1.tenant, $1.endpoint, $1.id) },
      totals: others?.totals(with: totals, endpoints: node.routes.endpointCount(scope), scope) ?? totals)
  }
}

extension EndpointRow {
  /// As those are told who do not merge.
  var withoutBuckets: EndpointRow {
    var row = self
    row.latencyBuckets = nil
    return row
  }
}

extension ListenerState {
  /// One that is left out for its failures gets as little as one whose agent says that its upstream is down.
  init(_ listener: Listener, now: UInt64) {
    switch listener.state {
    case .active: self = listener.isLeftOut(now: now) ? .unhealthy : .active
    case .draining: self = .draining
    case .unhealthy: self = .unhealthy
    }
  }
}

extension LatencySummary {
  /// Of a histogram, in milliseconds.
  init(_ histogram: LatencyHistogram) {
    func milliseconds(_ percent: Double) -> Double { Double(histogram.percentileNanoseconds(percent)) / 1e6 }
    self.init(p50: milliseconds(50), p90: milliseconds(90), p99: milliseconds(99), max: milliseconds(100))
  }
}
