import PicoStatus
import PicoTunnel
import Support

@testable import PicoServer

/// A client of the status WebSocket that sends and shows what is on the wire.
final class WatchClient {
  enum Frame: Equatable {
    case text([UInt8])
    case ping
    case pong
    /// With its code; 0 without one.
    case close(UInt16)
    /// The connection ended.
    case end
  }

  let socket: LoopbackSocket
  private var unread: [UInt8] = []
  private var isEnded = false

  private init(_ socket: LoopbackSocket) { self.socket = socket }

  static let handshake =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

  /// Opens a connection and takes its `hello`. `fields` are lines with their ends.
  static func open(
    _ node: RunningNode, fields: String = "", behind: [UInt8] = [], receiveBuffer: Int32? = nil
  ) async throws -> (client: WatchClient, hello: Hello) {
    let client = WatchClient(try LoopbackSocket(port: node.adminPort, receiveBuffer: receiveBuffer))
    let head = Array("GET /status/v1/watch HTTP/1.1\r\nHost: localhost\r\n\(handshake)\(fields)\r\n".utf8)
    try await client.socket.send(head + behind)
    let answer = try await client.head()
    guard answer.hasPrefix("HTTP/1.1 101 ") else { throw Unexpected(what: answer) }
    guard case .hello(let hello) = try await client.message() else { throw Unexpected(what: "a hello") }
    return (client, hello)
  }

  private func head() async throws -> String {
    while true {
      let text = String(decoding: unread, as: UTF8.self)
      if let end = text.firstRange(of: "\r\n\r\n") {
        unread.removeFirst(text[..<end.upperBound].utf8.count)
        return String(text[..<end.lowerBound])
      }
      guard try await more() else { throw Unexpected(what: text) }
    }
  }

  private func more(within seconds: Double = 20) async throws -> Bool {
    guard !isEnded else { return false }
    let (bytes, closed) = try await socket.receive(within: seconds) { !$0.isEmpty }
    unread += bytes
    isEnded = closed
    return !bytes.isEmpty || closed
  }

  // MARK: Sending

  static func frame(opcode: UInt8, _ payload: [UInt8], isMasked: Bool = true, isFinal: Bool = true) -> [UInt8] {
    var frame: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
    let mask: UInt8 = isMasked ? 0x80 : 0
    switch payload.count {
    case ..<126: frame.append(mask | UInt8(payload.count))
    case ..<65536: frame += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
    default: frame += [mask | 127] + (0..<8).map { UInt8(payload.count >> (56 - 8 * $0) & 0xFF) }
    }
    guard isMasked else { return frame + payload }
    let key: [UInt8] = [0x12, 0x34, 0x56, 0x78]
    return frame + key + payload.enumerated().map { $0.element ^ key[$0.offset & 3] }
  }

  func send(_ message: ClientMessage) async throws { try await send(message.json) }
  func send(_ text: String) async throws { try await send(Array(text.utf8)) }
  func send(_ json: [UInt8]) async throws { try await socket.send(Self.frame(opcode: 1, json)) }

  // MARK: Receiving

  func frame(within seconds: Double = 20) async throws -> Frame {
    while true {
      if let frame = takeFrame() { return frame }
      guard !isEnded else { return .end }
      guard try await more(within: seconds) else { return .end }
    }
  }

  private func takeFrame() -> Frame? {
    guard unread.count >= 2 else { return nil }
    var length = Int(unread[1] & 0x7F)
    var start = 2
    if length >= 126 {
      let count = length == 126 ? 2 : 8
      guard unread.count >= 2 + count else { return nil }
      length = unread[2..<(2 + count)].reduce(0) { $0 << 8 | Int($1) }
      start += count
    }
    guard unread.count >= start + length else { return nil }
    let payload = Array(unread[start..<(start + length)])
    let opcode = unread[0] & 0xF
    unread.removeFirst(start + length)
    switch opcode {
    case 1: return .text(payload)
    case 9: return .ping
    case 10: return .pong
    default: return .close(payload.count < 2 ? 0 : UInt16(payload[0]) << 8 | UInt16(payload[1]))
    }
  }

  /// The next message; pings are passed over.
  func message(within seconds: Double = 20) async throws -> ServerMessage {
    while true {
      switch try await frame(within: seconds) {
      case .text(let json): return try ServerMessage(json: json)
      case .ping, .pong: continue
      case let other: throw Unexpected(what: "\(other)")
      }
    }
  }

  /// The next message of a kind; others are passed over.
  func next<T>(_ select: (ServerMessage) -> T?) async throws -> T {
    while true { if let value = select(try await message()) { return value } }
  }

  func error() async throws -> StatusError { try await next { if case .error(let error) = $0 { error } else { nil } } }
  func snapshot() async throws -> Snapshot { try await next { if case .snapshot(let snapshot) = $0 { snapshot } else { nil } } }
  func update() async throws -> Update { try await next { if case .update(let update) = $0 { update } else { nil } } }
  func event() async throws -> StatusEvent { try await next { if case .event(let event) = $0 { event } else { nil } } }
  func request() async throws -> TailedRequest { try await next { if case .request(let request) = $0 { request } else { nil } } }
}

/// The tables of one subscription as a reader has them who does what docs/status-protocol.md says.
struct WatchedTables {
  private(set) var nodes: [String: NodeRow] = [:]
  private(set) var endpoints: [String: EndpointRow] = [:]
  private(set) var listeners: [String: ListenerRow] = [:]
  private(set) var totals: [String: TotalsRow] = [:]
  private(set) var blocks: [String: BlockRow] = [:]
  private(set) var sequence: UInt64 = 0
  /// A message did not follow the one before, or changed a row that was not there.
  private(set) var faults: [String] = []
  private(set) var isWhole = false

  mutating func receive(_ message: ServerMessage) {
    switch message {
    case .snapshot(let snapshot):
      if sequence != 0, snapshot.sequence != sequence + 1 { faults.append("snapshot \(snapshot.sequence) behind \(sequence)") }
      if snapshot.part == 1 {
        (nodes, endpoints, listeners, totals, blocks) = ([:], [:], [:], [:], [:])
        isWhole = false
      }
      sequence = snapshot.sequence
      isWhole = snapshot.part == snapshot.parts
      apply(snapshot.tables)
    case .update(let update):
      if update.sequence != sequence + 1 { faults.append("update \(update.sequence) behind \(sequence)") }
      if !isWhole { faults.append("an update in the middle of a snapshot") }
      sequence = update.sequence
      apply(update.tables)
      for key in update.removed[.nodes] ?? [] { nodes[key] = nil }
      for key in update.removed[.endpoints] ?? [] { endpoints[key] = nil }
      for key in update.removed[.listeners] ?? [] { listeners[key] = nil }
      for key in update.removed[.totals] ?? [] { totals[key] = nil }
      for key in update.removed[.blocks] ?? [] { blocks[key] = nil }
    default: break
    }
  }

  private mutating func apply(_ tables: TableChanges) {
    Self.apply(tables.nodes, &nodes)
    Self.apply(tables.endpoints, &endpoints)
    Self.apply(tables.listeners, &listeners)
    Self.apply(tables.totals, &totals)
    Self.apply(tables.blocks, &blocks)
  }

  private static func apply<Row: StatusRow>(_ changes: [RowChange<Row>], _ rows: inout [String: Row]) {
    for change in changes {
      if var row = rows[change.key] {
        change.apply(to: &row)
        rows[change.key] = row
      } else {
        rows[change.key] = change.row
      }
    }
  }
}
