package import PicoCore

/// A refusal of registrations that an operator set, until it passes or is lifted.
package struct BlockRow: Equatable, Sendable {
  package var id: String
  /// What kind of thing is refused.
  package var scope: BlockScope
  /// What is refused, in words: the agent, identity or address, and the endpoint where the scope has one.
  package var match: String
  /// nil where the block holds for every endpoint.
  package var endpoint: String?
  /// Empty for the default tenant.
  package var tenant: String
  /// Who set it.
  package var by: String
  package var reason: String
  package var since: Timestamp
  package var until: Timestamp

  package init(
    id: String, scope: BlockScope, match: String, endpoint: String? = nil, tenant: String = "", by: String, reason: String = "",
    since: Timestamp, until: Timestamp
  ) {
    self.id = id
    self.scope = scope
    self.match = match
    self.endpoint = endpoint
    self.tenant = tenant
    self.by = by
    self.reason = reason
    self.since = since
    self.until = until
  }
}

extension BlockRow: StatusRow {
  package init(blank id: String) {
    self.init(id: id, scope: .agent, match: "", by: "", since: Timestamp(seconds: 0), until: Timestamp(seconds: 0))
  }

  package static let members: [StatusMember<BlockRow>] = [
    .init("scope", \.scope),
    .init("match", \.match),
    .init(optional: "endpoint", \.endpoint),
    .init("tenant", \.tenant, isAbsent: \.isEmpty),
    .init("by", \.by),
    .init("reason", \.reason),
    .init("since", \.since),
    .init("until", \.until),
  ]
}

/// How much a block refuses.
package struct BlockScope: OpenText {
  package var rawValue: String

  package init(rawValue: String) { self.rawValue = rawValue }

  /// These listeners alone; nothing to refuse later.
  package static let listener = BlockScope(rawValue: "listener")
  /// The agent (by its verified identity, else its ID, else its address) at the endpoint.
  package static let agent = BlockScope(rawValue: "agent")
  /// The verified identity at every endpoint.
  package static let identity = BlockScope(rawValue: "identity")
  /// Everybody at the endpoint.
  package static let endpoint = BlockScope(rawValue: "endpoint")
}
