internal import PicoCore

/// Tables for a terminal. Whatever came from outside is escaped.
extension StatusSnapshot {
  package var totalsText: String {
    let things = [
      Self.count(totals.endpoints, "endpoint"), Self.count(totals.listeners, "listener"),
      Self.count(totals.inFlight, "request") + " in flight", "\(Self.number(totals.requestRate)) requests/s",
      "\(Self.number(totals.errorRate)) errors/s", Self.count(totals.requestsTotal, "request") + " in all",
    ]
    return things.joined(separator: ", ") + "\n"
  }

  private static func count(_ count: some BinaryInteger, _ thing: String) -> String { count == 1 ? "1 \(thing)" : "\(count) \(thing)s" }

  package var nodesTable: String {
    Self.table(
      ["NODE", "ADDRESS", "VERSION", "STATE", "UP", "LISTENERS", "ENDPOINTS", "IN FLIGHT", "REQ/S", "CPU", "RSS"],
      nodes.map { row in
        [
          row.id, row.address, row.version, state(row.state.rawValue, connected: row.connected, asOf: row.asOf), age(row.startedAt),
          "\(row.listeners)",
          "\(row.endpoints)", "\(row.inFlight)", Self.number(row.requestRate), Self.number(row.cpu), Self.bytes(Double(row.rssBytes)),
        ]
      })
  }

  package var endpointsTable: String {
    let hasTenants = endpoints.contains { !$0.tenant.isEmpty }
    // Of nodes that cannot be reached.
    let hasOld = endpoints.contains { $0.asOf != nil }
    return Self.table(
      (hasTenants ? ["TENANT"] : [])
        + ["ENDPOINT", "LISTENERS", "NODES", "IN FLIGHT", "REQUESTS", "REQ/S", "ERR/S", "P50 MS", "P99 MS", "IN/S", "OUT/S"]
        + (hasOld ? ["AGE"] : []),
      endpoints.map { row in
        (hasTenants ? [row.tenant] : []) + [
          row.id, "\(row.listeners)", "\(row.nodes)", "\(row.inFlight)", "\(row.requestsTotal)", Self.number(row.requestRate),
          Self.number(row.errorRate), Self.number(row.latency.p50), Self.number(row.latency.p99), Self.bytes(row.bytesInRate),
          Self.bytes(row.bytesOutRate),
        ] + (hasOld ? [row.asOf.map(age) ?? "-"] : [])
      })
  }

  package var listenersTable: String {
    Self.table(
      ["LISTENER", "ENDPOINT", "STATE", "AGENT", "REMOTE ADDRESS", "NODE", "UP", "RTT MS", "IN FLIGHT", "REQUESTS", "REQ/S", "P99 MS"],
      listeners.map { row in
        [
          row.id, row.endpoint, state(row.state.rawValue, asOf: row.asOf), row.agent ?? "-", row.remoteAddress, row.node,
          age(row.connectedAt),
          row.roundTrip.map(Self.number) ?? "-", "\(row.inFlight)", "\(row.requestsTotal)", Self.number(row.requestRate),
          Self.number(row.latency.p99),
        ]
      })
  }

  /// What cannot be heard of now, and since when.
  private func state(_ state: String, connected: Bool = true, asOf: Timestamp?) -> String {
    guard let asOf else { return connected ? state : "unreachable" }
    return "unreachable \(age(asOf))"
  }

  /// Time since a moment, by the clock of the node that answered; nothing for one that is not known.
  private func age(_ since: Timestamp) -> String {
    guard since.seconds > 0 else { return "-" }
    let seconds = max(0, now.milliseconds - since.milliseconds) / 1000
    if seconds < 60 { return "\(seconds)s" }
    if seconds < 3600 { return "\(seconds / 60)m\(seconds % 60)s" }
    if seconds < 86_400 { return "\(seconds / 3600)h\(seconds / 60 % 60)m" }
    return "\(seconds / 86_400)d\(seconds / 3600 % 24)h"
  }

  /// Those that stand at the left of their column.
  private static let textColumns: Set<String> = [
    "NODE", "ADDRESS", "VERSION", "STATE", "TENANT", "ENDPOINT", "LISTENER", "AGENT", "REMOTE ADDRESS", "BLOCK", "SCOPE", "REFUSES", "BY",
    "REASON", "CANDIDATE", "TAKES",
  ]

  /// Columns two blanks apart; figures stand at the right of theirs.
  static func table(_ header: [String], _ rows: [[String]]) -> String {
    let rows = rows.map { $0.map(\.escapedForDisplay) }
    let widths = header.indices.map { column in rows.reduce(header[column].count) { max($0, $1[column].count) } }
    let isText = header.map(textColumns.contains)
    let lines = ([header] + rows).map { cells in
      let padded = cells.indices.map { column in
        let blanks = String(repeating: " ", count: widths[column] - cells[column].count)
        return isText[column] ? cells[column] + blanks : blanks + cells[column]
      }
      var line = padded.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }
    return lines.joined()
  }

  /// At most three digits that count.
  private static func number(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    if abs(value) >= 100 { return "\(Int64(value.rounded()))" }
    let scale: Double = abs(value) >= 10 ? 10 : 100
    let rounded = (value * scale).rounded() / scale
    return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
  }

  private static func bytes(_ value: Double) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = value
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return number(value) + " " + units[unit]
  }
}
