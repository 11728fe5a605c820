internal import PicoCore
internal import PicoStatus

/// Rows over all nodes. Each request is counted by the node that has its listener, so that sums count it once.
extension OtherNodes {
  /// One for each, also for those that never were heard.
  func nodeRows(_ scope: TenantScope) -> [NodeRow] {
    peers.map { id, peer in
      var row =
        peer.subscriptions[PeerInterest.overview(of: scope)]?.tables.nodes[id.text]
        ?? NodeRow(
          id: id.text, address: peer.known.address, version: peer.known.version, state: .active, startedAt: Timestamp(seconds: 0),
          listeners: scope == .all ? peer.known.listeners : 0)
      // The store knows it of one that cannot tell.
      if peer.known.isDraining { row.state = .draining }
      row.connected = peer.heardAt == nil ? peer.known.isReachable : peer.isHeard
      row.asOf = peer.asOf
      return row
    }
  }

  /// - Parameters:
  ///   - own: of this node.
  ///   - endpoints: of all nodes, each counted once.
  func totals(with own: TotalsRow, endpoints: Int, _ scope: TenantScope) -> TotalsRow {
    var sum = own
    sum.endpoints = endpoints
    var latency = LatencyCounts(own.latencyBuckets, own.latency)
    for (id, peer) in peers {
      guard let row = peer.subscriptions[PeerInterest.overview(of: scope)]?.tables.totals[id.text] else { continue }
      sum.add(row)
      latency.merge(LatencyCounts(row.latencyBuckets, row.latency))
      if let asOf = peer.asOf { sum.asOf = min(sum.asOf ?? asOf, asOf) }
    }
    sum.latency = LatencySummary(latency)
    sum.latencyBuckets = latency.buckets
    return sum
  }

  var endpoints: Set<EndpointID> {
    peers.values.reduce(into: []) { all, peer in
      if let rows = peer.subscriptions[PeerInterest.endpointsID] { all.formUnion(rows.tables.endpoints.keys) }
    }
  }

  /// The endpoint on all nodes; nil when it has a listener on none.
  /// - Parameter own: of this node, with its buckets.
  func row(_ id: EndpointID, with own: EndpointRow?) -> EndpointRow? {
    var parts = own.map { [$0] } ?? []
    var asOf: Timestamp?
    for peer in peers.values {
      guard let row = peer.subscriptions[PeerInterest.endpointsID]?.tables.endpoints[id] else { continue }
      parts.append(row)
      if let old = peer.asOf { asOf = min(asOf ?? old, old) }
    }
    var sum = EndpointRow(sumOf: parts)
    sum?.asOf = asOf
    return sum
  }

  func row(_ id: ListenerID) -> ListenerRow? {
    for peer in peers.values {
      guard var row = peer.subscriptions.values.lazy.compactMap({ $0.tables.listeners[id] }).first else { continue }
      row.asOf = peer.asOf
      return row
    }
    return nil
  }

  /// Of one endpoint, or of all of a scope.
  func listeners(of endpoint: EndpointID?, _ scope: TenantScope) -> [ListenerRow] {
    var rows: [ListenerID: ListenerRow] = [:]
    for peer in peers.values {
      for subscription in peer.subscriptions.values {
        for (id, row) in subscription.tables.listeners {
          guard rows[id] == nil, let name = EndpointID(row), scope.contains(name.tenant), endpoint == nil || endpoint == name else {
            continue
          }
          rows[id] = row
          rows[id]?.asOf = peer.asOf
        }
      }
    }
    return Array(rows.values)
  }
}

extension EndpointID {
  /// That of the listener.
  init?(_ row: ListenerRow) { self.init(row.endpoint, of: TenantID(row.tenant) ?? .default) }
}

extension EndpointRow {
  /// One endpoint over nodes; nil without any part. The sum carries no buckets.
  init?(sumOf parts: [EndpointRow]) {
    guard var sum = parts.first else { return nil }
    for part in parts.dropFirst() {
      sum.listeners += part.listeners
      sum.nodes += part.nodes
      sum.inFlight += part.inFlight
      sum.requestsTotal &+= part.requestsTotal
      sum.requestRate += part.requestRate
      sum.errorRate += part.errorRate
      sum.status.add(part.status)
      sum.bytesInRate += part.bytesInRate
      sum.bytesOutRate += part.bytesOutRate
    }
    sum.latency = LatencySummary(of: parts)
    sum.latencyBuckets = nil
    self = sum
  }
}

extension TotalsRow {
  /// Of another node; but for endpoints, which may be the same ones, and latencies.
  fileprivate mutating func add(_ other: TotalsRow) {
    listeners += other.listeners
    inFlight += other.inFlight
    requestsTotal &+= other.requestsTotal
    requestRate += other.requestRate
    errorRate += other.errorRate
    status.add(other.status)
    bytesInRate += other.bytesInRate
    bytesOutRate += other.bytesOutRate
  }
}

extension LatencySummary {
  /// Of what several nodes saw. Where one of several has no buckets (it did not know yet that others have the endpoint too, for a second at
  /// most) the larger of each figure.
  fileprivate init(of parts: [EndpointRow]) {
    let seen = parts.filter { $0.latency.max > 0 }
    guard seen.count > 1 else {
      self = seen.first?.latency ?? LatencySummary()
      return
    }
    if seen.allSatisfy({ $0.latencyBuckets?.isEmpty == false }) {
      var sum = LatencyCounts()
      for part in seen { sum.merge(LatencyCounts(part.latencyBuckets ?? [], part.latency)) }
      self.init(sum)
    } else {
      self.init(
        p50: seen.map(\.latency.p50).max() ?? 0, p90: seen.map(\.latency.p90).max() ?? 0, p99: seen.map(\.latency.p99).max() ?? 0,
        max: seen.map(\.latency.max).max() ?? 0)
    }
  }
}

extension LatencyCounts {
  /// As a row has them.
  fileprivate init(_ buckets: [LatencyBucket], _ summary: LatencySummary) {
    self.init(buckets: buckets, maximumNanoseconds: UInt64(max(0, min(summary.max, 1e12)) * 1e6))
  }
}
