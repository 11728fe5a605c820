internal import PicoCore
internal import PicoStatus

extension Column<RequestRow> {
  static let all: [Column<RequestRow>] = [
    .words("time", "TIME", 8, ideal: 8, priority: 0) { row, _ in CellText(row.request.at.clock, .muted) },
    .figure("status", "STATUS", 6, priority: 1) { row, _ in CellText("\(row.request.status)", .status(row.request.status)) },
    .figure("latency", "LATENCY", 7, priority: 2) { row, _ in .latency(row.request.latency) },
    .words("method", "METHOD", 7, ideal: 7, priority: 4) { row, _ in CellText(row.request.method) },
    .words("listener", "LISTENER", 10, ideal: 20, priority: 5) { row, _ in
      row.request.listener.isEmpty ? .none : CellText(row.request.listener)
    },
    .words("node", "NODE", 8, ideal: 14, priority: 9) { row, _ in CellText(row.request.node, .muted) },
    .figure("in", "IN", 6, priority: 7) { row, _ in .bytes(Double(row.request.bytesIn)) },
    .figure("out", "OUT", 6, priority: 6) { row, _ in .bytes(Double(row.request.bytesOut)) },
    .words("request", "REQUEST ID", 12, ideal: 26, priority: 8) { row, _ in CellText(row.request.requestID, .muted) },
    .words("path", "PATH", 24, ideal: 400, priority: 3) { row, _ in CellText(row.request.path) },
  ]
}

extension Column<EventRow> {
  static let all: [Column<EventRow>] = [
    .words("time", "TIME", 8, ideal: 8, priority: 0) { row, _ in CellText(row.at.clock, .muted) },
    .words("event", "EVENT", 10, ideal: 14, priority: 1) { row, _ in CellText(row.event, row.role) },
    .words("endpoint", "ENDPOINT", 14, ideal: 26, priority: 2) { row, _ in row.endpoint.isEmpty ? .none : CellText(row.endpoint) },
    .words("listener", "LISTENER", 10, ideal: 20, priority: 3) { row, _ in row.listener.isEmpty ? .none : CellText(row.listener) },
    .words("agent", "AGENT", 8, ideal: 22, priority: 5) { row, _ in row.agent.isEmpty ? .none : CellText(row.agent) },
    .words("node", "NODE", 8, ideal: 14, priority: 6) { row, _ in row.node.isEmpty ? .none : CellText(row.node, .muted) },
    .words("by", "BY", 8, ideal: 18, priority: 7, isDefault: false) { row, _ in row.by.isEmpty ? .none : CellText(row.by) },
    .words("what", "WHAT", 26, ideal: 400, priority: 4) { row, _ in CellText(row.what) },
  ]
}

extension Timestamp {
  /// `10:04:05` in UTC, as the server's logs have it.
  var clock: String { String(description.dropFirst(11).prefix(8)) }
}

extension Role {
  /// How an answer of that status is.
  fileprivate static func status(_ status: Int) -> Role {
    switch status {
    case 500...: .error
    case 400...: .warn
    case 300...: .muted
    default: .ok
    }
  }
}
