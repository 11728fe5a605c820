import PicoTunnel
import Testing

@Suite struct ControlDecoderTests {
  static let messages: [ControlMessage] = [
    .hello(.init(agentID: "a-1", version: "1.2.3", weight: 7, metadata: ["zone": "a", "quote": "\"\u{1}é"])),
    .hello(.init(agentID: "a", version: "")),
    .health(isUp: true, reason: ""),
    .health(isUp: false, reason: "connection refused"),
    .notSent(stream: 4_294_967_294),
    .leaving,
    .drain(reconnectAfterMilliseconds: 1500),
    .blocked(seconds: 60, reason: "by an operator"),
    .unknown(type: "later"),
  ]

  static func decode(_ chunks: [[UInt8]], now: UInt64 = 1) throws(ControlFault) -> [ControlMessage] {
    var decoder = ControlDecoder()
    var all: [ControlMessage] = []
    for chunk in chunks { all += try decode(chunk, &decoder, now: now) }
    return all
  }

  static func decode(_ bytes: [UInt8], _ decoder: inout ControlDecoder, now: UInt64) throws(ControlFault) -> [ControlMessage] {
    // The buffer is the array's own and is not kept.
    let result = unsafe bytes.withUnsafeBytes { raw in
      do throws(ControlFault) {
        return Result<[ControlMessage], ControlFault>.success(try unsafe decoder.decode(raw, now: now))
      } catch { return .failure(error) }
    }
    return try result.get()
  }

  static func frame(_ json: String, announced: Int? = nil) -> [UInt8] {
    let length = UInt32(announced ?? json.utf8.count)
    return (0..<4).map { UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * $0)) } + Array(json.utf8)
  }

  @Test func `reads what it wrote wherever it is split`() throws {
    let bytes = Self.messages.flatMap { ControlDecoder.frame($0) }
    #expect(try Self.decode([bytes]) == Self.messages)
    #expect(try Self.decode(bytes.map { [$0] }) == Self.messages)
    for split in 0...bytes.count {
      #expect(try Self.decode([Array(bytes[..<split]), Array(bytes[split...])]) == Self.messages, "split at \(split)")
    }
  }

  static let readable: [(String, ControlMessage)] = [
    (#"{"type":"hello","agent":"x"}"#, .hello(.init(agentID: "x", version: ""))),
    (#"{"type":"hello","agent":"x","weight":0}"#, .hello(.init(agentID: "x", version: "", weight: 1))),
    (#"{"type":"hello","agent":"x","weight":1000000}"#, .hello(.init(agentID: "x", version: "", weight: 100))),
    (#"{"type":"hello","agent":"x","colour":{"r":1},"metadata":{}}"#, .hello(.init(agentID: "x", version: ""))),
    (#"{"type":"health","state":"up","since":"yesterday"}"#, .health(isUp: true, reason: "")),
    (#"{"type":"drain"}"#, .drain(reconnectAfterMilliseconds: 0)),
    (#"{"type":"drain","reconnect_after_ms":-5}"#, .drain(reconnectAfterMilliseconds: 0)),
    (#"{"type":"drain","reconnect_after_ms":86400000}"#, .drain(reconnectAfterMilliseconds: 60_000)),
    (#"{"type":"blocked","seconds":1000000}"#, .blocked(seconds: 3600, reason: "")),
    (#"{"type":"blocked","seconds":-1}"#, .blocked(seconds: 0, reason: "")),
    (#"{"type":"redirect","address":"evil.example"}"#, .unknown(type: "redirect")),
    (#"{"type":"later","seconds":"many","agent":[1],"weight":{}}"#, .unknown(type: "later")),
    (#"{"type":""}"#, .unknown(type: "")),
  ]

  @Test(arguments: readable)
  func `brings numbers into range and ignores what it does not know`(json: String, message: ControlMessage) throws {
    #expect(try Self.decode([Self.frame(json)]) == [message])
  }

  static let malformed: [String] = [
    "", "{", "[]", "null", "7", #""hello""#, #"{"type":7}"#, #"{"type":null}"#, "{}", #"{"type":"hello"}"#, #"{"type":"hello","agent":""}"#,
    #"{"type":"hello","agent":"\#(String(repeating: "a", count: 129))"}"#, #"{"type":"hello","agent":7}"#,
    #"{"type":"hello","agent":"x","weight":"heavy"}"#, #"{"type":"hello","agent":"x","weight":1e99}"#,
    #"{"type":"hello","agent":"x","metadata":{"a":1}}"#,
    #"{"type":"hello","agent":"x","metadata":{"a":"\#(String(repeating: "m", count: 2048))"}}"#,
    #"{"type":"hello","agent":"x","version":"\#(String(repeating: "1", count: 65))"}"#, #"{"type":"health"}"#,
    #"{"type":"health","state":"sideways"}"#, #"{"type":"not-sent"}"#, #"{"type":"not-sent","stream":-1}"#,
    #"{"type":"not-sent","stream":4294967296}"#, #"{"type":"blocked"}"#, #"{"type":"leaving"}}"#, "{\"type\":\"lea\u{0}",
    String(repeating: "[", count: 16_000),
  ]

  @Test(arguments: malformed)
  func `refuses what is no message`(json: String) {
    #expect(throws: ControlFault.malformed) { try Self.decode([Self.frame(json)]) }
  }

  @Test func `refuses bytes that are no text`() {
    #expect(throws: ControlFault.malformed) { try Self.decode([[0, 0, 0, 3, 0xFF, 0xFE, 0x80]]) }
  }

  @Test func `takes a message of exactly the limit and refuses a longer one from its length alone`() throws {
    let shell = #"{"type":"later","pad":""}"#
    let json = #"{"type":"later","pad":"\#(String(repeating: "p", count: ControlMessage.maximumLength - shell.utf8.count))"}"#
    #expect(json.utf8.count == ControlMessage.maximumLength)
    #expect(try Self.decode([Self.frame(json)]) == [.unknown(type: "later")])
    #expect(throws: ControlFault.tooLong) { try Self.decode([Self.frame("", announced: ControlMessage.maximumLength + 1)]) }
    #expect(throws: ControlFault.tooLong) { try Self.decode([[0xFF, 0xFF, 0xFF, 0xFF]]) }
  }

  @Test func `allows ten messages a second and no more`() throws {
    let second: UInt64 = 1_000_000_000
    let leaving = ControlDecoder.frame(.leaving)
    var decoder = ControlDecoder()
    for index in 0..<10 { _ = try Self.decode(leaving, &decoder, now: 5 * second + UInt64(index)) }
    #expect(try Self.decode(Array((0..<10).map { _ in leaving }.joined()), &decoder, now: 6 * second).count == 10)
    #expect(throws: ControlFault.tooMany) { try Self.decode(leaving, &decoder, now: 6 * second + 999_999_999) }
  }

  @Test func `clips texts so that the other side takes them`() throws {
    // One character of very many scalars is as long as it looks to no one.
    let long = "e" + String(repeating: "\u{301}", count: 20_000)
    for message in [ControlMessage.blocked(seconds: 1, reason: long), .health(isUp: false, reason: long)] {
      let bytes = ControlDecoder.frame(message)
      #expect(bytes.count < ControlMessage.maximumLength)
      switch try #require(Self.decode([bytes]).first) {
      case .blocked(_, let reason), .health(_, let reason): #expect(reason.unicodeScalars.count == 256)
      case let other: Issue.record("read as \(other)")
      }
    }
  }
}
