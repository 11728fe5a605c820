package import PicoCore

/// What a dashboard says on the status WebSocket; docs/status-protocol.md tells each message.
package enum ClientMessage: Equatable, Sendable {
  case subscribe(Subscription)
  case unsubscribe(id: String)
  /// A gap in the sequence: send a snapshot.
  case resync(id: String)
  /// `endpoint` nil: of all. With `since` only points that begin later. `tenant` as in ``Subscription/tenant``.
  case history(endpoint: String?, since: Timestamp?, tenant: String? = nil)
  case errors(endpoint: String)
  case disconnect(Disconnect)
  case unblock(id: String, block: String)
  case drainNode(id: String, node: String)
  case tail(id: String, endpoint: String, sample: Double)
  case untail(id: String)
}

/// What to show, and how often.
package struct Subscription: Equatable, Sendable {
  package enum Scope: String, Sendable { case cluster, node }

  package var id: String
  package var tables: [StatusTable]
  /// 100 to 60,000; brought into that range.
  package var intervalMilliseconds: Int
  package var scope: Scope
  /// Only endpoints, and listeners of endpoints, of these names; `*` at the end stands for any rest. Empty: all.
  package var endpoints: [String]
  /// Only listeners of this endpoint.
  package var endpoint: String?
  /// An expression of the filter language over endpoints, or over listeners where those alone are asked for.
  package var filter: String?
  /// A member of the rows, with `-` before it for the largest first.
  package var sort: String?
  /// Rows of each table at most.
  package var limit: Int?
  /// Events after these numbers, by node; nil: no events at all, empty: all that are kept.
  package var eventsSince: [String: UInt64]?
  /// Between nodes alone: rows and counts of one tenant, empty for the default one; nil: of all.
  package var tenant: String?
  /// Between nodes alone: rows are exact and carry what they merge by.
  package var isFull: Bool

  package init(
    id: String, tables: [StatusTable] = [.nodes, .endpoints], intervalMilliseconds: Int = 1000, scope: Scope = .cluster,
    endpoints: [String] = [], endpoint: String? = nil, filter: String? = nil, sort: String? = nil, limit: Int? = nil,
    eventsSince: [String: UInt64]? = nil, tenant: String? = nil, isFull: Bool = false
  ) {
    self.id = id
    self.tables = tables
    self.intervalMilliseconds = intervalMilliseconds
    self.scope = scope
    self.endpoints = endpoints
    self.endpoint = endpoint
    self.filter = filter
    self.sort = sort
    self.limit = limit
    self.eventsSince = eventsSince
    self.tenant = tenant
    self.isFull = isFull
  }
}

/// Ends listeners, and keeps their agents away for a while if wanted.
package struct Disconnect: Equatable, Sendable {
  package enum Mode: String, Sendable {
    /// Nothing new; what is in flight finishes, up to the grace period.
    case drain
    /// At once.
    case now
  }

  /// The same ID again, within 5 minutes, gets the same result and does nothing more.
  package var id: String
  package var listeners: [String]
  package var mode: Mode
  /// 0: no block, and the agent comes back at once; at most 86,400.
  package var blockSeconds: Int
  package var scope: BlockScope
  /// Refuse for a listener whose endpoint would have fewer listeners left.
  package var minimumRemaining: Int
  package var reason: String
  /// Say what would happen, and do nothing.
  package var isDryRun: Bool

  package init(
    id: String, listeners: [String], mode: Mode = .drain, blockSeconds: Int = 0, scope: BlockScope = .agent, minimumRemaining: Int = 0,
    reason: String = "", isDryRun: Bool = false
  ) {
    self.id = id
    self.listeners = listeners
    self.mode = mode
    self.blockSeconds = blockSeconds
    self.scope = scope
    self.minimumRemaining = minimumRemaining
    self.reason = reason
    self.isDryRun = isDryRun
  }
}
