internal import PicoCore
internal import PicoStatus

extension Column<NodeRow> {
  static let all: [Column<NodeRow>] = [
    .words("id", "NODE", 10, ideal: 22, priority: 0) { row, _ in CellText(row.id) },
    .words("state", "STATE", 11, ideal: 16, priority: 1) { row, context in
      guard row.connected else {
        return CellText(row.asOf.map { "silent " + Quantity.age(context.age(of: $0)).text } ?? "unreachable", .error)
      }
      return CellText(row.state.rawValue, row.state == .active ? .ok : .warn)
    },
    .words("address", "ADDRESS", 15, ideal: 21, priority: 4) { row, _ in CellText(row.address) },
    .words("version", "VERSION", 7, ideal: 9, priority: 9) { row, _ in CellText(row.version) },
    .figure("age", "UP", 6, priority: 5) { row, context in
      // Never heard of by the node that tells.
      row.startedAt.seconds == 0 ? .none : CellText(Quantity.age(context.age(of: row.startedAt)).text)
    },
    .figure("endpoints", "ENDPOINTS", 6, priority: 8) { row, _ in .count(row.endpoints) },
    .figure("listeners", "LISTENERS", 6, priority: 3) { row, _ in .count(row.listeners) },
    .figure("rate", "REQ/S", 6, priority: 2) { row, _ in .rate(row.requestRate) },
    .figure("inflight", "IN FLIGHT", 6, priority: 7) { row, _ in .count(row.inFlight) },
    .figure("cpu", "CPU", 6, priority: 6) { row, _ in CellText(Quantity.share(row.cpu).text, row.cpu > 0 ? .foreground : .muted) },
    .figure("rss", "RSS", 6, priority: 7) { row, _ in .bytes(Double(row.rssBytes)) },
  ]
}

extension Column<BlockRow> {
  static let all: [Column<BlockRow>] = [
    .words("id", "BLOCK", 10, ideal: 14, priority: 0) { row, _ in CellText(row.id) },
    .words("scope", "SCOPE", 8, ideal: 9, priority: 4) { row, _ in CellText(row.scope.rawValue) },
    .words("match", "WHO", 12, ideal: 40, priority: 1) { row, _ in CellText(row.match, .warn) },
    .words("endpoint", "ENDPOINT", 9, ideal: 26, priority: 3) { row, _ in row.endpoint.map { CellText($0) } ?? CellText("all", .muted) },
    .figure("until", "LEFT", 7, priority: 2) { row, context in
      guard let clock = context.clock else { return .none }
      return CellText(Quantity.age(.milliseconds(max(0, row.until.milliseconds - clock.milliseconds))).text)
    },
    .figure("since", "SET", 7, priority: 7) { row, context in CellText(Quantity.age(context.age(of: row.since)).text) },
    .words("by", "BY", 8, ideal: 18, priority: 5) { row, _ in CellText(row.by) },
    .words("reason", "WHY", 8, ideal: 40, priority: 6) { row, _ in row.reason.isEmpty ? .none : CellText(row.reason) },
    .words("tenant", "TENANT", 8, ideal: 14, priority: 8, isDefault: false) { row, _ in row.tenant.isEmpty ? .none : CellText(row.tenant) },
  ]
}
