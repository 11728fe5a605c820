package import PicoCore

extension EndpointRow: FilterableRow {
  package static let fields: [RowField] = [
    .name, .id, .endpoint, .tenant, .listeners, .nodes, .inFlight, .requests, .rate, .errors, .informational, .successful, .redirection,
    .clientError, .serverError, .p50, .p90, .p99, .max, .bytesIn, .bytesOut, .asOf,
  ]
  package static let nameFields: [RowField] = [.name]

  package func value(of field: RowField, now: Timestamp) -> FieldValue {
    switch field {
    case .name, .id, .endpoint: .text(id)
    case .tenant: .text(tenant)
    case .listeners: .number(Double(listeners))
    case .nodes: .number(Double(nodes))
    case .inFlight: .number(Double(inFlight))
    case .requests: .number(Double(requestsTotal))
    case .rate: .number(requestRate)
    case .errors: .number(errorRate)
    case .informational: .number(Double(status.informational))
    case .successful: .number(Double(status.successful))
    case .redirection: .number(Double(status.redirection))
    case .clientError: .number(Double(status.clientError))
    case .serverError: .number(Double(status.serverError))
    case .bytesIn: .number(bytesInRate)
    case .bytesOut: .number(bytesOutRate)
    case .asOf: asOf.map { .number($0.inSeconds) } ?? .absent
    default: latency.value(of: field)
    }
  }
}

extension ListenerRow: FilterableRow {
  package static let fields: [RowField] = [
    .name, .id, .endpoint, .tenant, .agent, .version, .address, .identity, .state, .node, .roundTrip, .age, .since, .inFlight, .requests,
    .rate, .errors, .p50, .p90, .p99, .max, .bytesIn, .bytesOut, .asOf,
  ]
  package static let nameFields: [RowField] = [.endpoint, .id, .agent]

  package func value(of field: RowField, now: Timestamp) -> FieldValue {
    switch field {
    case .name, .endpoint: .text(endpoint)
    case .id: .text(id)
    case .tenant: .text(tenant)
    case .agent: .text(agent ?? "")
    case .version: .text(version ?? "")
    case .address: .text(remoteAddress)
    case .identity: .text(identity ?? "")
    case .state: .text(state.rawValue)
    case .node: .text(node)
    case .roundTrip: roundTrip.map(FieldValue.number) ?? .absent
    case .age: .number(now.inSeconds - connectedAt.inSeconds)
    case .since: .number(connectedAt.inSeconds)
    case .inFlight: .number(Double(inFlight))
    case .requests: .number(Double(requestsTotal))
    case .rate: .number(requestRate)
    case .errors: .number(errorRate)
    case .bytesIn: .number(bytesInRate)
    case .bytesOut: .number(bytesOutRate)
    case .asOf: asOf.map { .number($0.inSeconds) } ?? .absent
    default: latency.value(of: field)
    }
  }
}

extension NodeRow: FilterableRow {
  package static let fields: [RowField] = [
    .name, .id, .address, .version, .state, .connected, .listeners, .endpoints, .inFlight, .rate, .cpu, .rss, .age, .since, .asOf,
  ]
  package static let nameFields: [RowField] = [.id, .address]

  package func value(of field: RowField, now: Timestamp) -> FieldValue {
    switch field {
    case .name, .id: .text(id)
    case .address: .text(address)
    case .version: .text(version)
    case .state: .text(state.rawValue)
    case .connected: .text(connected ? "true" : "false")
    case .listeners: .number(Double(listeners))
    case .endpoints: .number(Double(endpoints))
    case .inFlight: .number(Double(inFlight))
    case .rate: .number(requestRate)
    case .cpu: .number(cpu)
    case .rss: .number(Double(rssBytes))
    case .age: .number(now.inSeconds - startedAt.inSeconds)
    case .since: .number(startedAt.inSeconds)
    case .asOf: asOf.map { .number($0.inSeconds) } ?? .absent
    default: .absent
    }
  }
}

extension BlockRow: FilterableRow {
  package static let fields: [RowField] = [.name, .id, .match, .endpoint, .tenant, .scope, .by, .reason, .age, .since, .until, .remaining]
  package static let nameFields: [RowField] = [.match, .endpoint, .id]

  package func value(of field: RowField, now: Timestamp) -> FieldValue {
    switch field {
    case .name, .match: .text(match)
    case .id: .text(id)
    case .endpoint: .text(endpoint ?? "")
    case .tenant: .text(tenant)
    case .scope: .text(scope.rawValue)
    case .by: .text(by)
    case .reason: .text(reason)
    case .age: .number(now.inSeconds - since.inSeconds)
    case .since: .number(since.inSeconds)
    case .until: .number(until.inSeconds)
    case .remaining: .number(until.inSeconds - now.inSeconds)
    default: .absent
    }
  }
}

extension LatencySummary {
  fileprivate func value(of field: RowField) -> FieldValue {
    switch field {
    case .p50: .number(p50)
    case .p90: .number(p90)
    case .p99: .number(p99)
    case .max: .number(max)
    default: .absent
    }
  }
}

extension Timestamp {
  /// Since 1970, to about a microsecond.
  package var inSeconds: Double { Double(seconds) + Double(nanoseconds) / 1e9 }
}
