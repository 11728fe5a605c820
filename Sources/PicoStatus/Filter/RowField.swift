/// What a filter or an order can ask of a row. Several tables share a field where it means the same to a person.
package enum RowField: UInt8, CaseIterable, Sendable {
  case name, id, endpoint, tenant, listeners, nodes, endpoints, inFlight, requests, rate, errors
  case informational, successful, redirection, clientError, serverError
  case p50, p90, p99, max, bytesIn, bytesOut
  case agent, version, address, identity, state, roundTrip, node, age, since
  case cpu, rss, connected, asOf
  case scope, match, by, reason, until, remaining
  case time, status, latency, method, path, listener, request
  case event, what

  /// What the values are, which decides the operators and literals that fit.
  package enum Kind: Sendable {
    case text
    /// A count or a rate.
    case number
    /// Errors a second; against a percentage, the part of the requests that failed.
    case errorRate
    /// Cores; against a percentage, of one core.
    case cores
    case bytes
    case milliseconds
    case seconds
    case moment
  }

  /// The short name first, which help and errors show.
  package var names: [String] {
    switch self {
    case .name: ["name"]
    case .id: ["id"]
    case .endpoint: ["endpoint"]
    case .tenant: ["tenant"]
    case .listeners: ["listeners"]
    case .nodes: ["nodes"]
    case .endpoints: ["endpoints"]
    case .inFlight: ["inflight", "in_flight"]
    case .requests: ["requests", "requests_total"]
    case .rate: ["rate", "request_rate"]
    case .errors: ["errors", "error_rate"]
    case .informational: ["1xx"]
    case .successful: ["2xx"]
    case .redirection: ["3xx"]
    case .clientError: ["4xx"]
    case .serverError: ["5xx"]
    case .p50: ["p50"]
    case .p90: ["p90"]
    case .p99: ["p99"]
    case .max: ["max"]
    case .bytesIn: ["in", "bytes_in_rate", "bytes_in"]
    case .bytesOut: ["out", "bytes_out_rate", "bytes_out"]
    case .agent: ["agent"]
    case .version: ["version"]
    case .address: ["address", "remote", "remote_address"]
    case .identity: ["identity"]
    case .state: ["state"]
    case .roundTrip: ["rtt", "rtt_ms"]
    case .node: ["node"]
    case .age: ["age", "uptime"]
    case .since: ["since", "connected_at", "started_at"]
    case .cpu: ["cpu"]
    case .rss: ["rss", "rss_bytes"]
    case .connected: ["connected"]
    case .asOf: ["as_of"]
    case .scope: ["scope"]
    case .match: ["match"]
    case .by: ["by"]
    case .reason: ["reason"]
    case .until: ["until"]
    case .remaining: ["remaining"]
    case .time: ["time", "at"]
    case .status: ["status"]
    case .latency: ["latency", "latency_ms"]
    case .method: ["method"]
    case .path: ["path"]
    case .listener: ["listener"]
    case .request: ["request", "request_id"]
    case .event: ["event", "kind"]
    case .what: ["what"]
    }
  }

  package var kind: Kind {
    switch self {
    case .name, .id, .endpoint, .tenant, .agent, .version, .address, .identity, .state, .node, .connected, .scope, .match, .by, .reason:
      .text
    case .method, .path, .listener, .request, .event, .what: .text
    case .listeners, .nodes, .endpoints, .inFlight, .requests, .rate, .status: .number
    case .informational, .successful, .redirection, .clientError, .serverError: .number
    case .errors: .errorRate
    case .cpu: .cores
    case .bytesIn, .bytesOut, .rss: .bytes
    case .p50, .p90, .p99, .max, .roundTrip, .latency: .milliseconds
    case .age, .remaining: .seconds
    case .since, .until, .asOf, .time: .moment
    }
  }

  /// Whether the value changes though the row does not.
  package var readsClock: Bool { self == .age || self == .remaining }

  private static let byName: [String: RowField] = Dictionary(
    uniqueKeysWithValues: allCases.flatMap { field in field.names.map { ($0, field) } })

  /// Without regard to ASCII case.
  package init?(named name: some StringProtocol) {
    guard let field = Self.byName[name.lowercased()] else { return nil }
    self = field
  }
}
