internal import PicoCore

extension ServerMessage {
  /// One JSON text in UTF-8.
  package var json: [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.object { writer in
      switch self {
      case .hello(let hello): hello.writeMembers(to: &writer)
      case .snapshot(let snapshot): snapshot.writeMembers(to: &writer)
      case .update(let update): update.writeMembers(to: &writer)
      case .history(let history): history.writeMembers(to: &writer)
      case .errors(let errors):
        writer.member("type", "errors")
        writer.member("endpoint", errors.endpoint)
        writer.member("errors", errors.errors)
      case .result(let result): result.writeMembers(to: &writer)
      case .request(let request): request.writeMembers(to: &writer)
      case .event(let event): event.writeMembers(to: &writer)
      case .error(let error):
        writer.member("type", "error")
        writer.member("id", ifPresent: error.id)
        writer.member("code", error.code)
        writer.member("message", error.message)
      case .unknown(let type): writer.member("type", type)
      }
    }
    return writer.bytes
  }

  /// Reads one message. Members that this version does not know are ignored.
  package init(json bytes: [UInt8]) throws(JSONError) {
    var reader = JSONReader(bytes)
    let type = try MessageType.read(bytes)
    switch type {
    case "hello": self = .hello(try Hello(from: &reader))
    case "snapshot": self = .snapshot(try Snapshot(from: &reader))
    case "update": self = .update(try Update(from: &reader))
    case "history": self = .history(try History(from: &reader))
    case "errors": self = .errors(try RecentErrors(from: &reader))
    case "result": self = .result(try ActionResult(from: &reader))
    case "request": self = .request(try TailedRequest(from: &reader))
    case "event": self = .event(try StatusEvent(from: &reader))
    case "error": self = .error(try StatusError(from: &reader))
    default:
      try reader.skip()
      self = .unknown(type: type)
    }
    try reader.end()
  }
}

/// The `type` of a message, which is read first as it says what the other members mean.
enum MessageType {
  static func read(_ bytes: [UInt8]) throws(JSONError) -> String {
    // Our own messages begin with it; then the rest is not looked at twice.
    var reader = JSONReader(bytes)
    var type: String?
    var isFirst = true
    do throws(JSONError) {
      try reader.object { (reader, key) throws(JSONError) in
        if "type" ~= key {
          type = try reader.string()
          if isFirst { throw Self.found }
        } else {
          try reader.skip()
        }
        isFirst = false
      }
    } catch {
      guard error == Self.found, let type else { throw error }
      return type
    }
    guard let type else { throw JSONError(reason: "a message without a type", offset: 0) }
    return type
  }

  private static let found = JSONError(reason: "", offset: -1)
}

extension Hello {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("type", "hello")
    writer.key("protocol")
    writer.object { writer in
      writer.member("min", minimumProtocol)
      writer.member("max", maximumProtocol)
    }
    writer.member("node", node)
    writer.member("version", version)
    writer.member("role", role)
    writer.member("now", now)
  }

  init(from reader: inout JSONReader) throws(JSONError) {
    self.init(node: "", version: "", role: .viewer, now: Timestamp(seconds: 0))
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "protocol":
        try reader.object { (reader, key) throws(JSONError) in
          switch key {
          case "min": minimumProtocol = try reader.integer()
          case "max": maximumProtocol = try reader.integer()
          default: try reader.skip()
          }
        }
      case "node": node = try reader.string()
      case "version": version = try reader.string()
      case "role": role = try StatusRole(from: &reader)
      case "now": now = try Timestamp(from: &reader)
      default: try reader.skip()
      }
    }
  }
}

extension TableChanges {
  /// Tables without rows are left out.
  package func writeMembers(to writer: inout JSONWriter) {
    if !nodes.isEmpty { writer.member("nodes", nodes) }
    if !endpoints.isEmpty { writer.member("endpoints", endpoints) }
    if !listeners.isEmpty { writer.member("listeners", listeners) }
    if !totals.isEmpty { writer.member("totals", totals) }
    if !blocks.isEmpty { writer.member("blocks", blocks) }
  }

  /// Whether the member was a table.
  mutating func read(_ key: borrowing JSONKey, _ reader: inout JSONReader) throws(JSONError) -> Bool {
    switch key {
    case "nodes": nodes = try Array(from: &reader)
    case "endpoints": endpoints = try Array(from: &reader)
    case "listeners": listeners = try Array(from: &reader)
    case "totals": totals = try Array(from: &reader)
    case "blocks": blocks = try Array(from: &reader)
    default: return false
    }
    return true
  }
}

extension Snapshot {
  /// Everything but the rows.
  package func writeEnvelope(to writer: inout JSONWriter) {
    writer.member("type", "snapshot")
    writer.member("id", id)
    writer.member("seq", sequence)
    writer.member("now", now)
    writer.member("total", total)
    if parts > 1 {
      writer.member("part", part)
      writer.member("parts", parts)
    }
  }

  func writeMembers(to writer: inout JSONWriter) {
    writeEnvelope(to: &writer)
    tables.writeMembers(to: &writer)
  }

  init(from reader: inout JSONReader) throws(JSONError) {
    self.init(id: "", sequence: 0, now: Timestamp(seconds: 0), total: 0, tables: TableChanges())
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "id": id = try reader.string()
      case "seq": sequence = try reader.integer()
      case "now": now = try Timestamp(from: &reader)
      case "total": total = try reader.integer()
      case "part": part = try reader.integer()
      case "parts": parts = try reader.integer()
      default: if try !tables.read(key, &reader) { try reader.skip() }
      }
    }
    guard part >= 1, part <= parts else { throw reader.failure("a part that is none of its parts") }
  }
}

extension Update {
  /// Everything but the rows and what was removed.
  package func writeEnvelope(to writer: inout JSONWriter) {
    writer.member("type", "update")
    writer.member("id", id)
    writer.member("seq", sequence)
    writer.member("now", now)
    writer.member("total", total)
  }

  /// The rows and what was removed: the same for every reader of a subscription.
  package func writeChanges(to writer: inout JSONWriter) {
    tables.writeMembers(to: &writer)
    guard removed.contains(where: { !$0.value.isEmpty }) else { return }
    writer.key("removed")
    writer.object { writer in
      for table in StatusTable.allCases {
        if let keys = removed[table], !keys.isEmpty { writer.member(table.rawValue, keys) }
      }
    }
  }

  func writeMembers(to writer: inout JSONWriter) {
    writeEnvelope(to: &writer)
    writeChanges(to: &writer)
  }

  init(from reader: inout JSONReader) throws(JSONError) {
    self.init(id: "", sequence: 0, now: Timestamp(seconds: 0), total: 0)
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "id": id = try reader.string()
      case "seq": sequence = try reader.integer()
      case "now": now = try Timestamp(from: &reader)
      case "total": total = try reader.integer()
      case "removed":
        try reader.object { (reader, key) throws(JSONError) in
          guard let table = StatusTable(rawValue: key.text) else { return try reader.skip() }
          removed[table] = try [String](from: &reader)
        }
      default: if try !tables.read(key, &reader) { try reader.skip() }
      }
    }
  }
}

extension ActionResult {
  /// Also the body of the answers over HTTP.
  package func writeMembers(to writer: inout JSONWriter) {
    writer.member("type", "result")
    writer.member("id", id)
    writer.member("results", results)
    writer.member("block", ifPresent: block)
    writer.member("matched", ifPresent: matched)
    writer.member("ok", ifPresent: ok)
    writer.member("error", ifPresent: error)
    if !unreachable.isEmpty { writer.member("unreachable", unreachable) }
  }

  /// Reads the body of an answer over HTTP.
  package init(json bytes: [UInt8]) throws(JSONError) {
    var reader = JSONReader(bytes)
    try self.init(from: &reader)
    try reader.end()
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(id: "")
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "id": id = try reader.string()
      case "results": results = try Array(from: &reader)
      case "block": block = try reader.string()
      case "matched": matched = try reader.integer()
      case "ok": ok = try reader.bool()
      case "error": error = try reader.string()
      case "unreachable": unreachable = try Array(from: &reader)
      default: try reader.skip()
      }
    }
  }
}

extension ListenerResult {
  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("listener", listener)
      writer.member("ok", ok)
      writer.member("error", ifPresent: error)
      writer.member("remaining", ifPresent: remaining)
    }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(listener: "", ok: false)
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "listener": listener = try reader.string()
      case "ok": ok = try reader.bool()
      case "error": error = try reader.string()
      case "remaining": remaining = try reader.integer()
      default: try reader.skip()
      }
    }
  }
}

extension TailedRequest {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("type", "request")
    writer.member("id", id)
    writer.member("at", at)
    writer.member("method", method)
    writer.member("path", path)
    writer.member("status", status)
    writer.member("latency_ms", latency)
    writer.member("listener", listener)
    writer.member("node", node)
    writer.member("bytes_in", bytesIn)
    writer.member("bytes_out", bytesOut)
    writer.member("request_id", requestID)
    if skipped > 0 { writer.member("skipped", skipped) }
  }

  init(from reader: inout JSONReader) throws(JSONError) {
    self.init(
      id: "", at: Timestamp(seconds: 0), method: "", path: "", status: 0, latency: 0, listener: "", node: "", bytesIn: 0, bytesOut: 0,
      requestID: "")
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "id": id = try reader.string()
      case "at": at = try Timestamp(from: &reader)
      case "method": method = try reader.string()
      case "path": path = try reader.string()
      case "status": status = try reader.integer()
      case "latency_ms": latency = try reader.number()
      case "listener": listener = try reader.string()
      case "node": node = try reader.string()
      case "bytes_in": bytesIn = try reader.integer()
      case "bytes_out": bytesOut = try reader.integer()
      case "request_id": requestID = try reader.string()
      case "skipped": skipped = try reader.integer()
      default: try reader.skip()
      }
    }
  }
}

extension StatusEvent {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("type", "event")
    writer.member("at", at)
    writer.member("kind", kind)
    writer.member("node", node)
    writer.member("number", number)
    for (name, value) in details.sorted(by: { $0.key < $1.key }) { writer.member(name, value) }
  }

  init(from reader: inout JSONReader) throws(JSONError) {
    self.init(at: Timestamp(seconds: 0), kind: Kind(rawValue: ""), node: "", number: 0)
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "type": try reader.skip()
      case "at": at = try Timestamp(from: &reader)
      case "kind": kind = try Kind(from: &reader)
      case "node": node = try reader.string()
      case "number": number = try reader.integer()
      default:
        // What is no text is of a later version.
        if let text = try reader.stringOrSkip() { details[key.text] = text }
      }
    }
  }
}

extension StatusError {
  init(from reader: inout JSONReader) throws(JSONError) {
    self.init(code: .badMessage, message: "")
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "id": id = try reader.string()
      case "code": code = try Code(from: &reader)
      case "message": message = try reader.string()
      default: try reader.skip()
      }
    }
  }
}
