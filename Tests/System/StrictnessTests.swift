import Support
import Testing

extension SystemTests {
  @Suite struct Strictness {
    /// Requests that two parsers could read differently, each as head lines (or a whole message if it has a blank line).
    static let ambiguous: [(what: String, bytes: String)] = [
      (
        "length and chunked",
        "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      ),
      ("two lengths", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
      ("one length twice", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
      ("listed length", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nContent-Length: 3, 3\r\n\r\nabc"),
      ("signed length", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nContent-Length: +3\r\n\r\nabc"),
      ("negative length", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nContent-Length: -1\r\n\r\n"),
      ("overflowing length", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nContent-Length: 99999999999999999999\r\n\r\n"),
      ("empty length", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nContent-Length:\r\n\r\n"),
      ("hexadecimal length", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nContent-Length: 0x3\r\n\r\nabc"),
      ("bad chunk size", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
      (
        "signed chunk size",
        "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n"
      ),
      (
        "overflowing chunk size",
        "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"
      ),
      (
        "chunk without its end",
        "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX0\r\n\r\n"
      ),
      (
        "bare LF after a chunk size",
        "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n"
      ),
      ("chunked not last", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
      (
        "chunked twice",
        "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      ),
      ("unknown coding", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
      ("chunked in 1.0", "POST / HTTP/1.0\r\nHost: h\r\nx-pico-endpoint: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      ("bare LF", "GET / HTTP/1.1\nHost: h\nx-pico-endpoint: test\n\n"),
      ("bare CR in a value", "GET / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nA: b\rc\r\n\r\n"),
      ("NUL in a value", "GET / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nA: b\0c\r\n\r\n"),
      ("folded line", "GET / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nA: b\r\n c\r\n\r\n"),
      ("space before colon", "GET / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint : test\r\n\r\n"),
      ("empty name", "GET / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\n: a\r\n\r\n"),
      ("no colon", "GET / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nnonsense\r\n\r\n"),
      ("two hosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\nx-pico-endpoint: test\r\n\r\n"),
      ("no host", "GET / HTTP/1.1\r\nx-pico-endpoint: test\r\n\r\n"),
      ("version 1.2", "GET / HTTP/1.2\r\nHost: h\r\nx-pico-endpoint: test\r\n\r\n"),
      ("version 2.0", "GET / HTTP/2.0\r\nHost: h\r\nx-pico-endpoint: test\r\n\r\n"),
      ("no version", "GET /\r\nHost: h\r\nx-pico-endpoint: test\r\n\r\n"),
      ("two spaces", "GET  / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\n\r\n"),
      ("CONNECT", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nx-pico-endpoint: test\r\n\r\n"),
      ("two endpoints", "GET / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nx-pico-endpoint: test\r\n\r\n"),
      ("both endpoint headers", "GET / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nx-piko-endpoint: test\r\n\r\n"),
      ("an escaped endpoint", "GET / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: t%65st\r\n\r\n"),
      ("dots for an endpoint", "GET / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: ..\r\n\r\n"),
      ("another authority", "GET http://other/ HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\n\r\n"),
      ("a connection option for Host", "GET / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nConnection: host\r\n\r\n"),
    ]

    @Test(arguments: ambiguous.map(\.what)) func `an ambiguous request is refused and its connection closed`(_ what: String) async throws {
      let deployment = try await Deployment.shared.value
      let bytes = try #require(Self.ambiguous.first { $0.what == what }).bytes
      let link = try LoopbackSocket(port: deployment.port)
      try await link.send(bytes)
      let answer = try await link.receiveAll(within: 4)  // gives up unless the connection is closed
      #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(what): \(answer)")
      #expect(answer.lowercased().contains("\r\nx-pico-error: "), "\(what): \(answer)")
      #expect(answer.components(of: "HTTP/1.").count == 2, "one response only: \(answer)")
    }

    /// Responses that two parsers could read differently.
    static let ambiguousResponses: [(what: String, bytes: String)] = [
      ("no HTTP", "SSH-2.0-OpenSSH\r\n\r\n"),
      ("length and chunked", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
      ("bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
      ("NUL", "HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n"),
      ("folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n"),
      ("space before colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"),
      ("unknown version", "HTTP/3.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
      ("four-digit status", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
      ("a switch that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
      ("nothing", ""),
      ("half a head", "HTTP/1.1 200 OK\r\nContent-Le"),
    ]

    @Test(arguments: ambiguousResponses.map(\.what)) func `an ambiguous response becomes a 502`(_ what: String) async throws {
      let deployment = try await Deployment.shared.value
      let bytes = try #require(Self.ambiguousResponses.first { $0.what == what }).bytes
      let answer = try await deployment.get(
        "/raw/" + bytes.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(), method: "POST")
      #expect(answer.hasPrefix("HTTP/1.1 502 "), "\(what): \(answer)")
      #expect(answer.lowercased().contains("\r\nx-pico-error: "), "\(what): \(answer)")
    }

    @Test func `random bytes on any port close their own connection only`() async throws {
      let deployment = try await Deployment.shared.value
      var random = SplitMix(state: 2026)
      let starts: [String] = [
        "", "GET / HTTP/1.1\r\nHost: h\r\n", "POST / HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET /pico/v1/listener/noise HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: pico.v1\r\n\r\n",
      ]
      for round in 0..<80 {
        let link = try LoopbackSocket(port: round % 5 == 4 ? deployment.admin : deployment.port)
        let noise = (0..<Int.random(in: 1...3000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        try await link.send(Array(starts[round % starts.count].utf8) + noise)
        link.finish()
        _ = try await link.receive { _ in false }
      }
      #expect(deployment.server.isRunning)
      #expect(try await deployment.get("/name").hasSuffix("upstream"))
    }
  }
}

/// A seeded source, so that a failure can be seen again.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

extension String {
  /// The parts between occurrences of `separator`.
  func components(of separator: String) -> [Substring] {
    var parts: [Substring] = []
    var rest = self[...]
    while let range = rest.firstRange(of: separator) {
      parts.append(rest[..<range.lowerBound])
      rest = rest[range.upperBound...]
    }
    return parts + [rest]
  }
}
