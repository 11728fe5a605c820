import NIOCore
import Testing

@testable import PicoHTTP

@Suite struct BodyFramingTests {
  /// Feeds `text` in pieces of `size` and says how many bytes belonged to the body, or why it failed.
  static func read(_ text: String, _ framing: BodyFraming, size: Int) -> (taken: Int, end: BodyProgress, payload: Int64) {
    var framing = framing
    let bytes = Array(text.utf8)
    var taken = 0
    for start in stride(from: 0, to: bytes.count, by: size) {
      let piece = ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)])
      let progress = framing.consume(piece.readableBytesSpan)
      switch progress {
      case .more: taken += piece.readableBytes
      case .ended(let after): return (taken + after, progress, framing.payloadBytes)
      case .failed: return (taken, progress, framing.payloadBytes)
      }
    }
    return (taken, .more, framing.payloadBytes)
  }

  static let good: [(String, Int64)] = [
    ("0\r\n\r\n", 0), ("5\r\nhello\r\n0\r\n\r\n", 5), ("a\r\n0123456789\r\nA\r\n0123456789\r\n00\r\n\r\n", 20),
    ("1;a\r\nx\r\n0;b=c\r\n\r\n", 1),
    ("1;a=\"b;\\\"\\\\c\t\u{e9}\";d;e=f\r\nx\r\n0\r\n\r\n", 1),
    ("2\r\n\r\n\r\n0\r\nX-T: y\r\nServer-Timing:\r\nX-Request-Id: a\r\n\r\n", 2),
    ("000000000000001\r\nx\r\n0\r\n\r\n", 1),
  ]

  @Test(arguments: good, [1, 2, 3, 7, 4096])
  func `a chunked body ends where it ends`(body: (String, Int64), size: Int) {
    let result = Self.read(body.0 + "GET /next", BodyFraming(.chunked), size: size)
    #expect(result.taken == body.0.utf8.count)
    #expect(result.payload == body.1)
    if case .ended = result.end {} else { Issue.record("\(result.end)") }
  }

  static let bad: [(String, HTTPFault)] = [
    ("\r\n", .badChunkSize), ("g\r\n", .badChunkSize), ("-1\r\n", .badChunkSize), ("+1\r\n", .badChunkSize), ("0x1\r\n", .badChunkSize),
    (" 1\r\n", .badChunkSize), ("1 \r\n", .badChunkSize), ("1\n", .badChunkSize), ("1\rx", .badChunkSize), (";a\r\n", .badChunkSize),
    ("1,2\r\n", .badChunkSize), ("1\u{0}\r\n", .badChunkSize), ("1_0\r\n", .badChunkSize), ("fffffffffffffffff\r\n", .chunkSizeTooLarge),
    ("7fffffffffffffff\r\n", .chunkSizeTooLarge), ("0000000000000001\r\n", .chunkSizeTooLarge), ("1;\r\n", .badChunkExtension),
    ("1; a\r\n", .badChunkExtension), ("1;a \r\n", .badChunkExtension), ("1;a=\r\n", .badChunkExtension), ("1;a\n", .badChunkExtension),
    ("1;a=\"b\n\"", .badChunkExtension), ("1;a=\"b\r\n", .badChunkExtension), ("1;a=\"\\\r\n", .badChunkExtension),
    ("1;a=\"\"x\r\n", .badChunkExtension), ("1;a=\"\u{7f}\"\r\n", .badChunkExtension), ("1;a==b\r\n", .badChunkExtension),
    ("1;a=b\rx", .badChunkSize), ("1;" + String(repeating: "a", count: 511) + "\r\n", .chunkLineTooLong), ("1\r\nxx", .badChunkEnd),
    ("1\r\nx\n", .badChunkEnd), ("1\r\nx\rx", .badChunkEnd), ("1\r\nx0\r\n\r\n", .badChunkEnd), ("0\r\nx\r\n\r\n", .missingColon),
    ("0\r\n\n", .bareLineFeed), ("0\r\n\rx", .bareCarriageReturn), ("0\r\n: a\r\n", .emptyFieldName), ("0\r\n a: b\r\n", .obsoleteFold),
    ("0\r\na: b\r\n c\r\n", .obsoleteFold), ("0\r\na : b\r\n", .spaceBeforeColon), ("0\r\na(: b\r\n", .badFieldName),
    ("0\r\na: b\nc: d\r\n", .bareLineFeed), ("0\r\na: b\rc", .bareCarriageReturn), ("0\r\na: \u{0}\r\n", .nulByte),
    ("0\r\na: \u{1}\r\n", .controlCharacter), ("0\r\na\u{1}: b\r\n", .controlCharacter), ("0\r\nContent-Length: 1\r\n", .forbiddenTrailer),
    ("0\r\nok: 1\r\ntransfer-encoding: chunked\r\n", .forbiddenTrailer), ("0\r\nHOST: a\r\n", .forbiddenTrailer),
    ("0\r\nCookie: a\r\n", .forbiddenTrailer), ("0\r\nX-Pico-Endpoint: a\r\n", .forbiddenTrailer),
    ("0\r\nX-Piko-" + String(repeating: "a", count: 60) + ": a\r\n", .forbiddenTrailer), ("0\r\nX-Forwarded-For: a\r\n", .forbiddenTrailer),
    ("0\r\na: " + String(repeating: "b", count: 32 * 1024) + "\r\n", .trailersTooLarge),
    ("0\r\n" + String(repeating: "a: b\r\n", count: 6000) + "\r\n", .trailersTooLarge),
    ("0\r\n" + String(repeating: "a", count: 33 * 1024) + ": b\r\n", .trailersTooLarge),
  ]

  @Test(arguments: bad, [1, 5, 65536])
  func `a bad chunk or trailer is refused`(body: (String, HTTPFault), size: Int) {
    let result = Self.read(body.0, BodyFraming(.chunked), size: size)
    #expect(result.end == .failed(body.1))
  }

  @Test func `a fault stays`() {
    var framing = BodyFraming(.chunked)
    #expect(framing.consume(ByteBuffer(string: "x").readableBytesSpan) == .failed(.badChunkSize))
    #expect(framing.consume(ByteBuffer(string: "0\r\n\r\n").readableBytesSpan) == .failed(.badChunkSize))
  }

  @Test(arguments: [1, 3, 100])
  func `a body with a length is counted`(size: Int) {
    let result = Self.read("0123456789rest", BodyFraming(.length(10)), size: size)
    #expect(result.taken == 10)
    #expect(result.payload == 10)
    #expect(Self.read("012345678", BodyFraming(.length(10)), size: size).end == .more)
  }

  @Test func `no body takes nothing and a body until the end takes all`() {
    var none = BodyFraming.none
    #expect(none.isComplete)
    #expect(none.consume(ByteBuffer(string: "abc").readableBytesSpan) == .ended(after: 0))
    var open = BodyFraming(.untilClose)
    #expect(open.consume(ByteBuffer(string: "abc").readableBytesSpan) == .more)
    #expect(!open.isComplete)
    #expect(open.payloadBytes == 3)
    var length = BodyFraming(.length(4))
    #expect(length.consume(ByteBuffer(string: "abc").readableBytesSpan) == .more)
    #expect(length.expectedBytes == 1)
  }

  @Test func `what the encoder writes the decoder reads`() {
    var coded = ByteBuffer()
    let pieces = ["", "a", String(repeating: "b", count: 15), String(repeating: "c", count: 16), String(repeating: "d", count: 70000)]
    for piece in pieces { ChunkedEncoder.write(ByteBuffer(string: piece).readableBytesSpan, into: &coded) }
    ChunkedEncoder.writeEnd(into: &coded)
    #expect(String(buffer: coded).hasPrefix("1\r\na\r\nf\r\nbbb"))
    var decoder = ChunkedDecoder()
    var offset = 0
    var decoded = ByteBuffer()
    while case .payload(let slice) = decoder.next(coded.readableBytesSpan, at: &offset) {
      decoded.writeBytes(coded.readableBytesSpan.extracting(slice.range))
    }
    #expect(decoder.next(coded.readableBytesSpan, at: &offset) == .ended)
    #expect(offset == coded.readableBytes)
    #expect(String(buffer: decoded) == pieces.joined())
  }
}
