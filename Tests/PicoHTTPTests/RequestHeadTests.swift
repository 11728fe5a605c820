import NIOCore
import Testing

@testable import PicoHTTP

@Suite struct RequestHeadTests {
  @Test func `a plain request says what it is`() {
    let text =
      "POST /a/b?x=1?2 HTTP/1.1\r\nHost: h.example:8080\r\nContent-Length: 12\r\nX-Empty:\r\nAccept:\t text/*;q=0.5 , */* \t\r\n\r\nbody"
    let parsed = Parsed(text)
    #expect(parsed.outcome == .complete(headBytes: text.utf8.count - 4))
    #expect(parsed.head.method == .post)
    #expect(parsed.head.version == .http11)
    #expect(parsed.head.targetForm == .origin)
    #expect(parsed.text(parsed.head.target) == "/a/b?x=1?2")
    #expect(parsed.text(parsed.head.path) == "/a/b")
    #expect(parsed.text(parsed.head.host) == "h.example:8080")
    #expect(parsed.head.contentLength == 12)
    #expect(parsed.head.hasBody == true)
    #expect(parsed.head.keepsAlive == true)
    #expect(parsed.head.fields.map { parsed.text($0.nameSlice) } == ["Host", "Content-Length", "X-Empty", "Accept"])
    #expect(parsed.head.fields.map { parsed.text($0.value) } == ["h.example:8080", "12", "", "text/*;q=0.5 , */*"])
    #expect(parsed.text(parsed.head.fields[1].line) == "Content-Length: 12\r\n")
    #expect(parsed.text(parsed.head.value(named: "accept", in: parsed.buffer.readableBytesSpan)) == "text/*;q=0.5 , */*")
  }

  @Test(
    arguments: [
      ("GET", HTTPMethod.get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete), ("OPTIONS", .options),
      ("TRACE", .trace), ("PATCH", .patch), ("get", .other), ("PURGE", .other), ("GETT", .other), ("PROPFIND-LONG", .other), ("!#", .other),
    ])
  func `methods are known by their exact bytes`(text: String, method: HTTPMethod) {
    let parsed = Parsed("\(text) / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(parsed.outcome == .complete(headBytes: text.utf8.count + 24))
    #expect(parsed.head.method == method)
    #expect(parsed.text(parsed.head.methodSlice) == text)
  }

  @Test(
    arguments: [
      // target, form, authority, origin-form, path
      ("/", RequestHead.TargetForm.origin, "", "/", "/"), ("//x//../%2e?", .origin, "", "//x//../%2e?", "//x//../%2e"),
      ("/\u{e9}\"<>\\^`{|}", .origin, "", "/\u{e9}\"<>\\^`{|}", "/\u{e9}\"<>\\^`{|}"), ("http://a", .absolute, "a", "", ""),
      ("HTTP://A/b?c", .absolute, "A", "/b?c", "/b"), ("http://a:80?q/", .absolute, "a:80", "?q/", ""),
      ("http://a:", .absolute, "a:", "", ""),
    ])
  func `targets are split, never changed`(
    _ target: String, _ form: RequestHead.TargetForm, _ authority: String, _ origin: String, _ path: String
  ) {
    let parsed = Parsed("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(parsed.outcome == .complete(headBytes: parsed.buffer.readableBytes))
    #expect(parsed.text(parsed.head.target) == target)
    #expect(parsed.head.targetForm == form)
    #expect(parsed.text(parsed.head.authority) == authority)
    #expect(parsed.text(parsed.head.originForm) == origin)
    #expect(parsed.text(parsed.head.path) == path)
  }

  @Test func `the asterisk is for OPTIONS`() {
    let parsed = Parsed("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(parsed.outcome == .complete(headBytes: parsed.buffer.readableBytes))
    #expect(parsed.head.targetForm == .asterisk)
    #expect(Parsed("GET * HTTP/1.1\r\nHost: a\r\n\r\n").outcome == .failed(.badTarget))
  }

  @Test(
    arguments: [
      ("a", "a"), ("a:80", "a"), ("a", "A:80"), ("[::1]:8080", "[::1]:8080"), ("a.b_c~d-e.", "a.b_c~d-e."), ("a:", "a"),
    ])
  func `an absolute target agrees with its host`(target: String, host: String) {
    let parsed = Parsed("GET http://\(target)/ HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    #expect(parsed.outcome == .complete(headBytes: parsed.buffer.readableBytes))
  }

  @Test(
    arguments: [
      ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false), ("HTTP/1.1", "Connection: foo , CLOSE\r\n", false),
      ("HTTP/1.0", "", false), ("HTTP/1.0", "Connection: Keep-Alive\r\n", true),
      ("HTTP/1.0", "Connection: keep-alive\r\nConnection: close\r\n", false), ("HTTP/1.1", "Connection: ,\r\n", true),
    ])
  func `the version and the connection options decide whether the connection stays`(version: String, lines: String, stays: Bool) {
    let parsed = Parsed("GET / \(version)\r\nHost: a\r\n\(lines)\r\n")
    #expect(parsed.outcome == .complete(headBytes: parsed.buffer.readableBytes))
    #expect(parsed.head.keepsAlive == stays)
  }

  @Test func `an upgrade counts only if the connection names it`() {
    let real = Parsed(lines: "Upgrade: websocket", "Connection: keep-alive, upgrade")
    #expect(real.head.isUpgrade == true)
    #expect(real.text(real.head.upgrade) == "websocket")
    #expect(Parsed(lines: "Upgrade: websocket").head.isUpgrade == false)
    #expect(Parsed(lines: "Connection: upgrade").head.isUpgrade == false)
    #expect(Parsed(lines: "Upgrade: foo, h2c", "Connection: upgrade, http2-settings", "HTTP2-Settings: AAM").head.isUpgrade == false)
    #expect(Parsed("GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n").head.isUpgrade == false)
  }

  @Test func `the seldom fields are understood`() {
    #expect(Parsed(lines: "Expect: 100-Continue").head.expectsContinue == true)
    #expect(Parsed(lines: "Expect: 100-continued").head.expectsContinue == false)
    #expect(Parsed("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").head.expectsContinue == false)
    #expect(Parsed(lines: "TE: gzip;q=1, Trailers").head.acceptsTrailers == true)
    #expect(Parsed(lines: "TE: gzip").head.acceptsTrailers == false)
    #expect(Parsed(lines: "CDN-Loop: pico, other; a=b, PICO ;v=1", "CDN-Loop: picoo, pico;v").head.loops == 3)
    #expect(Parsed(lines: "CDN-Loop: picot, xpico").head.loops == 0)
  }

  @Test(
    arguments: [
      (["X-Request-Id: Ab.9_-"], "Ab.9_-"), (["X-Request-Id: "], nil), (["X-Request-Id: a b"], nil), (["X-Request-Id: a~"], nil),
      (["X-Request-Id: a", "x-request-id: a"], nil),
      (["X-Request-Id: " + String(repeating: "a", count: 128)], String(repeating: "a", count: 128)),
      (["X-Request-Id: " + String(repeating: "a", count: 129)], nil),
    ] as [([String], String?)])
  func `a request ID is kept only if it is short and plain`(lines: [String], kept: String?) {
    let parsed = Parsed("GET / HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n")
    #expect(parsed.outcome == .complete(headBytes: parsed.buffer.readableBytes))
    #expect(parsed.text(parsed.head.requestID) == kept)
  }

  @Test func `one empty line in front is skipped, two are not`() {
    let parsed = Parsed("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(parsed.outcome == .complete(headBytes: parsed.buffer.readableBytes))
    #expect(parsed.text(parsed.head.target) == "/")
    #expect(Parsed("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").outcome == .failed(.badRequestLine))
  }

  @Test func `framing follows the fields`() {
    #expect(Parsed(lines: "Transfer-Encoding: Chunked").head.framing.kind == .chunked)
    #expect(Parsed(lines: "Content-Length: 0009223372036854775").head.framing.kind == .length(9_223_372_036_854_775))
    #expect(Parsed(lines: "Content-Length: 9223372036854775807").head.contentLength == .max)
    #expect(Parsed(lines: "Content-Length: 0").head.framing.isComplete)
    #expect(Parsed(lines: "A: b").head.framing.isComplete)
    #expect(Parsed(lines: "A: b").head.hasBody == false)
  }

  @Test func `a head that drips in is the same head`() {
    let text =
      "\r\nPUT http://A.example/x?y HTTP/1.1\r\nhost: a.example\r\nX-Pico-Endpoint: e\r\nConnection: x-a, close\r\nX-A: 1\r\nContent-Length: 3\r\n\r\n"
    let bytes = Array(text.utf8)
    let whole = Parsed(bytes)
    #expect(whole.outcome == .complete(headBytes: bytes.count))
    var head = RequestHead()
    for count in 0..<bytes.count {
      let part = ByteBuffer(bytes: bytes[..<count])
      #expect(head.parse(part.readableBytesSpan, limit: 4096) == .incomplete)
    }
    #expect(head.parse(whole.buffer.readableBytesSpan, limit: 4096) == .complete(headBytes: bytes.count))
    #expect(head.fields == whole.head.fields)
    #expect(head.path == whole.head.path)
    #expect(head.closes == true)
    // Asked again it says the same.
    #expect(head.parse(whole.buffer.readableBytesSpan, limit: 4096) == .complete(headBytes: bytes.count))
  }

  @Test func `a reused head remembers nothing`() {
    var head = RequestHead()
    let first = ByteBuffer(
      string:
        "POST https://a/?q HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close, upgrade\r\nUpgrade: h2c\r\nTE: trailers\r\nExpect: 100-continue\r\nX-Request-Id: r\r\nCDN-Loop: pico\r\nX-Pico-Endpoint: e\r\n\r\n"
    )
    #expect(head.parse(first.readableBytesSpan, limit: 4096) == .complete(headBytes: first.readableBytes))
    #expect(head.isChunked && head.closes && head.upgradesToHTTP2 && head.acceptsTrailers && head.expectsContinue && head.loops == 1)
    head.reset()
    let second = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: bb\r\n\r\n")
    #expect(head.parse(second.readableBytesSpan, limit: 4096) == .complete(headBytes: second.readableBytes))
    #expect(!head.isChunked && !head.closes && !head.upgradesToHTTP2 && !head.acceptsTrailers && !head.expectsContinue && head.loops == 0)
    #expect(head.requestID == nil && head.endpoint == nil && head.authority.isEmpty && head.contentLength == nil)
    #expect(head.fields.count == 1 && head.targetForm == .origin && head.method == .get)
  }

  @Test func `a reused head forgets lengths and connection options`() {
    var head = RequestHead()
    let texts = [
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: x-a\r\nX-A: 1\r\n\r\n",
      // The same bytes stand where the option stood.
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Lengtx: 3\r\nConnectiox: x-a\r\nX-A: 1\r\nConnection: x-b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ]
    var named: [Bool] = []
    var lengths: [Int64?] = []
    for text in texts {
      let buffer = ByteBuffer(string: text)
      #expect(head.parse(buffer.readableBytesSpan, limit: 4096) == .complete(headBytes: buffer.readableBytes))
      named.append(head.fields.contains { $0.isLeftOut })
      lengths.append(head.contentLength)
      head.reset()
    }
    #expect(named == [true, false, false])
    #expect(lengths == [3, nil, nil])
  }

  @Test func `the limits are exact`() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    #expect(Parsed(text, limit: text.utf8.count).outcome == .complete(headBytes: text.utf8.count))
    #expect(Parsed(text, limit: text.utf8.count - 1).outcome == .failed(.headTooLarge))
    #expect(Parsed(Array(text.utf8.dropLast()), limit: text.utf8.count - 1).outcome == .incomplete)
    let fields = { (count: Int) in "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A: b\r\n", count: count - 1) + "\r\n" }
    #expect(Parsed(fields(200)).outcome == .complete(headBytes: fields(200).utf8.count))
    #expect(Parsed(fields(201)).outcome == .failed(.tooManyFields))
  }
}
