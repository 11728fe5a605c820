import NIOCore
import NIOHPACK
import PicoHTTP
import PicoHTTP2
import Testing

@Suite struct BodyReaderTests {
  /// What a reader makes of a text that comes in pieces of that size.
  private func read(_ text: String, _ kind: BodyFraming.Kind, by size: Int) -> (payload: String, end: BodyReader.Event) {
    var reader = BodyReader(kind)
    var payload = ""
    let bytes = Array(text.utf8)
    var start = 0
    while true {
      let piece = ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)])
      var offset = 0
      events: while true {
        switch reader.next(piece.readableBytesSpan, at: &offset) {
        case .payload(let range):
          payload += String(buffer: piece).utf8.dropFirst(range.lowerBound).prefix(range.count).reduce(into: "") {
            $0.unicodeScalars.append(Unicode.Scalar($1))
          }
        case .needsMore: break events
        case let end: return (payload, end)
        }
      }
      start += size
      if start >= bytes.count { return (payload, .needsMore) }
    }
  }

  @Test(arguments: [1, 2, 3, 7, 1000]) func `payload and trailers come out wherever the bytes are cut`(size: Int) {
    let chunked = read("3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX-Sum:  42 \r\ngrpc-Status:0\r\n\r\n", .chunked, by: size)
    #expect(chunked.payload == "abc0123456789")
    #expect(chunked.end == .ended(trailers: ["x-sum": "42", "grpc-status": "0"]))
    #expect(read("1\r\na\r\n0\r\n\r\n", .chunked, by: size).end == .ended(trailers: nil))
    #expect(read("abcd", .length(4), by: size) == ("abcd", .ended(trailers: nil)))
    #expect(read("abc", .length(4), by: size) == ("abc", .needsMore))
    #expect(read("abc", .untilClose, by: size) == ("abc", .needsMore))
    #expect(read("1\r\nab", .chunked, by: size).end == .failed(.badChunkEnd))
    #expect(read("0\r\nContent-Length: 1\r\n\r\n", .chunked, by: size).end == .failed(.forbiddenTrailer))
  }

  @Test func `heads lose what is of an HTTP/1.1 connection`() {
    let response = ByteBuffer(
      string:
        "HTTP/1.1 200 OK\r\nX-Odd-Case: Kept\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nKeep-Alive: 5\r\nSet-Cookie: a\r\n\r\n")
    var head = ResponseHead()
    let outcome = head.parse(response.readableBytesSpan, limit: 1000, answering: .init(method: .get, asksForUpgrade: false))
    #expect(outcome == .complete(headBytes: response.readableBytes))
    #expect(HPACKHeaders(head, response.readableBytesSpan) == [":status": "200", "x-odd-case": "Kept", "set-cookie": "a"])
    let request = ByteBuffer(string: "POST /p?q HTTP/1.1\r\nHost: h:1\r\nTE: trailers\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n")
    var question = RequestHead()
    #expect(question.parse(request.readableBytesSpan, limit: 1000) == .complete(headBytes: request.readableBytes))
    #expect(
      HPACKHeaders(question, request.readableBytesSpan)
        == [":method": "POST", ":scheme": "http", ":authority": "h:1", ":path": "/p?q", "x-a": "b", "te": "trailers"])
  }
}
