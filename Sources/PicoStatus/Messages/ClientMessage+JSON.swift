internal import PicoCore

extension ClientMessage {
  /// One JSON text in UTF-8.
  package var json: [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.object { writer in
      switch self {
      case .subscribe(let subscription): subscription.writeMembers(to: &writer)
      case .unsubscribe(let id): Self.write("unsubscribe", id, &writer)
      case .resync(let id): Self.write("resync", id, &writer)
      case .history(let endpoint, let since, let tenant):
        writer.member("type", "history")
        writer.member("endpoint", endpoint)
        writer.member("since", ifPresent: since)
        writer.member("tenant", ifPresent: tenant)
      case .errors(let endpoint):
        writer.member("type", "errors")
        writer.member("endpoint", endpoint)
      case .disconnect(let disconnect): disconnect.writeMembers(to: &writer)
      case .unblock(let id, let block):
        Self.write("unblock", id, &writer)
        writer.member("block", block)
      case .drainNode(let id, let node):
        Self.write("drain-node", id, &writer)
        writer.member("node", node)
      case .tail(let id, let endpoint, let sample):
        Self.write("tail", id, &writer)
        writer.member("endpoint", endpoint)
        writer.member("sample", sample)
      case .untail(let id): Self.write("untail", id, &writer)
      }
    }
    return writer.bytes
  }

  private static func write(_ type: String, _ id: String, _ writer: inout JSONWriter) {
    writer.member("type", type)
    writer.member("id", id)
  }

  /// Reads one message; the error is the answer to it: `bad-message`, or `unknown-type` for a type of a later version.
  package init(json bytes: [UInt8]) throws(StatusError) {
    var members = Members()
    do throws(JSONError) {
      var reader = JSONReader(bytes)
      try members.read(from: &reader)
      try reader.end()
    } catch {
      throw StatusError(id: members.id, code: .badMessage, message: "\(error)")
    }
    self = try members.message()
  }
}

extension Subscription {
  fileprivate func writeMembers(to writer: inout JSONWriter) {
    writer.member("type", "subscribe")
    writer.member("id", id)
    writer.member("tables", tables)
    writer.member("interval_ms", intervalMilliseconds)
    writer.member("scope", scope.rawValue)
    if !endpoints.isEmpty { writer.member("endpoints", endpoints) }
    writer.member("endpoint", ifPresent: endpoint)
    writer.member("filter", ifPresent: filter)
    writer.member("sort", ifPresent: sort)
    writer.member("limit", ifPresent: limit)
    writer.member("events_since", ifPresent: eventsSince)
    writer.member("tenant", ifPresent: tenant)
    if isFull { writer.member("full", true) }
  }
}

extension Disconnect {
  fileprivate func writeMembers(to writer: inout JSONWriter) {
    writer.member("type", "disconnect")
    writer.member("id", id)
    writer.member("listeners", listeners)
    writer.member("mode", mode.rawValue)
    writer.member("block_seconds", blockSeconds)
    writer.member("scope", scope)
    writer.member("min_remaining", minimumRemaining)
    if !reason.isEmpty { writer.member("reason", reason) }
    if isDryRun { writer.member("dry_run", true) }
  }

  /// The body of a disconnect over HTTP: the members of the message.
  package var json: [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.object { writeMembers(to: &$0) }
    return writer.bytes
  }

  /// The body of a disconnect over HTTP, for the listener of its path: the members of the message but `type` and `listeners`; an absent `id`
  /// is `id`.
  package init(json bytes: [UInt8], listener: String, id: String) throws(StatusError) {
    var members = Members()
    do throws(JSONError) {
      var reader = JSONReader(bytes)
      try members.read(from: &reader)
      try reader.end()
    } catch {
      throw StatusError(id: members.id, code: .badMessage, message: "\(error)")
    }
    members.listeners = [listener]
    members.id = members.id ?? id
    self = try members.disconnect()
  }
}

/// Every member that any message of a dashboard has.
private struct Members {
  var type: String?
  var id: String?
  var tables: [StatusTable]?
  var interval: Int?
  var scope: String?
  var endpoints: [String]?
  var endpoint: String?
  var filter: String?
  var sort: String?
  var limit: Int?
  var eventsSince: [String: UInt64]?
  var since: Timestamp?
  var listeners: [String]?
  var mode: String?
  var blockSeconds: Int?
  var minimumRemaining: Int?
  var reason: String?
  var isDryRun: Bool?
  var block: String?
  var node: String?
  var sample: Double?
  var protocolVersion: Int?
  var tenant: String?
  var isFull: Bool?

  mutating func read(from reader: inout JSONReader) throws(JSONError) {
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "type": type = try reader.string()
      case "id": id = try reader.string()
      case "tables": tables = try Array(from: &reader)
      case "interval_ms": interval = try reader.integer()
      case "scope": scope = try reader.string()
      case "endpoints": endpoints = try Array(from: &reader)
      case "endpoint": endpoint = try String?(from: &reader)
      case "filter": filter = try String?(from: &reader)
      case "sort": sort = try String?(from: &reader)
      case "limit": limit = try Int?(from: &reader)
      case "events_since": eventsSince = try Dictionary?(from: &reader)
      case "since": since = try Timestamp(from: &reader)
      case "listeners": listeners = try Array(from: &reader)
      case "mode": mode = try reader.string()
      case "block_seconds": blockSeconds = try reader.integer()
      case "min_remaining": minimumRemaining = try reader.integer()
      case "reason": reason = try reader.string()
      case "dry_run": isDryRun = try reader.bool()
      case "block": block = try reader.string()
      case "node": node = try reader.string()
      case "sample": sample = try reader.number()
      case "tenant": tenant = try reader.string()
      case "full": isFull = try reader.bool()
      case "protocol": protocolVersion = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  func message() throws(StatusError) -> ClientMessage {
    guard let type else { throw bad("a message without a type") }
    switch type {
    case "subscribe": return .subscribe(try subscription())
    case "unsubscribe": return .unsubscribe(id: try required(id, "id"))
    case "resync": return .resync(id: try required(id, "id"))
    case "history": return .history(endpoint: endpoint, since: since, tenant: tenant)
    case "errors": return .errors(endpoint: try required(endpoint, "endpoint"))
    case "disconnect": return .disconnect(try disconnect())
    case "unblock": return .unblock(id: try required(id, "id"), block: try required(block, "block"))
    case "drain-node": return .drainNode(id: try required(id, "id"), node: try required(node, "node"))
    case "tail":
      let sample = sample ?? 1
      guard sample > 0, sample <= 1 else { throw bad("sample is above 0 and at most 1") }
      return .tail(id: try required(id, "id"), endpoint: try required(endpoint, "endpoint"), sample: sample)
    case "untail": return .untail(id: try required(id, "id"))
    default: throw StatusError(id: id, code: .unknownType, message: "unknown type \"\(type.prefix(64))\"")
    }
  }

  private func subscription() throws(StatusError) -> Subscription {
    let subscription = Subscription(id: try required(id, "id"))
    if let protocolVersion, protocolVersion != Hello.protocolVersion {
      throw bad("protocol \(protocolVersion) is asked for, and this node speaks \(Hello.protocolVersion)")
    }
    guard let scope = Subscription.Scope(rawValue: scope ?? "cluster") else { throw bad("scope is cluster or node") }
    guard limit ?? 1 > 0 else { throw bad("limit is above 0") }
    return Subscription(
      id: subscription.id, tables: tables ?? subscription.tables,
      intervalMilliseconds: min(max(interval ?? subscription.intervalMilliseconds, 100), 60_000), scope: scope, endpoints: endpoints ?? [],
      endpoint: endpoint, filter: filter, sort: sort, limit: limit, eventsSince: eventsSince, tenant: tenant, isFull: isFull ?? false)
  }

  func disconnect() throws(StatusError) -> Disconnect {
    guard let mode = Disconnect.Mode(rawValue: mode ?? "drain") else { throw bad("mode is drain or now") }
    let scope = BlockScope(rawValue: scope ?? "agent")
    guard [.listener, .agent, .identity, .endpoint].contains(scope) else { throw bad("scope is listener, agent, identity or endpoint") }
    guard (0...86_400).contains(blockSeconds ?? 0) else { throw bad("block_seconds is from 0 to 86400") }
    guard minimumRemaining ?? 0 >= 0 else { throw bad("min_remaining is not below 0") }
    guard (reason ?? "").utf8.count <= 1024 else { throw bad("reason has at most 1024 bytes") }
    let listeners = try required(listeners, "listeners")
    guard !listeners.isEmpty, listeners.count <= 10_000 else { throw bad("listeners has 1 to 10000 IDs") }
    return Disconnect(
      id: try required(id, "id"), listeners: listeners, mode: mode, blockSeconds: blockSeconds ?? 0, scope: scope,
      minimumRemaining: minimumRemaining ?? 0, reason: reason ?? "", isDryRun: isDryRun ?? false)
  }

  private func required<Value>(_ value: Value?, _ name: String) throws(StatusError) -> Value {
    guard let value else { throw bad("\(name) is missing") }
    return value
  }

  private func bad(_ message: String) -> StatusError { StatusError(id: id, code: .badMessage, message: message) }
}
