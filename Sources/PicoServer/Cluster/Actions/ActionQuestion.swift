internal import PicoCore
internal import PicoStatus

/// What one node asks or tells another about actions of operators, each in a conversation of its own. JSON with a `type`; members that are not
/// known are ignored. Source: docs/protocol.md, "Links".
enum ActionQuestion: Equatable, Sendable {
  /// Wait until it is the asker's turn to decide, and let it have that until the conversation ends.
  case turn
  /// What became of an action that was done already.
  case known(OperatorAction, TenantScope)
  /// What the node has of these listeners.
  case find([ListenerID], TenantScope)
  /// How many listeners the endpoints have there, and which listeners blocks of these subjects would cover.
  case count([EndpointID], [BlockSubject], TenantScope)
  case end(EndOrder)
  /// A block is lifted; `leftMilliseconds` where the asker knows of it.
  case lift(String, leftMilliseconds: Int?, by: String, TenantScope, asked: NodeID)
  case drain(by: String, asked: NodeID)
  /// Whether the node goes on taking requests when the asker leaves.
  case stays(whenLeaves: NodeID)
  /// All that the asker knows of blocks.
  case blocks([BlockRecord])
}

/// What the other node says to one: whatever there is to say.
struct ActionAnswer: Equatable, Sendable {
  /// To ``ActionQuestion/known(_:_:)``.
  var result: ActionResult?
  var listeners: [ListenerFacts] = []
  var counts: [EndpointID: Int] = [:]
  var ended: [ListenerID] = []
  /// Whether there was something to lift or to drain, or the node stays.
  var ok: Bool?
  var error: String?
  /// Of a block that was lifted.
  var leftMilliseconds: Int?
}

// MARK: JSON

extension ActionQuestion {
  /// - Parameter now: steady nanoseconds, for what is left of blocks.
  func json(now: UInt64) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.object { writer in
      switch self {
      case .turn: writer.member("type", "turn")
      case .known(let action, let scope):
        writer.member("type", "known")
        writer.key("action")
        writer.value(action.message.json)
        writer.member("tenant", ifPresent: scope.tenantName)
      case .find(let listeners, let scope):
        writer.member("type", "find")
        writer.member("listeners", listeners.map(\.description))
        writer.member("tenant", ifPresent: scope.tenantName)
      case .count(let endpoints, let subjects, let scope):
        writer.member("type", "count")
        writer.member("endpoints", endpoints.map(\.description))
        writer.member("subjects", subjects)
        writer.member("tenant", ifPresent: scope.tenantName)
      case .end(let order): order.writeMembers(to: &writer, now: now)
      case .lift(let block, let left, let by, let scope, let asked):
        writer.member("type", "lift")
        writer.member("block", block)
        writer.member("left_ms", ifPresent: left)
        writer.member("by", by)
        writer.member("asked", asked.text)
        writer.member("tenant", ifPresent: scope.tenantName)
      case .drain(let by, let asked):
        writer.member("type", "drain")
        writer.member("by", by)
        writer.member("asked", asked.text)
      case .stays(let other):
        writer.member("type", "stays")
        writer.member("asked", other.text)
      case .blocks(let records):
        writer.member("type", "blocks")
        writer.key("blocks")
        writer.array { writer in
          for record in records { record.write(to: &writer, now: now) }
        }
      }
    }
    return writer.bytes
  }

  /// - Throws: for what no node of this version says; nil for a type of a later one.
  static func read(json: [UInt8], now: UInt64, wall: Timestamp) throws(JSONError) -> ActionQuestion? {
    var members = Members()
    var reader = JSONReader(json)
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "type": members.type = try reader.string()
      case "action":
        members.action = OperatorAction(json: try reader.text())
        if members.action == nil { throw reader.failure("no action") }
      case "tenant": members.scope = TenantScope(tenantName: try reader.string())
      case "id": members.id = try reader.string()
      case "listeners": members.listeners = try Array(from: &reader)
      case "leaving": members.leaving = try Dictionary(from: &reader)
      case "endpoints": members.endpoints = try [String](from: &reader).compactMap { EndpointID(qualified: $0) }
      case "subjects": members.subjects = try Array(from: &reader)
      case "mode": members.mode = Disconnect.Mode(rawValue: try reader.string()) ?? .drain
      case "by": members.by = try reader.string()
      case "reason": members.reason = try reader.string()
      case "asked": members.asked = NodeID(try reader.string())
      case "block" where members.type != "end": members.block = try reader.string()
      case "block":
        if case .holds(let block)? = try BlockRecord.read(&reader, now: now, wall: wall) { members.held = block }
      case "blocks":
        try reader.array { (reader) throws(JSONError) in
          if let record = try BlockRecord.read(&reader, now: now, wall: wall) { members.records.append(record) }
        }
      case "left_ms": members.left = try reader.integer()
      default: try reader.skip()
      }
    }
    try reader.end()
    return try members.question(reader)
  }

  private struct Members {
    var type = ""
    var action: OperatorAction?
    var scope: TenantScope? = .all
    var listeners: [String] = []
    var leaving: [String: Int] = [:]
    var endpoints: [EndpointID] = []
    var subjects: [BlockSubject] = []
    var id = ""
    var mode = Disconnect.Mode.drain
    var by = ""
    var reason = ""
    var asked: NodeID?
    var block: String?
    /// Of an `end`.
    var held: Block?
    var records: [BlockRecord] = []
    var left: Int?

    func question(_ reader: JSONReader) throws(JSONError) -> ActionQuestion? {
      func need<Value>(_ value: Value?, _ name: String) throws(JSONError) -> Value {
        guard let value else { throw reader.failure("no \(name)") }
        return value
      }
      // Without a scope that can be read nothing is shown or done.
      let scope = try need(scope, "tenant")
      let ids = listeners.compactMap { ListenerID($0) }
      switch type {
      case "turn": return .turn
      case "known": return .known(try need(action, "action"), scope)
      case "find": return .find(ids, scope)
      case "count": return .count(endpoints, subjects, scope)
      case "end":
        return .end(
          EndOrder(
            id: id, listeners: ids.map { .init(id: $0, leaving: leaving[$0.description] ?? 0) }, mode: mode, block: held, by: by,
            reason: reason, scope: scope, asked: try need(asked, "asked")))
      case "lift":
        return .lift(try need(block, "block"), leftMilliseconds: left, by: by, scope, asked: try need(asked, "asked"))
      case "drain": return .drain(by: by, asked: try need(asked, "asked"))
      case "stays": return .stays(whenLeaves: try need(asked, "asked"))
      case "blocks": return .blocks(records)
      default: return nil
      }
    }
  }
}

extension EndOrder {
  /// `type` comes before `block`, which means another thing in other types.
  fileprivate func writeMembers(to writer: inout JSONWriter, now: UInt64) {
    writer.member("type", "end")
    writer.member("id", id)
    writer.member("listeners", listeners.map(\.id.description))
    let leaving = Dictionary(listeners.filter { $0.leaving > 0 }.map { ($0.id.description, $0.leaving) }) { $1 }
    if !leaving.isEmpty { writer.member("leaving", leaving) }
    writer.member("mode", mode.rawValue)
    if let block {
      writer.key("block")
      BlockRecord.holds(block).write(to: &writer, now: now)
    }
    writer.member("by", by)
    writer.member("reason", reason)
    writer.member("asked", asked.text)
    writer.member("tenant", ifPresent: scope.tenantName)
  }
}

extension ActionAnswer {
  var json: [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.object { writer in
      if let result {
        writer.key("result")
        writer.object { result.writeMembers(to: &$0) }
      }
      if !listeners.isEmpty { writer.member("listeners", listeners) }
      if !counts.isEmpty {
        writer.member("counts", Dictionary(counts.map { ($0.key.description, $0.value) }) { $1 })
      }
      if !ended.isEmpty { writer.member("ended", ended.map(\.description)) }
      writer.member("ok", ifPresent: ok)
      writer.member("error", ifPresent: error)
      writer.member("left_ms", ifPresent: leftMilliseconds)
    }
    return writer.bytes
  }

  init(json: [UInt8]) throws(JSONError) {
    var reader = JSONReader(json)
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "result": result = try ActionResult(from: &reader)
      case "listeners": listeners = try Array(from: &reader)
      case "counts":
        for (name, count) in try [String: Int](from: &reader) {
          if let endpoint = EndpointID(qualified: name) { counts[endpoint] = count }
        }
      case "ended": ended = try [String](from: &reader).compactMap { ListenerID($0) }
      case "ok": ok = try reader.bool()
      case "error": error = try reader.string()
      case "left_ms": leftMilliseconds = try reader.integer()
      default: try reader.skip()
      }
    }
    try reader.end()
  }
}

extension TenantScope {
  /// Nil for all tenants, empty for the default one.
  fileprivate var tenantName: String? {
    switch self {
    case .all: nil
    case .only(let tenant): tenant.name
    }
  }

  /// Nil for what is no tenant.
  fileprivate init?(tenantName: String) {
    guard !tenantName.isEmpty else {
      self = .only(.default)
      return
    }
    guard let tenant = TenantID(tenantName) else { return nil }
    self = .only(tenant)
  }
}

extension OperatorAction {
  /// As an operator's dashboard says it.
  fileprivate var message: ClientMessage {
    switch self {
    case .disconnect(let disconnect): .disconnect(disconnect)
    case .unblock(let id, let block): .unblock(id: id, block: block)
    case .drainNode(let id, let node): .drainNode(id: id, node: node)
    }
  }

  /// Nil for what is no such message.
  fileprivate init?(json: [UInt8]) {
    switch try? ClientMessage(json: json) {
    case .disconnect(let disconnect): self = .disconnect(disconnect)
    case .unblock(let id, let block): self = .unblock(id: id, block: block)
    case .drainNode(let id, let node): self = .drainNode(id: id, node: node)
    default: return nil
    }
  }
}
