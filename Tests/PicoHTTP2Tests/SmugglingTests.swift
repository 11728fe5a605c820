import NIOCore
import NIOHPACK
import PicoCore
import PicoHTTP
import PicoHTTP2
import Testing

/// Random header sections, data and trailers, made of what attacks are made of: whatever the writer lets through is, to the parser of
/// HTTP/1.1, one request and nothing behind it.
@Suite struct SmugglingTests {
  private static let pieces = [
    "a", "GET", "/", "h", "0", "5", "chunked", "trailers", "close", "host", "content-length", "transfer-encoding", "connection", "te",
    "cookie",
    "x-pico-endpoint", "\r\n", "\r", "\n", "\0", " ", "\t", ":", "#", "?", ",", ";", "\u{7f}", "\u{1}", "ä", "HTTP/1.1", "\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\nhost: h\r\n\r\n", "0\r\n\r\n", "A",
  ]

  private static func text(_ random: inout SplitMixGenerator) -> String {
    (0..<Int.random(in: 0...3, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
  }

  private static func fields(_ random: inout SplitMixGenerator) -> [(String, String)] {
    var fields = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "h")]
    for _ in 0..<Int.random(in: 0...3, using: &random) {
      let field = (text(&random), text(&random))
      switch Int.random(in: 0...5, using: &random) {
      case 0: fields[Int.random(in: 0..<4, using: &random)].1 = field.1
      case 1: fields.insert(field, at: Int.random(in: 0...fields.count, using: &random))
      case 2: fields.append((pieces.randomElement(using: &random) ?? "", field.1))
      case 3: fields.append(("content-length", "\(Int.random(in: 0...6, using: &random))"))
      default: fields.append((field.0, "v"))
      }
    }
    return fields
  }

  /// All bytes of a message as far as the writer takes it, and whether it is whole.
  private static func message(_ random: inout SplitMixGenerator) -> (bytes: ByteBuffer, isWhole: Bool)? {
    var writer = MessageWriter()
    var whole = ByteBuffer()
    var out = ByteBuffer()
    do {
      let isLast = Bool.random(using: &random)
      _ = try writer.writeRequest(HPACKHeaders(fields(&random)), isLast: isLast, into: &out)
      whole.writeImmutableBuffer(out)
      while !writer.isEnded {
        out.clear()
        if Int.random(in: 0...3, using: &random) == 0 {
          try writer.writeTrailers(HPACKHeaders([(text(&random), text(&random))]), into: &out)
        } else {
          try writer.writeData(ByteBuffer(string: text(&random)).readableBytesSpan, isLast: .random(using: &random), into: &out)
        }
        whole.writeImmutableBuffer(out)
      }
    } catch {
      return whole.readableBytes > 0 ? (whole, false) : nil
    }
    return (whole, true)
  }

  @Test(arguments: 0..<8) func `no header section gives bytes of another number of requests`(seed: Int) {
    var random = SplitMixGenerator(seed: UInt64(seed))
    var accepted = 0
    for _ in 0..<20_000 {
      guard let (message, isWhole) = Self.message(&random) else { continue }
      var head = RequestHead()
      guard case .complete(let count) = head.parse(message.readableBytesSpan, limit: 1 << 20) else { continue }
      var framing = head.framing
      let rest = message.readableBytesSpan.extracting(droppingFirst: count)
      switch framing.consume(rest) {
      case .ended(let after):
        #expect(after == rest.byteCount, "bytes behind a request: \(String(buffer: message).debugDescription)")
      case .more:
        #expect(!isWhole, "a whole message that does not end: \(String(buffer: message).debugDescription)")
      case .failed(let fault):
        // A trailer that HTTP/1.1 forbids too; nothing is read behind it.
        #expect(fault == .forbiddenTrailer, "\(String(buffer: message).debugDescription)")
      }
      accepted += 1
    }
    #expect(accepted > 500)
  }
}
