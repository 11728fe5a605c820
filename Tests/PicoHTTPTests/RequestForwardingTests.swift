import NIOCore
import Testing

@testable import PicoHTTP

@Suite struct RequestForwardingTests {
  static let added = ["X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: http", "X-Forwarded-Host: a"]
  static let id = "X-Request-Id: 000000000000000100000000000000ab"

  @Test func `order, case and duplicates are kept byte for byte`() {
    let lines = ["b:2", "HOST:   a", "B: \t 2 ", "x-B:", "Cookie: c", "cookie: d", "X-Pico-Endpoint: e", "Authorization: t"]
    let parsed = Parsed("PaTCH //x/../%41?b HTTP/1.1\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n")
    #expect(parsed.forwarded() == ["PaTCH //x/../%41?b HTTP/1.1"] + lines + Self.added + [Self.id, ""])
  }

  @Test(
    arguments: [
      // lines of the client, lines that are left of them
      (["Connection: close", "A: b"], ["A: b"]), (["Keep-Alive: 5", "Proxy-Connection: x", "Proxy-Authorization: y", "A: b"], ["A: b"]),
      (["X-One: 1", "Connection: x-one, X-TWO", "x-two: 2", "X-Three: 3", "X-TWO: 4"], ["X-Three: 3"]),
      (["TE: trailers", "Trailer: X-T", "Connection: TE, trailer"], ["TE: trailers", "Trailer: X-T"]), (["TE: gzip"], []),
      (
        ["X-Pico-Authorization: a", "x-piko-tenant-id: b", "X-PIKO-Forward: c", "x-pico-: d", "X-Piko-Endpoint: e"], ["X-Piko-Endpoint: e"]
      ),
      (["Forwarded: for=1", "X-Real-IP: 1", "X-Forwarded-For: 1", "X-Forwarded-Proto: https", "X-Forwarded-Host: z", "A: b"], ["A: b"]),
      (["Upgrade: websocket"], []), (["Upgrade: h2c", "HTTP2-Settings: A", "Connection: upgrade, http2-settings"], []),
      (["Connection: cdn-loop, via", "CDN-Loop: pico", "Via: 1.1 x"], ["CDN-Loop: pico", "Via: 1.1 x"]),
      (["Expect: 100-continue", "Content-Length: 3"], ["Expect: 100-continue", "Content-Length: 3"]),
      (["Transfer-Encoding: Chunked"], ["Transfer-Encoding: Chunked"]), (["X-Picoo: 1", "XPico-A: 1"], ["X-Picoo: 1", "XPico-A: 1"]),
    ])
  func `what is of this connection or of Pico goes no further`(sent: [String], left: [String]) {
    let parsed = Parsed("GET / HTTP/1.1\r\nHost: a\r\n" + sent.map { $0 + "\r\n" }.joined() + "\r\n")
    #expect(parsed.forwarded() == ["GET / HTTP/1.1", "Host: a"] + left + Self.added + [Self.id, ""])
  }

  @Test func `an upgrade goes on as one`() {
    let parsed = Parsed(lines: "Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Key: k")
    let lines =
      ["GET / HTTP/1.1", "Host: a", "Upgrade: WebSocket", "Sec-WebSocket-Key: k"] + Self.added + [Self.id, "Connection: Upgrade", ""]
    #expect(parsed.forwarded() == lines)
    #expect(parsed.forwarded { $0.closesStream = true } == lines)
  }

  @Test func `trailers are still accepted when TE says more`() {
    #expect(Parsed(lines: "TE: gzip, trailers").forwarded().suffix(2) == ["TE: trailers", ""])
    #expect(Parsed(lines: "TE: trailers", "TE: gzip").forwarded().filter { $0.hasPrefix("TE") } == ["TE: trailers"])
  }

  @Test func `a trusted client is believed and added to`() {
    let parsed = Parsed(
      lines: "X-Forwarded-For: 1.1.1.1", "Forwarded: for=1", "X-Real-IP: 1", "X-Forwarded-For: 2.2.2.2 , 3.3.3.3",
      "X-Forwarded-Proto: https",
      "A: b", "X-Forwarded-Host: z")
    #expect(
      parsed.forwarded { $0.isTrusted = true } == [
        "GET / HTTP/1.1", "Host: a", "X-Forwarded-For: 1.1.1.1", "Forwarded: for=1", "X-Real-IP: 1", "X-Forwarded-Proto: https", "A: b",
        "X-Forwarded-Host: z", "X-Forwarded-For: 2.2.2.2 , 3.3.3.3, 192.0.2.7", Self.id, "",
      ])
    #expect(Parsed(lines: "A: b").forwarded { $0.isTrusted = true } == ["GET / HTTP/1.1", "Host: a", "A: b"] + Self.added + [Self.id, ""])
    #expect(Parsed(lines: "X-Forwarded-For:").forwarded { $0.isTrusted = true }[2] == "X-Forwarded-For: 192.0.2.7")
  }

  @Test func `the context decides the rest`() {
    let parsed = Parsed(lines: "Authorization: t", "X-Request-Id: mine", "CDN-Loop: other")
    let lines = parsed.forwarded {
      $0.consumedAuthorization = true
      $0.isSecure = true
      $0.addsLoop = true
      $0.addsVia = true
      $0.closesStream = true
    }
    #expect(
      lines == [
        "GET / HTTP/1.1", "Host: a", "X-Request-Id: mine", "CDN-Loop: other", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https",
        "X-Forwarded-Host: a", "CDN-Loop: pico", "Via: 1.1 pico", "Connection: close", "",
      ])
    #expect(Parsed(lines: "X-Request-Id: not fit").forwarded() == ["GET / HTTP/1.1", "Host: a"] + Self.added + [Self.id, ""])
  }

  @Test(
    arguments: [
      ("GET http://a/x?y HTTP/1.1", "GET /x?y HTTP/1.1"), ("GET http://a HTTP/1.1", "GET / HTTP/1.1"),
      ("GET http://a?q HTTP/1.1", "GET /?q HTTP/1.1"),
      ("OPTIONS http://a HTTP/1.1", "OPTIONS * HTTP/1.1"), ("OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"),
      ("GET / HTTP/1.0", "GET / HTTP/1.1"),
    ])
  func `the request line becomes an origin-form of HTTP 1_1`(line: String, written: String) {
    let parsed = Parsed("\(line)\r\nHost: a\r\n\r\n")
    #expect(parsed.forwarded().first == written)
    #expect(parsed.toUpstream().first == written)
  }

  @Test func `an HTTP 1_0 request gets a host`() {
    let byEndpoint = Parsed("GET / HTTP/1.0\r\nX-Pico-Endpoint: e\r\n\r\n")
    #expect(byEndpoint.forwarded().prefix(3) == ["GET / HTTP/1.1", "Host: e", "X-Pico-Endpoint: e"])
    #expect(!byEndpoint.forwarded().contains { $0.hasPrefix("X-Forwarded-Host") })
    let byTarget = Parsed("GET http://h:1/ HTTP/1.0\r\n\r\n")
    #expect(byTarget.forwarded().prefix(2) == ["GET / HTTP/1.1", "Host: h:1"])
    #expect(byTarget.forwarded().contains("X-Forwarded-Host: h:1"))
  }

  @Test func `an agent sends what it got, on a connection that stays`() {
    let parsed = Parsed(
      "GET /x HTTP/1.1\r\nA: 1\r\nHost: a\r\nX-Forwarded-For: 1\r\nConnection: close\r\nX-Piko-Forward: 1\r\nCDN-Loop: pico\r\n\r\n")
    let rest = ["X-Forwarded-For: 1", "X-Piko-Forward: 1", "CDN-Loop: pico", ""]
    #expect(parsed.toUpstream() == ["GET /x HTTP/1.1", "A: 1", "Host: a"] + rest)
    #expect(parsed.toUpstream(host: "local:3000") == ["GET /x HTTP/1.1", "A: 1", "Host: local:3000"] + rest)
    #expect(Parsed("GET / HTTP/1.0\r\nA: b\r\n\r\n").toUpstream(host: "h") == ["GET / HTTP/1.1", "Host: h", "A: b", ""])
    #expect(Parsed("GET / HTTP/1.0\r\nHost: a\r\n\r\n").toUpstream(host: "h") == ["GET / HTTP/1.1", "Host: h", ""])
  }

  @Test func `a second writing of the same head parses to the same facts`() {
    let parsed = Parsed(lines: "Connection: x-a", "X-A: 1", "X-B: 2", "Transfer-Encoding: chunked", "TE: trailers")
    let once = parsed.forwarded().joined(separator: "\r\n") + "\r\n"
    let again = Parsed(once)
    #expect(again.outcome == .complete(headBytes: once.utf8.count))
    #expect(again.head.framing.kind == .chunked)
    #expect(again.head.acceptsTrailers == true)
  }
}
