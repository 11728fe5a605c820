import NIOCore
import NIOHPACK
import PicoHTTP
import PicoHTTP2
import Testing

@Suite struct MessageWriterTests {
  typealias Fields = [(String, String)]

  private static let get: Fields = [(":method", "GET"), (":scheme", "http"), (":path", "/a?b"), (":authority", "h")]
  private static let post: Fields = [(":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", "h")]

  private func request(_ fields: Fields, isLast: Bool = true) throws(HTTPFault) -> String {
    var writer = MessageWriter()
    var out = ByteBuffer()
    _ = try writer.writeRequest(HPACKHeaders(fields), isLast: isLast, into: &out)
    return String(buffer: out)
  }

  @Test(
    arguments: [
      (get, true, "GET /a?b HTTP/1.1\r\nhost: h\r\n\r\n"),
      (get + [("x-a", "1"), ("x-b", ""), ("x-a", "2")], true, "GET /a?b HTTP/1.1\r\nhost: h\r\nx-a: 1\r\nx-b: \r\nx-a: 2\r\n\r\n"),
      (
        get + [("cookie", "a=1"), ("x-a", "1"), ("cookie", "b=2")], true,
        "GET /a?b HTTP/1.1\r\nhost: h\r\ncookie: a=1; b=2\r\nx-a: 1\r\n\r\n"
      ),
      (get + [("host", "H")], true, "GET /a?b HTTP/1.1\r\nhost: h\r\n\r\n"),
      (get.dropLast() + [("host", "other")], true, "GET /a?b HTTP/1.1\r\nhost: other\r\n\r\n"),
      (get + [("te", "trailers")], true, "GET /a?b HTTP/1.1\r\nhost: h\r\nte: trailers\r\n\r\n"),
      (post, true, "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"),
      (post, false, "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"),
      (post + [("content-length", "3")], false, "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\n"),
      ([(":method", "OPTIONS"), (":scheme", "http"), (":path", "*"), (":authority", "h")], true, "OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n"),
    ] as [(Fields, Bool, String)])
  func `a request becomes the same request of HTTP/1.1`(fields: Fields, isLast: Bool, wanted: String) throws {
    #expect(try request(fields, isLast: isLast) == wanted)
  }

  @Test(
    arguments: [
      (get + [("x-a", "b\r\nx-evil: 1")], .bareCarriageReturn), (get + [("x-a", "b\nc")], .bareLineFeed),
      (get + [("x-a", "b\0")], .nulByte),
      (get + [("x-a", "b\u{1}")], .controlCharacter), (get + [("x-a", "b\u{7f}")], .controlCharacter),
      (get + [("x-a", " b")], .controlCharacter),
      (get + [("x-a", "b\t")], .controlCharacter), (get + [("X-a", "b")], .badFieldName), (get + [("x-a:", "b")], .badFieldName),
      (get + [("x a", "b")], .badFieldName), (get + [("x-ä", "b")], .badFieldName), (get + [("x\r\n", "b")], .badFieldName),
      (get + [("", "b")], .emptyFieldName), (get + [("connection", "close")], .connectionSpecificField),
      (get + [("keep-alive", "1")], .connectionSpecificField), (get + [("proxy-connection", "close")], .connectionSpecificField),
      (get + [("upgrade", "websocket")], .connectionSpecificField), (get + [("http2-settings", "A")], .connectionSpecificField),
      (post + [("transfer-encoding", "chunked")], .connectionSpecificField), (get + [("te", "gzip")], .connectionSpecificField),
      (get + [("te", "trailers, gzip")], .connectionSpecificField), (post + [("content-length", "1")], .lengthDisagreesWithData),
      (post + [("content-length", "+0")], .badContentLength), (post + [("content-length", "0, 0")], .badContentLength),
      (post + [("content-length", "")], .badContentLength), (post + [("content-length", "99999999999999999999")], .badContentLength),
      (post + [("content-length", "0"), ("content-length", "0")], .repeatedContentLength),
      (get + [("host", "g")], .targetDisagreesWithHost),
      (get + [("host", "h"), ("host", "h")], .repeatedHost), (get.dropLast() + [("host", "h g")], .badHost),
      (Array(get.dropFirst()), .badPseudoField), (get.filter { $0.0 != ":path" }, .badPseudoField),
      (get.filter { $0.0 != ":scheme" }, .badPseudoField), (get + [(":path", "/")], .badPseudoField),
      ([("x-a", "b")] + get, .badPseudoField),
      (get.dropLast() + [("x-a", "b"), get[3]], .badPseudoField), ([(":method", "GET")] + get, .badPseudoField),
      ([(":status", "200")] + get, .badPseudoField), ([(":protocol", "websocket")] + get, .badPseudoField),
      ([(":", "")] + get, .badPseudoField),
      ([(":method", "CONNECT"), (":authority", "h:1")], .connectMethod), ([(":method", "")] + get.dropFirst(), .badRequestLine),
      ([(":method", "GET /")] + get.dropFirst(), .badRequestLine), ([(":method", "GET\r\n")] + get.dropFirst(), .badRequestLine),
      (path(""), .badTarget), (path("a"), .badTarget), (path("http://h/"), .badTarget), (path("/ HTTP/1.1\r\n"), .badTarget),
      (path("/a b"), .badTarget), (path("/a\tb"), .badTarget), (path("/a#b"), .badTarget), (path("/a\u{7f}"), .badTarget),
      (path("/\0"), .badTarget),
      (authority(""), .badHost), (authority("h\r\nx: y"), .badHost), (authority("h g"), .badHost),
      ([(":method", "GET"), (":scheme", "ftp"), (":path", "/"), (":authority", "h")], .badPseudoField),
    ] as [(Fields, HTTPFault)])
  func `what HTTP/1.1 could read differently is no request`(fields: Fields, fault: HTTPFault) {
    #expect(throws: fault) { try request(fields) }
  }

  private static func path(_ path: String) -> Fields { [get[0], get[1], (":path", path), get[3]] }
  private static func authority(_ text: String) -> Fields { [get[0], get[1], get[2], (":authority", text)] }

  /// What is written behind a head, piece by piece.
  private func body(_ head: Fields, _ pieces: [(String, Bool)], trailers: Fields? = nil) throws(HTTPFault) -> String {
    var writer = MessageWriter()
    var out = ByteBuffer()
    _ = try writer.writeRequest(HPACKHeaders(head), isLast: false, into: &out)
    out.clear()
    for (piece, isLast) in pieces { try writer.writeData(ByteBuffer(string: piece).readableBytesSpan, isLast: isLast, into: &out) }
    if let trailers { try writer.writeTrailers(HPACKHeaders(trailers), into: &out) }
    return String(buffer: out)
  }

  @Test func `data becomes chunks, or keeps to its length`() throws {
    #expect(
      try body(Self.post, [("abc", false), ("", false), ("0123456789abcdef", true)]) == "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n")
    #expect(try body(Self.post, [("", true)]) == "0\r\n\r\n")
    #expect(try body(Self.post, [("a", false)], trailers: [("x-sum", "1")]) == "1\r\na\r\n0\r\nx-sum: 1\r\n\r\n")
    let sized = Self.post + [("content-length", "4")]
    #expect(try body(sized, [("ab", false), ("cd", false), ("", true)]) == "abcd")
    #expect(try body(sized, [("abcd", false)], trailers: [("x-sum", "1")]) == "abcd")
    #expect(throws: HTTPFault.lengthDisagreesWithData) { try body(sized, [("abcde", false)]) }
    #expect(throws: HTTPFault.lengthDisagreesWithData) { try body(sized, [("abc", true)]) }
    #expect(throws: HTTPFault.lengthDisagreesWithData) { try body(sized, [("abc", false)], trailers: []) }
    #expect(throws: HTTPFault.lengthDisagreesWithData) { try body(Self.post, [("a", true), ("b", true)]) }
  }

  @Test(
    arguments: [
      ((":path", "/"), .badPseudoField), (("X-a", "b"), .badFieldName), (("x-a", "b\r\n\r\nGET / HTTP/1.1"), .bareCarriageReturn),
      (("transfer-encoding", "chunked"), .connectionSpecificField),
    ] as [((String, String), HTTPFault)])
  func `trailers are held to the same rules`(trailer: (String, String), fault: HTTPFault) {
    #expect(throws: fault) { try body(Self.post, [], trailers: [trailer]) }
  }

  private func response(_ fields: Fields, isLast: Bool, to method: HTTPMethod = .get) throws(HTTPFault) -> String {
    var writer = MessageWriter()
    var out = ByteBuffer()
    _ = try writer.writeResponse(HPACKHeaders(fields), isLast: isLast, answering: method, into: &out)
    return String(buffer: out)
  }

  @Test func `a response becomes the same response of HTTP/1.1`() throws {
    #expect(
      try response([(":status", "200"), ("x-a", "b")], isLast: false) == "HTTP/1.1 200 \r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n")
    #expect(try response([(":status", "200"), ("content-length", "2")], isLast: false) == "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\n")
    #expect(try response([(":status", "200")], isLast: true) == "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n")
    #expect(try response([(":status", "204")], isLast: true) == "HTTP/1.1 204 \r\n\r\n")
    #expect(
      try response([(":status", "200"), ("content-length", "9")], isLast: true, to: .head) == "HTTP/1.1 200 \r\ncontent-length: 9\r\n\r\n")
    #expect(try response([(":status", "103"), ("link", "</a>")], isLast: false) == "HTTP/1.1 103 \r\nlink: </a>\r\n\r\n")
  }

  @Test(
    arguments: [
      ([(":status", "101")], .badPseudoField), ([(":status", "100")], .badPseudoField), ([(":status", "99")], .badStatusLine),
      ([(":status", "2000")], .badStatusLine), ([(":status", "2x0")], .badStatusLine), ([("x-a", "b")], .badPseudoField),
      ([(":status", "200"), (":status", "200")], .badPseudoField), ([(":status", "200"), (":path", "/")], .badPseudoField),
      ([("x-a", "b"), (":status", "200")], .badPseudoField), ([(":status", "200"), ("connection", "close")], .connectionSpecificField),
      ([(":status", "200"), ("x-a", "b\r\nc: d")], .bareCarriageReturn),
      ([(":status", "200"), ("content-length", "2")], .lengthDisagreesWithData),
    ] as [(Fields, HTTPFault)])
  func `what is no response is a fault`(fields: Fields, fault: HTTPFault) {
    #expect(throws: fault) { try response(fields, isLast: true) }
  }
}
