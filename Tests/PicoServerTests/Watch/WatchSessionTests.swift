import PicoCore
import PicoStatus
import Testing

@testable import PicoServer

/// What a connection may ask for, and tails, as values.
@Suite struct WatchSessionTests {
  private static let request = TailedRequest(
    id: "", at: Timestamp(seconds: 1), method: "GET", path: "/", status: 200, latency: 1, listener: "l-1", node: "n-1", bytesIn: 0,
    bytesOut: 0, requestID: "r")

  private static func tailing(_ sample: Double) throws -> WatchSession {
    var session = WatchSession(role: .operator)
    session.tail("t", try #require(EndpointID("e")), sample: sample)
    return session
  }

  @Test func `a tail shows what it is given and says what was left out`() throws {
    var session = try Self.tailing(1)
    let many = TailLog.Records(requests: Array(repeating: Self.request, count: 250), skipped: 50)
    let first = session.show(many, "t", share: 1, now: 1_000_000_000, hasRoom: true) { 0 }
    #expect(first.count == WatchSession.tailRate)
    #expect(first.allSatisfy { $0.id == "t" && $0.skipped == 0 })
    #expect(session.show(TailLog.Records(requests: [Self.request]), "t", share: 1, now: 1_000_000_000, hasRoom: true) { 0 }.isEmpty)
    let next = session.show(TailLog.Records(requests: [Self.request]), "t", share: 1, now: 2_000_000_000, hasRoom: true) { 0 }
    #expect(next.map(\.skipped) == [101])
    #expect(session.show(TailLog.Records(requests: [Self.request]), "t", share: 1, now: 3_000_000_000, hasRoom: false) { 0 }.isEmpty)
    #expect(
      session.show(TailLog.Records(requests: [Self.request]), "t", share: 1, now: 3_000_000_000, hasRoom: true) { 0 }.map(\.skipped) == [1])
  }

  @Test(arguments: [(0.1, 0.5, 20), (0.5, 0.5, 100), (1.0, 1.0, 100)])
  func `of what others have recorded a tail takes its own part`(sample: Double, share: Double, expected: Int) throws {
    var session = try Self.tailing(sample)
    var generator = SplitMixGenerator(seed: 3)
    let records = TailLog.Records(requests: Array(repeating: Self.request, count: 100))
    let shown = session.show(records, "t", share: share, now: 1_000_000_000, hasRoom: true) {
      Double(generator.next() >> 11) / Double(1 << 53)
    }
    #expect(abs(shown.count - expected) <= 12)
  }

  @Test(arguments: [0.0, 0.001, 0.3, 1.0])
  func `a share takes about its part`(share: Double) {
    var generator = SplitMixGenerator(seed: 9)
    let taken = (0..<100_000).count { _ in TailShare(share).takes(generator.next()) }
    #expect(abs(Double(taken) - share * 100_000) < 600)
    #expect((TailShare(share) == .none) == (share == 0))
  }

  @Test func `a log keeps so many requests between two looks`() throws {
    let log = TailLog()
    let endpoint = try #require(EndpointID("e"))
    for _ in 0..<(TailLog.capacity + 7) { log.record(Self.request, of: endpoint) }
    let records = log.take()
    #expect(records[endpoint]?.requests.count == TailLog.capacity)
    #expect(records[endpoint]?.skipped == 7)
    #expect(log.take().isEmpty)
  }

  @Test func `the last fifty failures are kept`() {
    let failures = RecentFailures()
    for number in 0..<120 {
      failures.record(.init(at: Timestamp(seconds: Int64(number)), code: "x", status: 502, listener: "", requestID: "\(number)"))
      #expect(failures.all.count == min(number + 1, 50))
      #expect(failures.all.last?.requestID == "\(number)")
    }
    #expect(failures.all.map(\.requestID) == (70..<120).map { "\($0)" })
  }

  @Test(arguments: [
    #"{"type":"disconnect","id":"x","listeners":["l-1"]}"#, #"{"type":"unblock","id":"x","block":"b"}"#,
    #"{"type":"drain-node","id":"x","node":"n"}"#, #"{"type":"tail","id":"x","endpoint":"e"}"#,
  ])
  func `a viewer may not, an operator may`(json: String) {
    let viewer = WatchSession(role: .viewer).decide(Array(json.utf8))
    guard case .answer(.error(let error)) = viewer else {
      Issue.record("\(viewer)")
      return
    }
    #expect(error.code == .forbidden)
    #expect(error.id == "x")
    if case .answer = WatchSession(role: .operator).decide(Array(json.utf8)) { Issue.record("an operator was refused") }
  }

  @Test func `any bytes have an answer`() {
    var generator = SplitMixGenerator(seed: 1)
    let session = WatchSession(role: .operator)
    let parts = [
      "{", "}", "\"type\"", ":", "\"subscribe\"", ",", "\"id\"", "\"s\"", "[", "]", "1e9", "null", "\u{1}", "é", "\"tables\"", " ",
    ]
    for _ in 0..<5000 {
      let text = (0..<Int.random(in: 0...12, using: &generator)).map { _ in parts.randomElement(using: &generator) ?? "" }.joined()
      _ = session.decide(Array(text.utf8))
      _ = session.decide((0..<Int.random(in: 0...40, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }
  }

  @Test(arguments: [
    ("/a?b=c", "/a?…"), ("/a", "/a"), ("http://user:secret@host/a?x", "/a?…"), ("*", "*"), ("/?", "/?…"),
  ])
  func `a path is shown without its query and userinfo`(target: String, shown: String) {
    #expect(AccessRecord(method: "GET", target: target, host: "h", client: "c").redactedPath == shown)
  }
}
