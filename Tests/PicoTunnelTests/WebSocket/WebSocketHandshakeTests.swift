import PicoTunnel
import Testing

private let key = Array("dGhlIHNhbXBsZSBub25jZQ==".utf8)
private let switching =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

struct WebSocketHandshakeTests {
  /// The example of RFC 6455 section 1.3, and one whose input of 60 bytes makes SHA-1 pad into a second block.
  @Test(arguments: [
    ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
  ])
  func `the accept key is the one that the RFC gives`(key: String, expected: String) {
    #expect(String(decoding: WebSocketHandshake.acceptKey(for: key.utf8), as: UTF8.self) == expected)
  }

  @Test func `a key is 16 bytes in Base64`() {
    #expect(WebSocketHandshake.isKey(WebSocketHandshake.makeKey()))
    for wrong in ["", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBs?SBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQAA"] {
      #expect(!WebSocketHandshake.isKey(wrong.utf8), "\(wrong)")
    }
  }

  @Test func `the request has the fields of the protocol and no others`() throws {
    let request = WebSocketRequest(
      authority: "pico.example:81", path: "/pico/v1/listener/a", key: key, subprotocol: "pico.v1", agentID: "a-1", token: "T.o-k")
    let text = String(decoding: try #require(request.encoded()), as: UTF8.self)
    #expect(
      text == "GET /pico/v1/listener/a HTTP/1.1\r\nHost: pico.example:81\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: pico.v1\r\n"
        + "x-pico-agent-id: a-1\r\nAuthorization: Bearer T.o-k\r\n\r\n")
  }

  @Test(arguments: ["a\r\nx: y", "a\n", "a\0", "ä"])
  func `a token that would break the request is not sent`(token: String) {
    #expect(WebSocketRequest(authority: "h", path: "/", key: key, token: token).encoded() == nil)
  }
}

struct WebSocketAnswerTests {
  private func answer(_ text: String, offered: String? = "pico.v1") -> WebSocketAnswer.Outcome {
    var answer = WebSocketAnswer(key: key, offered: offered)
    return answer.receive(Array(text.utf8))
  }

  @Test func `a right answer is accepted, and what follows belongs to the tunnel`() {
    #expect(answer(switching + "\r\nrest") == .accepted(subprotocol: nil, rest: Array("rest".utf8)))
    #expect(answer(switching + "Sec-WebSocket-Protocol: pico.v1\r\n\r\n") == .accepted(subprotocol: "pico.v1", rest: []))
    #expect(answer("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + switching + "\r\n") == .accepted(subprotocol: nil, rest: []))
  }

  @Test func `an answer means the same however it is split`() {
    let text = Array((switching + "Sec-WebSocket-Protocol: pico.v1\r\n\r\n").utf8)
    for split in 1..<text.count {
      var answer = WebSocketAnswer(key: key, offered: "pico.v1")
      #expect(answer.receive(text[..<split]) == .needsMore)
      #expect(answer.receive(text[split...]) == .accepted(subprotocol: "pico.v1", rest: []))
    }
  }

  @Test(
    arguments: [
      (switching.replacing("s3pP", with: "S3pP") + "\r\n", .wrongAcceptKey),
      (switching.replacing("Upgrade: websocket\r\n", with: "") + "\r\n", .notAnUpgrade),
      (switching.replacing("Connection: Upgrade", with: "Connection: close") + "\r\n", .notAnUpgrade),
      (switching + "Sec-WebSocket-Protocol: other\r\n\r\n", .notOffered),
      (switching + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", .notOffered),
      (switching.replacing("\r\n", with: "\n") + "\n\r\n\r\n", .malformed),
      (switching + " folded\r\n\r\n", .malformed),
      (switching + "a : b\r\n\r\n", .malformed),
      (switching + "a: \0\r\n\r\n", .malformed),
      ("HTTP/1.0 101 x\r\n\r\n", .malformed),
      ("HTTP/1.1 2000 x\r\n\r\n", .malformed),
      ("SSH-2.0-OpenSSH\r\n\r\n", .malformed),
    ] as [(String, WebSocketAnswer.Fault)])
  func `a wrong answer is a fault`(text: String, fault: WebSocketAnswer.Fault) {
    #expect(answer(text) == .fault(fault))
  }

  @Test func `a head without end is a fault`() {
    #expect(answer(String(repeating: "x", count: 17_000)) == .fault(.headTooLarge))
  }

  @Test func `a subprotocol that was not offered is a fault`() {
    #expect(answer(switching + "Sec-WebSocket-Protocol: pico.v1\r\n\r\n", offered: nil) == .fault(.notOffered))
  }

  @Test func `a refusal carries the status, the error of its body and Retry-After`() {
    let body = #"{"error":"endpoint not permitted"}"#
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nRetry-After: 7\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
    #expect(answer(head) == .needsMore)
    #expect(answer(head + body) == .refused(.init(status: 403, message: "endpoint not permitted", retryAfterSeconds: 7)))
    #expect(
      answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        == .refused(.init(status: 503, message: "Service Unavailable")))
  }

  @Test func `a refusal that ends with the connection is read to its end`() {
    var answer = WebSocketAnswer(key: key, offered: nil)
    #expect(answer.receive(Array("HTTP/1.1 401 Unauthorized\r\nRetry-After: x\r\n\r\nno".utf8)) == .needsMore)
    #expect(answer.finish() == .refused(.init(status: 401, message: "Unauthorized")))
    var cut = WebSocketAnswer(key: key, offered: nil)
    #expect(cut.receive(Array("HTTP/1.1 401".utf8)) == .needsMore)
    #expect(cut.finish() == .fault(.truncated))
  }
}
