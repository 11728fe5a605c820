internal import PicoCore
internal import PicoStatus

extension Column<ListenerRow> {
  static let all: [Column<ListenerRow>] = [
    .words("id", "LISTENER", 10, ideal: 20, priority: 0) { row, _ in CellText(row.id) },
    endpoint,
    .words("state", "STATE", 9, ideal: 9, priority: 2) { row, context in
      guard let asOf = row.asOf else { return CellText(row.state.rawValue, row.state.role) }
      return CellText("\(Quantity.age(context.age(of: asOf)).text) old", .error)
    },
    .words("agent", "AGENT", 8, ideal: 22, priority: 6) { row, _ in row.agent.map { CellText($0) } ?? .none },
    .words("address", "REMOTE ADDRESS", 15, ideal: 21, priority: 9) { row, _ in CellText(row.remoteAddress) },
    .figure("inflight", "IN FLIGHT", 6, priority: 4) { row, _ in .count(row.inFlight) },
    .figure("rate", "REQ/S", 6, priority: 3) { row, _ in .rate(row.requestRate) },
    .figure("errors", "ERR/S", 6, priority: 5) { row, _ in .rate(row.errorRate, .error) },
    .figure("p50", "P50", 6, priority: 12) { row, _ in .latency(row.latency.p50) },
    .figure("p90", "P90", 6, priority: 16) { row, _ in .latency(row.latency.p90) },
    .figure("p99", "P99", 6, priority: 7) { row, _ in .latency(row.latency.p99) },
    .figure("rtt", "RTT", 6, priority: 8) { row, _ in row.roundTrip.map { CellText.latency($0) } ?? .none },
    .figure("age", "UP", 6, priority: 10) { row, context in CellText(Quantity.age(context.age(of: row.connectedAt)).text) },
    .words("node", "NODE", 8, ideal: 14, priority: 11) { row, _ in CellText(row.node) },
    .words("identity", "IDENTITY", 8, ideal: 18, priority: 14) { row, _ in row.identity.map { CellText($0) } ?? .none },
    .words("version", "VERSION", 7, ideal: 9, priority: 15) { row, _ in row.version.map { CellText($0) } ?? .none },
    .words("tenant", "TENANT", 8, ideal: 14, priority: 13, isDefault: false) { row, _ in row.tenant.isEmpty ? .none : CellText(row.tenant)
    },
    .figure("in", "IN/S", 6, priority: 17) { row, _ in .bytes(row.bytesInRate) },
    .figure("out", "OUT/S", 6, priority: 18) { row, _ in .bytes(row.bytesOutRate) },
    .figure("requests", "REQUESTS", 7, priority: 19) { row, _ in .total(row.requestsTotal) },
  ]

  /// On the screen of one endpoint its name is above.
  static let ofOneEndpoint = all.filter { $0.id != endpoint.id }

  private static let endpoint = Column<ListenerRow>.words("endpoint", "ENDPOINT", 16, ideal: 26, priority: 1) { row, _ in
    CellText(row.endpointKey)
  }
}

extension ListenerState {
  var role: Role {
    switch self {
    case .active: .ok
    case .draining: .warn
    case .unhealthy: .error
    default: .foreground
    }
  }
}
