import Testing

@testable import PicoBench

@Suite struct ResponseParserTests {
  /// Gives the parser the bytes in pieces of a size, as a connection would, and collects what it says.
  static func outcomes(_ text: String, pieces: Int, isHead: Bool = false) -> (outcomes: [ResponseParser.Outcome], parser: ResponseParser) {
    var parser = ResponseParser(isHead: isHead)
    var outcomes: [ResponseParser.Outcome] = []
    var held: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      held += rest.prefix(pieces)
      rest = rest.dropFirst(pieces)
      while !held.isEmpty {
        // The bytes are looked at within the call.
        let (consumed, outcome) = unsafe held.withUnsafeBytes { unsafe parser.parse($0) }
        held.removeFirst(consumed)
        if outcome == .needsMore { break }
        outcomes.append(outcome)
        if outcome == .malformed { return (outcomes, parser) }
      }
    }
    return (outcomes, parser)
  }

  @Test(
    arguments: [
      ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, true),
      ("HTTP/1.1 200 OK\r\ncontent-LENGTH:  2 \r\nConnection: close\r\n\r\nok", 200, false),
      ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, false),
      ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", 200, true),
      ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
      ("HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", 304, true),
      ("HTTP/1.1 502\r\nContent-Length: 0\r\n\r\n", 502, true),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", 200, true),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n0\r\nTrailer: 1\r\n\r\n", 200, true),
      (
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201,
        true
      ),
    ] as [(String, Int, Bool)])
  func `a response ends where it ends, however the bytes come`(text: String, status: Int, keepAlive: Bool) {
    for pieces in 1...text.utf8.count {
      let expected = ResponseParser.Outcome.complete(status: status, keepAlive: keepAlive)
      #expect(Self.outcomes(text + text, pieces: pieces).outcomes == [expected, expected], "pieces of \(pieces)")
    }
  }

  @Test func `a response to HEAD has no body`() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
    #expect(Self.outcomes(text, pieces: 7, isHead: true).outcomes == [.complete(status: 200, keepAlive: true)])
    #expect(Self.outcomes(text, pieces: 7).outcomes.isEmpty)
  }

  @Test func `without a length the end of the connection is the end`() {
    let (outcomes, parser) = Self.outcomes("HTTP/1.1 200 OK\r\n\r\nsome bytes", pieces: 5)
    #expect(outcomes.isEmpty)
    #expect(parser.statusAtClose == 200)
    #expect(Self.outcomes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", pieces: 99).parser.statusAtClose == nil)
  }

  @Test(arguments: [
    "SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1 2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  ])
  func `what is not a response is malformed`(text: String) {
    for pieces in [1, 3, text.utf8.count] {
      #expect(Self.outcomes(text, pieces: pieces).outcomes == [.malformed])
    }
  }

  @Test func `a head without end is malformed`() {
    #expect(Self.outcomes("HTTP/1.1 200 OK\r\n" + String(repeating: "x", count: 70_000), pieces: 4096).outcomes == [.malformed])
  }
}
