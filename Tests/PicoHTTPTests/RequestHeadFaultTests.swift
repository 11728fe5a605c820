import NIOCore
import Testing

@testable import PicoHTTP

/// What two parsers could read differently is refused, each with its own reason.
@Suite struct RequestHeadFaultTests {
  static let startLines: [(String, HTTPFault)] = [
    ("GET / HTTP/1.2", .unknownVersion), ("GET / HTTP/2.0", .unknownVersion), ("GET / HTTP/0.9", .unknownVersion),
    ("GET / HTTP/1.10", .unknownVersion), ("GET / HTTP/11", .unknownVersion), ("GET / HTTP/1.", .unknownVersion),
    ("GET / http/1.1", .badRequestLine), ("GET / HTTP", .badRequestLine), ("GET /", .badRequestLine), ("GET", .badRequestLine),
    ("GET  / HTTP/1.1", .badRequestLine), ("GET /  HTTP/1.1", .badRequestLine), ("GET / HTTP/1.1 ", .badRequestLine),
    (" GET / HTTP/1.1", .badRequestLine), ("GET\t/ HTTP/1.1", .badRequestLine), ("GET /\tHTTP/1.1", .badRequestLine),
    ("GET /a b HTTP/1.1", .badRequestLine), ("GET /a HTTP/1.1 HTTP/1.1", .badRequestLine), ("G(T / HTTP/1.1", .badRequestLine),
    ("G\u{e9}T / HTTP/1.1", .badRequestLine), ("GET /\u{0} HTTP/1.1", .nulByte), ("GET /\u{7f} HTTP/1.1", .controlCharacter),
    ("GET /\u{1} HTTP/1.1", .controlCharacter), ("G\u{0}T / HTTP/1.1", .nulByte), ("GET / HTTP/1.1\u{0}", .nulByte),
    ("GET /#f HTTP/1.1", .badTarget), ("GET a HTTP/1.1", .badTarget), ("GET a:80 HTTP/1.1", .badTarget),
    ("GET ftp://a/ HTTP/1.1", .badTarget), ("GET http:/a HTTP/1.1", .badTarget), ("GET http:///x HTTP/1.1", .badHost),
    ("GET http://u@a/ HTTP/1.1", .badHost), ("GET http://a:b/ HTTP/1.1", .badHost), ("GET http://?q HTTP/1.1", .badHost),
    ("GET http:// HTTP/1.1", .badTarget), ("GET ** HTTP/1.1", .badTarget), ("OPTIONS *a HTTP/1.1", .badTarget),
    ("CONNECT a:80 HTTP/1.1", .connectMethod), ("CONNECT / HTTP/1.1", .connectMethod),
    ("GET http://b/ HTTP/1.1", .targetDisagreesWithHost), ("GET http://a:81/ HTTP/1.1", .targetDisagreesWithHost),
    ("GET https://a:80/ HTTP/1.1", .targetDisagreesWithHost),
  ]

  @Test(arguments: startLines)
  func `a bad request line is refused`(line: String, fault: HTTPFault) {
    #expect(Parsed("\(line)\r\nHost: a\r\n\r\n").outcome == .failed(fault))
  }

  static let fieldLines: [(String, HTTPFault)] = [
    ("A : b", .spaceBeforeColon), ("A\t: b", .spaceBeforeColon), (" A: b", .obsoleteFold), ("A: b\r\n c: d", .obsoleteFold),
    ("A: b\r\n\tc", .obsoleteFold), (": b", .emptyFieldName), ("A", .missingColon), ("A b", .spaceBeforeColon), ("A(b): c", .badFieldName),
    ("\"A\": c", .badFieldName), ("A/b: c", .badFieldName), ("\u{e9}: c", .badFieldName), ("A\u{7f}: c", .badFieldName),
    ("A\u{0}: c", .nulByte), ("A: b\u{0}", .nulByte), ("A: \u{1}b", .controlCharacter), ("A: b\u{b}", .controlCharacter),
    ("A: b\u{7f}c", .controlCharacter), ("A: 12345678\u{1f}", .controlCharacter), ("A: 1234567\u{7f}", .controlCharacter),
    ("A: b\rc: d", .bareCarriageReturn), ("A: b\r\rc: d", .bareCarriageReturn), ("A\r: b", .bareCarriageReturn),
    ("\rA: b", .bareCarriageReturn), ("A: b\nc: d", .bareLineFeed), ("A\n: b", .bareLineFeed), ("\nA: b", .bareLineFeed),
    ("A: b\n", .bareLineFeed), ("A: b\r", .bareCarriageReturn),
    ("Content-Length: 1\r\nContent-Length: 1", .repeatedContentLength), ("Content-Length: 1, 1", .badContentLength),
    ("Content-Length: +1", .badContentLength), ("Content-Length: -1", .badContentLength), ("Content-Length: ", .badContentLength),
    ("Content-Length: 0x1", .badContentLength), ("Content-Length: 1 2", .badContentLength), ("Content-Length: 1.0", .badContentLength),
    ("Content-Length: 9223372036854775808", .badContentLength), ("Content-Length: 18446744073709551617", .badContentLength),
    ("Content-Length: 00000000000000000001", .badContentLength), ("Content-Length: \u{0661}", .badContentLength),
    ("content-length: 1\r\nTransfer-encoding: chunked", .contentLengthAndTransferEncoding),
    ("Transfer-Encoding: chunked\r\nContent-Length: 0", .contentLengthAndTransferEncoding),
    ("Transfer-Encoding: gzip", .badTransferEncoding), ("Transfer-Encoding: gzip, chunked", .badTransferEncoding),
    ("Transfer-Encoding: chunked, gzip", .badTransferEncoding), ("Transfer-Encoding: chunked, chunked", .badTransferEncoding),
    ("Transfer-Encoding: chunked,", .badTransferEncoding), ("Transfer-Encoding: xchunked", .badTransferEncoding),
    ("Transfer-Encoding: \"chunked\"", .badTransferEncoding), ("Transfer-Encoding: chunked;q=1", .badTransferEncoding),
    ("Transfer-Encoding: identity", .badTransferEncoding), ("Transfer-Encoding:", .badTransferEncoding),
    ("Transfer-Encoding: chun\u{212a}ed", .badTransferEncoding), ("Transfer-Encoding: \u{b}chunked", .controlCharacter),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .repeatedTransferEncoding),
    ("Transfer-Encoding : chunked", .spaceBeforeColon),
    ("Host: a", .repeatedHost), ("host: b", .repeatedHost), ("x-pico-endpoint: a\r\nX-Pico-Endpoint: a", .repeatedEndpoint),
    ("x-pico-endpoint: a\r\nx-piko-endpoint: a", .repeatedEndpoint), ("Connection: a b", .badConnectionOption),
    ("Connection: close;q=1", .badConnectionOption), ("Connection: \"close\"", .badConnectionOption),
    ("Connection: Host", .reservedConnectionOption),
    ("Connection: close, content-length", .reservedConnectionOption), ("Connection: Transfer-Encoding", .reservedConnectionOption),
    ("Connection: AUTHORIZATION", .reservedConnectionOption), ("Connection: cookie", .reservedConnectionOption),
    ("Connection: X-Pico-Endpoint", .reservedConnectionOption), ("Connection: x-piko-anything", .reservedConnectionOption),
    ("Connection: close\r\nConnection: host", .reservedConnectionOption),
    ("Connection: " + (0...32).map { "x\($0)" }.joined(separator: ","), .tooManyConnectionOptions),
  ]

  @Test(arguments: fieldLines)
  func `a bad field line is refused`(lines: String, fault: HTTPFault) {
    #expect(Parsed("POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n").outcome == .failed(fault))
  }

  @Test(arguments: fieldLines + startLines)
  func `a fault is the same however the bytes are split`(lines: String, fault: HTTPFault) {
    let isStart = lines.hasSuffix("HTTP/1.1") && !lines.contains("\r")
    let bytes = Array((isStart ? "\(lines)\r\nHost: a\r\n\r\n" : "POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n").utf8)
    let whole = Parsed(bytes)
    var head = RequestHead()
    var dripped = HeadParse.incomplete
    for count in 1...bytes.count {
      dripped = head.parse(ByteBuffer(bytes: bytes[..<count]).readableBytesSpan, limit: 65536)
      if dripped != .incomplete { break }
    }
    #expect(dripped == whole.outcome)
  }

  @Test(
    arguments: [
      "", ":80", "a:b", "a:65536", "a:123456", "a:+1", "a:80:80", "a/b", "a b", "a,b", "u@a", "a%2eb", "\u{e9}", "[::1", "[]", "[:]x",
      "[::1]x",
      "[::1%25eth0]", "::1", "a?b", "a#b", "*", "a\\b", "[g::1]",
    ])
  func `a bad host is refused`(host: String) {
    #expect(Parsed("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").outcome == .failed(.badHost))
    #expect(Parsed("GET / HTTP/1.0\r\nHost: \(host)\r\n\r\n").outcome == .failed(.badHost))
  }

  @Test func `HTTP 1_1 needs a host and HTTP 1_0 knows no transfer encoding`() {
    #expect(Parsed("GET / HTTP/1.1\r\n\r\n").outcome == .failed(.missingHost))
    #expect(Parsed("GET / HTTP/1.0\r\n\r\n").outcome == .complete(headBytes: 18))
    #expect(Parsed("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").outcome == .failed(.transferEncodingInHTTP10))
  }

  @Test func `what is no HTTP is refused before a line has ended`() {
    #expect(Parsed([0x16, 3, 1, 2, 0]).outcome == .failed(.controlCharacter))
    #expect(Parsed([0x00]).outcome == .failed(.nulByte))
    #expect(Parsed([0x0a]).outcome == .failed(.bareLineFeed))
    #expect(Parsed([0x0d, 0x0d]).outcome == .failed(.bareCarriageReturn))
    #expect(Parsed([0x80]).outcome == .failed(.badRequestLine))
  }

  @Test(arguments: ["GET / close\r\n", "GET / HTTP/\r\n", "GET / H\r\n", "GET / \r\n", "\r\nA b HTTP/\r\n"])
  func `a short version at the end of the bytes is refused`(text: String) {
    let parsed = Parsed(text)
    #expect([.failed(.badRequestLine), .failed(.unknownVersion)].contains(parsed.outcome))
  }

  @Test func `each fault is told as 400 or 431, and of a response as 502`() {
    for fault in HTTPFault.allCases {
      let isSize = [.headTooLarge, .tooManyFields, .trailersTooLarge].contains(fault)
      #expect(fault.requestError.status == (isSize ? 431 : 400))
      #expect(fault.responseError.status == 502)
    }
  }
}
