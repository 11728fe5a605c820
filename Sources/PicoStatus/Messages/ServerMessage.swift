package import PicoCore

/// What a node says on the status WebSocket; docs/status-protocol.md tells each message.
package enum ServerMessage: Equatable, Sendable {
  case hello(Hello)
  case snapshot(Snapshot)
  case update(Update)
  case history(History)
  case errors(RecentErrors)
  case result(ActionResult)
  case request(TailedRequest)
  case event(StatusEvent)
  case error(StatusError)
  /// Of a later version; ignored.
  case unknown(type: String)
}

/// The first message of a connection.
package struct Hello: Equatable, Sendable {
  /// The one version that there is.
  package static let protocolVersion = 1

  package var minimumProtocol: Int
  package var maximumProtocol: Int
  package var node: String
  package var version: String
  package var role: StatusRole
  package var now: Timestamp

  package init(
    minimumProtocol: Int = protocolVersion, maximumProtocol: Int = protocolVersion, node: String, version: String, role: StatusRole,
    now: Timestamp
  ) {
    self.minimumProtocol = minimumProtocol
    self.maximumProtocol = maximumProtocol
    self.node = node
    self.version = version
    self.role = role
    self.now = now
  }
}

/// What a connection may do.
package struct StatusRole: OpenText {
  package var rawValue: String

  package init(rawValue: String) { self.rawValue = rawValue }

  /// Looks, and does nothing.
  package static let viewer = StatusRole(rawValue: "viewer")
  /// May disconnect, block, drain and tail.
  package static let `operator` = StatusRole(rawValue: "operator")
}

/// The rows of each table that a message has any of.
package struct TableChanges: Equatable, Sendable {
  package var nodes: [RowChange<NodeRow>] = []
  package var endpoints: [RowChange<EndpointRow>] = []
  package var listeners: [RowChange<ListenerRow>] = []
  package var totals: [RowChange<TotalsRow>] = []
  package var blocks: [RowChange<BlockRow>] = []

  package init() {}
}

/// All that a subscription covers, or one part of it. What a reader had of the subscription before part 1 is void.
package struct Snapshot: Equatable, Sendable {
  package var id: String
  package var sequence: UInt64
  package var now: Timestamp
  /// Rows that match in all parts together, also those beyond `limit`.
  package var total: Int
  /// From 1.
  package var part: Int
  package var parts: Int
  /// Whole rows.
  package var tables: TableChanges

  package init(id: String, sequence: UInt64, now: Timestamp, total: Int, part: Int = 1, parts: Int = 1, tables: TableChanges) {
    self.id = id
    self.sequence = sequence
    self.now = now
    self.total = total
    self.part = part
    self.parts = parts
    self.tables = tables
  }
}

/// What changed in a subscription since the last snapshot or update; comes every interval, even when that is nothing.
package struct Update: Equatable, Sendable {
  package var id: String
  /// One more than that of the message before it.
  package var sequence: UInt64
  package var now: Timestamp
  /// As in a snapshot.
  package var total: Int
  package var tables: TableChanges
  /// Keys of rows that are gone, by table.
  package var removed: [StatusTable: [String]]

  package init(
    id: String, sequence: UInt64, now: Timestamp, total: Int, tables: TableChanges = TableChanges(), removed: [StatusTable: [String]] = [:]
  ) {
    self.id = id
    self.sequence = sequence
    self.now = now
    self.total = total
    self.tables = tables
    self.removed = removed
  }
}

package enum StatusTable: String, CaseIterable, Sendable, JSONValue {
  case nodes, endpoints, listeners, totals, blocks

  package func write(to writer: inout JSONWriter) { writer.string(rawValue) }

  package init(from reader: inout JSONReader) throws(JSONError) {
    guard let table = StatusTable(rawValue: try reader.string()) else { throw reader.failure("not a table") }
    self = table
  }
}

/// What became of an action, of each listener it named.
package struct ActionResult: Equatable, Sendable {
  /// That of the message that asked.
  package var id: String
  package var results: [ListenerResult]
  /// The block that was set.
  package var block: String?
  /// Listeners that the action ends: those that were named and not refused, and others that the block covers; for a dry run those that it
  /// would end.
  package var matched: Int?
  /// For an action without listeners: whether it was done.
  package var ok: Bool?
  package var error: String?
  /// IDs of nodes that did not answer; what was asked for may be there, and a block may not hold there yet.
  package var unreachable: [String]

  package init(
    id: String, results: [ListenerResult] = [], block: String? = nil, matched: Int? = nil, ok: Bool? = nil, error: String? = nil,
    unreachable: [String] = []
  ) {
    self.id = id
    self.results = results
    self.block = block
    self.matched = matched
    self.ok = ok
    self.error = error
    self.unreachable = unreachable
  }
}

package struct ListenerResult: Equatable, Sendable, JSONValue {
  package var listener: String
  package var ok: Bool
  /// Why not: `not-found`, `would-remove-last`, `forbidden`, `unreachable`, `bad-scope` (a block of scope `listener`), `no-identity` (a block
  /// of scope `identity` for a listener without one), `too-many-blocks`.
  package var error: String?
  /// Listeners that its endpoint has left.
  package var remaining: Int?

  package init(listener: String, ok: Bool, error: String? = nil, remaining: Int? = nil) {
    self.listener = listener
    self.ok = ok
    self.error = error
    self.remaining = remaining
  }
}

/// One request of a `tail`, when it ended.
package struct TailedRequest: Equatable, Sendable {
  /// That of the `tail`.
  package var id: String
  /// When the request came.
  package var at: Timestamp
  package var method: String
  /// Without its query, of which only a `?…` is left.
  package var path: String
  /// As answered; 499 when the client left.
  package var status: Int
  /// Until the response head, in milliseconds.
  package var latency: Double
  /// Empty when none took it.
  package var listener: String
  package var node: String
  /// Body bytes.
  package var bytesIn: UInt64
  package var bytesOut: UInt64
  package var requestID: String
  /// Requests that came since the one before and are not shown: more than a reader or the node can bear.
  package var skipped: Int

  package init(
    id: String, at: Timestamp, method: String, path: String, status: Int, latency: Double, listener: String, node: String, bytesIn: UInt64,
    bytesOut: UInt64, requestID: String, skipped: Int = 0
  ) {
    self.id = id
    self.at = at
    self.method = method
    self.path = path
    self.status = status
    self.latency = latency
    self.listener = listener
    self.node = node
    self.bytesIn = bytesIn
    self.bytesOut = bytesOut
    self.requestID = requestID
    self.skipped = skipped
  }
}

/// Something that happened on a node. Each node numbers its own from 1 and keeps the last 1,000.
package struct StatusEvent: Equatable, Sendable {
  package struct Kind: OpenText {
    package var rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    package static let listenerConnected = Kind(rawValue: "listener-connected")
    package static let listenerDisconnected = Kind(rawValue: "listener-disconnected")
    package static let nodeJoined = Kind(rawValue: "node-joined")
    package static let nodeLeft = Kind(rawValue: "node-left")
    package static let operatorAction = Kind(rawValue: "operator-action")
  }

  package var at: Timestamp
  package var kind: Kind
  package var node: String
  package var number: UInt64
  /// By name, such as `endpoint`, `listener`, `agent`, `reason`, `by`; on the wire members beside the others.
  package var details: [String: String]

  package init(at: Timestamp, kind: Kind, node: String, number: UInt64, details: [String: String] = [:]) {
    self.at = at
    self.kind = kind
    self.node = node
    self.number = number
    self.details = details
  }
}

/// A message that was not done.
package struct StatusError: Error, Equatable, Sendable {
  package struct Code: OpenText {
    package var rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    package static let forbidden = Code(rawValue: "forbidden")
    package static let badMessage = Code(rawValue: "bad-message")
    package static let unknownType = Code(rawValue: "unknown-type")
    /// The reader did not keep up and was skipped.
    package static let tooSlow = Code(rawValue: "too-slow")
    package static let notFound = Code(rawValue: "not-found")
  }

  /// That of the message at fault, when it had one.
  package var id: String?
  package var code: Code
  package var message: String

  package init(id: String? = nil, code: Code, message: String) {
    self.id = id
    self.code = code
    self.message = message
  }
}
