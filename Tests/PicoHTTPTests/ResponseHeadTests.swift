import NIOCore
import Testing

@testable import PicoHTTP

@Suite struct ResponseHeadTests {
  @Test func `a plain response says what it is`() {
    let parsed = ParsedResponse("HTTP/1.1 200 All is well\r\nContent-Length: 3\r\nKeep-Alive: max=9, timeout=5\r\nA: b\r\n\r\nabc")
    #expect(parsed.outcome == .complete(headBytes: parsed.buffer.readableBytes - 3))
    #expect(parsed.head.status == 200)
    #expect(parsed.head.reason.text(in: parsed.buffer.readableBytesSpan) == "All is well")
    #expect(parsed.head.framing(answering: .get).kind == .length(3))
    #expect(parsed.head.framing(answering: .head).isComplete)
    #expect(parsed.head.keepsAlive(answering: .get) == true)
    #expect(parsed.head.keepAliveTimeoutSeconds(parsed.buffer.readableBytesSpan) == 5)
  }

  @Test(
    arguments: [
      ("HTTP/1.1 200 OK", "", HTTPMethod.get, BodyFraming.Kind.untilClose, false), ("HTTP/1.1 200", "", .head, .length(0), true),
      ("HTTP/1.1 204 ", "", .get, .length(0), true), ("HTTP/1.1 304 Not Modified", "Content-Length: 9\r\n", .get, .length(0), true),
      ("HTTP/1.1 304 x", "Transfer-Encoding: chunked\r\n", .get, .length(0), true), ("HTTP/1.1 100 Continue", "", .post, .length(0), true),
      ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", .get, .chunked, true),
      ("HTTP/1.1 200 OK", "Content-Length: 0\r\n", .get, .length(0), true),
      ("HTTP/1.1 200 OK", "Content-Length: 1\r\nConnection: close\r\n", .get, .length(1), false),
      ("HTTP/1.0 200 OK", "Content-Length: 1\r\n", .get, .length(1), false),
      ("HTTP/1.0 200 OK", "Content-Length: 1\r\nConnection: keep-alive\r\n", .get, .length(1), true),
      ("HTTP/1.1 999 \u{e9}", "", .get, .untilClose, false),
    ])
  func `framing follows status, method and fields`(line: String, fields: String, method: HTTPMethod, kind: BodyFraming.Kind, stays: Bool) {
    let parsed = ParsedResponse("\(line)\r\n\(fields)\r\n", to: method)
    #expect(parsed.outcome == .complete(headBytes: parsed.buffer.readableBytes))
    #expect(parsed.head.framing(answering: method).kind == kind)
    #expect(parsed.head.keepsAlive(answering: method) == stays)
  }

  static let bad: [(String, HTTPFault)] = [
    ("HTTP/1.2 200 OK\r\n\r\n", .unknownVersion), ("HTTP/2.0 200 OK\r\n\r\n", .unknownVersion), ("HTTP/1.1 20 OK\r\n\r\n", .badStatusLine),
    ("HTTP/1.1 2000 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1 099 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1 2x0 OK\r\n\r\n", .badStatusLine),
    ("HTTP/1.1  200 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1\t200 OK\r\n\r\n", .badStatusLine), ("http/1.1 200 OK\r\n\r\n", .badStatusLine),
    ("ICY 200 OK and so on\r\n\r\n", .badStatusLine), ("<html>\r\n\r\n", .badStatusLine), ("\r\nHTTP/1.1 200 OK\r\n\r\n", .badStatusLine),
    ("HTTP/1.1 200 OK\n\r\n", .bareLineFeed), ("HTTP/1.1 200 O\rK\r\n\r\n", .bareCarriageReturn), ("HTTP/1.1 200 \u{0}\r\n\r\n", .nulByte),
    ("HTTP/1.1 200 \u{1b}\r\n\r\n", .controlCharacter), ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .spaceBeforeColon),
    ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", .obsoleteFold),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", .repeatedContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .contentLengthAndTransferEncoding),
    ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .badTransferEncoding),
    ("HTTP/1.1 200 OK\r\nConnection: content-length\r\n\r\n", .reservedConnectionOption),
    ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", .unaskedSwitch),
  ]

  @Test(arguments: bad)
  func `a bad response is refused, whole or dripping`(text: String, fault: HTTPFault) {
    let parsed = ParsedResponse(text)
    #expect(parsed.outcome == .failed(fault))
    var head = ResponseHead()
    var outcome = HeadParse.incomplete
    let bytes = Array(text.utf8)
    for count in 1...bytes.count where outcome == .incomplete {
      outcome = head.parse(ByteBuffer(bytes: bytes[..<count]).readableBytesSpan, limit: 65536, answering: parsed.question)
    }
    #expect(outcome == .failed(fault))
  }

  @Test func `a switch that was asked for is taken`() {
    let parsed = ParsedResponse(
      "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n", asksForUpgrade: true)
    #expect(parsed.head.isSwitch == true)
    #expect(parsed.head.isInterim == false)
    #expect(parsed.head.keepsAlive(answering: .get) == false)
    let written = parsed.toClient()
    #expect(written.lines == ["HTTP/1.1 101 Switching", "Upgrade: x", "Connection: Upgrade", ""])
    #expect(!written.keepsAlive)
    #expect(parsed.toStream() == ["HTTP/1.1 101 Switching", "Upgrade: x", "Connection: Upgrade", ""])
  }

  @Test func `what is of the upstream connection or of Pico goes no further`() {
    let parsed = ParsedResponse(
      "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nConnection: x-y, keep-alive\r\nX-Y: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2\r\nx-pico-error: z\r\nX-Piko-Q: 1\r\nx-pico-endpoint: e\r\nset-cookie:  b\r\nContent-Length: 0\r\nTrailer: T\r\n\r\n"
    )
    let lines = ["HTTP/1.1 200 OK", "Set-Cookie: a", "set-cookie:  b", "Content-Length: 0", "Trailer: T", ""]
    #expect(parsed.toClient().lines == lines)
    #expect(parsed.toStream() == lines)
  }

  @Test(
    arguments: [
      // version of the client, stays, lines behind the status line, transfer, stays open
      (HTTPVersion.http11, true, "", ["Transfer-Encoding: chunked", ""], BodyTransfer.encodeChunked, true),
      (.http11, false, "", ["Transfer-Encoding: chunked", "Connection: close", ""], .encodeChunked, false),
      (.http10, true, "", ["Connection: close", ""], .untilClose, false),
      (.http10, true, "Transfer-Encoding: chunked\r\n", ["Connection: close", ""], .decodeChunked, false),
      (.http11, true, "Transfer-Encoding: chunked\r\n", ["Transfer-Encoding: chunked", ""], .asIs, true),
      (.http10, true, "Content-Length: 1\r\n", ["Content-Length: 1", "Connection: keep-alive", ""], .asIs, true),
      (.http10, false, "Content-Length: 1\r\n", ["Content-Length: 1", "Connection: close", ""], .asIs, false),
    ])
  func `the body is framed for the client's version`(
    version: HTTPVersion, stays: Bool, fields: String, written: [String], transfer: BodyTransfer, open: Bool
  ) {
    let result = ParsedResponse("HTTP/1.1 200\r\n\(fields)\r\n").toClient(version, keepsAlive: stays)
    #expect(result.lines == ["HTTP/1.1 200 "] + written)
    #expect(result.transfer == transfer)
    #expect(result.keepsAlive == open)
  }

  @Test func `no content has no length, and an old upstream answers as HTTP 1_1`() {
    #expect(ParsedResponse("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").toClient().lines == ["HTTP/1.1 204 No Content", ""])
    #expect(ParsedResponse("HTTP/1.0 304 N\r\nContent-Length: 7\r\n\r\n").toClient().lines == ["HTTP/1.1 304 N", "Content-Length: 7", ""])
    #expect(ParsedResponse("HTTP/1.1 100 C\r\n\r\n", to: .post).toClient(keepsAlive: false).lines == ["HTTP/1.1 100 C", ""])
    #expect(
      ParsedResponse("HTTP/1.1 426 U\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n").toClient(keepsAlive: false).lines == [
        "HTTP/1.1 426 U", "Upgrade: websocket", "Content-Length: 0", "Connection: Upgrade, close", "",
      ])
  }

  @Test func `a head behind an interim one is read with the same value`() {
    var parsed = ParsedResponse("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
    #expect(parsed.head.isInterim == true)
    parsed.head.reset()
    let final = ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
    #expect(parsed.head.parse(final.readableBytesSpan, limit: 100, answering: parsed.question) == .complete(headBytes: final.readableBytes))
    #expect(parsed.head.fields.count == 1)
  }
}
