internal import PicoCore
internal import PicoStatus

/// What nodes tell each other of a block, and what the store holds of it: the block, or that it was lifted.
///
/// JSON: `{"v":1,"id":"b-…","scope":"agent","subjects":[…],"mode":"drain","by":"…","reason":"…","since":"…","until":"…"}`, and of a lifted one
/// `{"v":1,"id":"b-…","lifted":true,"until":"…"}`. Over a link `left_ms` stands beside it, for nodes whose clocks differ; in the store, where it
/// may be read at any time, it does not. Members that are not known are ignored.
enum BlockRecord: Equatable, Sendable {
  case holds(Block)
  /// Steady nanoseconds until which somebody may still say that it holds.
  case lifted(String, until: Timestamp, deadline: UInt64)

  var id: String {
    switch self {
    case .holds(let block): block.id
    case .lifted(let id, _, _): id
    }
  }

  var deadline: UInt64 {
    switch self {
    case .holds(let block): block.deadline
    case .lifted(_, _, let deadline): deadline
    }
  }

  /// The version of the form that is written here.
  private static let form = 1
  /// No block is made for longer.
  private static let maximumTime: Int64 = 86_400_000
  private static let maximumID = 128

  // MARK: Writing

  func json(now: UInt64? = nil) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    write(to: &writer, now: now)
    return writer.bytes
  }

  /// - Parameter now: with it the time that is left is written, for a reader at once.
  func write(to writer: inout JSONWriter, now: UInt64?) {
    writer.object { writer in
      writer.member("v", Self.form)
      writer.member("id", id)
      switch self {
      case .holds(let block):
        writer.member("scope", block.scope)
        writer.member("subjects", block.subjects)
        writer.member("mode", block.mode.rawValue)
        writer.member("by", block.by)
        writer.member("reason", block.reason)
        writer.member("since", block.since)
        writer.member("until", block.until)
      case .lifted(_, let until, _):
        writer.member("lifted", true)
        writer.member("until", until)
      }
      if let now { writer.member("left_ms", Int((deadline > now ? deadline - now : 0) / 1_000_000)) }
    }
  }

  // MARK: Reading

  /// - Parameters:
  ///   - now: steady nanoseconds.
  ///   - wall: the time of day, by which the end is found where the record does not say what is left; never more than the block's whole time.
  /// - Throws: where it is none of this form. Nil when it is over.
  static func read(_ reader: inout JSONReader, now: UInt64, wall: Timestamp) throws(JSONError) -> BlockRecord? {
    var form = 0
    var isLifted = false
    var left: Int64?
    var block = Block(scope: .agent, subjects: [], seconds: 0, by: "", reason: "", since: wall, now: now)
    block.id = ""
    block.until = Timestamp(seconds: 0)
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "v": form = try reader.integer()
      case "id": block.id = try reader.string()
      case "lifted": isLifted = try reader.bool()
      case "scope": block.scope = try BlockScope(from: &reader)
      case "subjects": block.subjects = try Array(from: &reader)
      case "mode": block.mode = Disconnect.Mode(rawValue: try reader.string()) ?? .drain
      case "by": block.by = try reader.string()
      case "reason": block.reason = try reader.string()
      case "since": block.since = try Timestamp(from: &reader)
      case "until": block.until = try Timestamp(from: &reader)
      case "left_ms": left = try reader.integer()
      default: try reader.skip()
      }
    }
    guard form == Self.form, !block.id.isEmpty, block.id.utf8.count <= maximumID else { throw reader.failure("no block of this version") }
    let whole = isLifted ? maximumTime : min(maximumTime, block.until.milliseconds - block.since.milliseconds)
    let milliseconds = min(left ?? (block.until.milliseconds - wall.milliseconds), whole)
    guard milliseconds > 0 else { return nil }
    block.deadline = now &+ UInt64(milliseconds) * 1_000_000
    return isLifted ? .lifted(block.id, until: block.until, deadline: block.deadline) : .holds(block)
  }

  /// Reads one JSON text, as ``read(_:now:wall:)``.
  static func read(json: [UInt8], now: UInt64, wall: Timestamp) throws(JSONError) -> BlockRecord? {
    var reader = JSONReader(json)
    let record = try read(&reader, now: now, wall: wall)
    try reader.end()
    return record
  }
}

/// `{"identity":"…","endpoint":"TENANT/NAME"}`, with `agent` or `address` in the place of `identity`; `{"identity":"…","tenant":"…"}` for every
/// endpoint of a tenant; `{"endpoint":"…"}` for everybody.
extension BlockSubject: JSONValue {
  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      switch self {
      case .agent(.identity(let name), _), .identity(let name, _): writer.member("identity", name)
      case .agent(.agentID(let name), _): writer.member("agent", name)
      case .agent(.address(let name), _): writer.member("address", name)
      case .endpoint: break
      }
      if let endpoint { writer.member("endpoint", endpoint.description) } else { writer.member("tenant", tenant.name) }
    }
  }

  init(from reader: inout JSONReader) throws(JSONError) {
    var name: Name?
    var endpoint: EndpointID?
    var tenant: TenantID?
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "identity": name = .identity(try reader.string())
      case "agent": name = .agentID(try reader.string())
      case "address": name = .address(try reader.string())
      case "endpoint": endpoint = EndpointID(qualified: try reader.string())
      case "tenant":
        let text = try reader.string()
        tenant = text.isEmpty ? .default : TenantID(text)
      default: try reader.skip()
      }
    }
    switch (name, endpoint, tenant) {
    case (let name?, let endpoint?, _): self = .agent(name, endpoint)
    case (nil, let endpoint?, _): self = .endpoint(endpoint)
    case (.identity(let identity), nil, let tenant?): self = .identity(identity, tenant)
    default: throw reader.failure("not what a block refuses")
    }
  }
}
