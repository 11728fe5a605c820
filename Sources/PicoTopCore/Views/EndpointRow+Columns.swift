internal import PicoStatus

extension Column<EndpointRow> {
  static let all: [Column<EndpointRow>] = [
    .words("name", "ENDPOINT", 18, ideal: 36, priority: 0) { row, context in CellText(row.key, of: row, context) },
    .words("tenant", "TENANT", 8, ideal: 14, priority: 10, isDefault: false) { row, _ in row.tenant.isEmpty ? .none : CellText(row.tenant)
    },
    .figure("listeners", "LISTENERS", 5, priority: 4) { row, _ in .count(row.listeners) },
    .figure("nodes", "NODES", 5, priority: 12) { row, _ in .count(row.nodes) },
    .figure("inflight", "IN FLIGHT", 6, priority: 3) { row, _ in .count(row.inFlight) },
    .figure("rate", "REQ/S", 6, priority: 1) { row, _ in .rate(row.requestRate) },
    .figure("errors", "ERR/S", 6, priority: 2) { row, _ in .rate(row.errorRate, .error) },
    .figure("p50", "P50", 6, priority: 5) { row, _ in .latency(row.latency.p50) },
    .figure("p90", "P90", 6, priority: 8) { row, _ in .latency(row.latency.p90) },
    .figure("p99", "P99", 6, priority: 3) { row, _ in .latency(row.latency.p99) },
    .figure("max", "MAX", 6, priority: 13) { row, _ in .latency(row.latency.max) },
    .figure("in", "IN/S", 6, priority: 11) { row, _ in .bytes(row.bytesInRate) },
    .figure("out", "OUT/S", 6, priority: 9) { row, _ in .bytes(row.bytesOutRate) },
    .figure("requests", "REQUESTS", 7, priority: 14) { row, _ in .total(row.requestsTotal) },
    .figure("2xx", "2XX", 6, priority: 16) { row, _ in .total(row.status.successful, .ok) },
    .figure("3xx", "3XX", 6, priority: 18) { row, _ in .total(row.status.redirection, .foreground) },
    .figure("4xx", "4XX", 6, priority: 17) { row, _ in .total(row.status.clientError, .warn) },
    .figure("5xx", "5XX", 6, priority: 15) { row, _ in .total(row.status.serverError, .error) },
  ]
}
