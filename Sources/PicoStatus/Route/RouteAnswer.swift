internal import PicoCore

/// The answer of `GET /status/v1/route`: what the node would do with a request, and why. The ID is the node's.
package struct RouteAnswer: Equatable, Sendable {
  package var id: String
  /// What the request names; nil where it names none that could be one.
  package var endpoint: String?
  /// Empty for the default tenant.
  package var tenant = ""
  package var endpointFrom: RouteRule?
  package var tenantFrom: RouteRule?
  /// Of `proxy.domains`, the one that the host is below.
  package var domain: String?
  /// The proxy port asks for a token, which is taken for given here.
  package var wantsToken = false
  /// What the client would be answered by the node itself; nil where a candidate gets the request.
  package var status: Int?
  /// As in `x-pico-error`.
  package var error: String?
  /// In words.
  package var why = ""
  package var candidates: [RouteCandidate] = []
  /// IDs of blocks that refuse registrations for the endpoint, or of identities of its tenant.
  package var blocks: [String] = []

  package init(node: String) { id = node }
}

/// What of a request, or of whoever asks, decides something.
package struct RouteRule: OpenText {
  package var rawValue: String

  package init(rawValue: String) { self.rawValue = rawValue }

  package static let header = RouteRule(rawValue: "header")
  /// The first label of the host.
  package static let host = RouteRule(rawValue: "host")
  /// An entry of `proxy.domains`.
  package static let domain = RouteRule(rawValue: "domain")
  /// The tenant of the request's token, as the question says or as whoever asks has one himself.
  package static let token = RouteRule(rawValue: "token")
}

extension RouteAnswer: StatusRow {
  package init(blank id: String) { self.init(node: id) }

  package static let members: [StatusMember<RouteAnswer>] = [
    .init(optional: "endpoint", \.endpoint),
    .init("tenant", \.tenant, isAbsent: \.isEmpty),
    .init(optional: "endpoint_from", \.endpointFrom),
    .init(optional: "tenant_from", \.tenantFrom),
    .init(optional: "domain", \.domain),
    .init("wants_token", \.wantsToken),
    .init(optional: "status", \.status),
    .init(optional: "error", \.error),
    .init("why", \.why),
    .init("candidates", \.candidates),
    .init("blocks", \.blocks),
  ]

  package var json: [UInt8] {
    var writer = JSONWriter(capacity: 512)
    write(to: &writer)
    return writer.bytes
  }

  package init(json bytes: [UInt8]) throws(JSONError) {
    var reader = JSONReader(bytes)
    try self.init(from: &reader)
    try reader.end()
  }

  /// For a terminal, escaped.
  package var text: String {
    var lines: [String] = []
    let name = endpoint.map { tenant.isEmpty ? $0 : "\(tenant)/\($0)" } ?? "none"
    let rule = [
      endpointFrom.map { "by its \($0.rawValue)" }, domain.map { "below \($0)" }, tenantFrom.map { "tenant by its \($0.rawValue)" },
    ]
    .compactMap(\.self).joined(separator: ", ")
    lines.append("endpoint  \(name)\(rule.isEmpty ? "" : " (\(rule))")")
    lines.append("answer    " + (status.map { "\($0) \(error ?? "")" } ?? "from a candidate"))
    lines.append("why       \(why)\(wantsToken ? "; the request needs a token" : "")")
    if !blocks.isEmpty { lines.append("blocks    \(blocks.joined(separator: ", "))") }
    let head = lines.map { $0.escapedForDisplay + "\n" }.joined()
    guard !candidates.isEmpty else { return head }
    return head + "\n"
      + StatusSnapshot.table(
        ["CANDIDATE", "NODE", "AGENT", "REMOTE ADDRESS", "WEIGHT", "IN FLIGHT", "TAKES", "REASON"],
        candidates.map { row in
          let left = row.leftOutMilliseconds.map { " for \(($0 + 999) / 1000)s" } ?? ""
          return [
            row.id, row.node, row.agent ?? "-", row.remoteAddress ?? "-", "\(row.weight)", "\(row.inFlight)", row.takes.rawValue,
            (row.reason?.rawValue ?? "-") + left,
          ]
        })
  }
}
