import FuzzDriver
import NIOCore
import NIOHPACK
import PicoHTTP
import PicoHTTP2

/// Bytes of a service, as a response to a client of HTTP/2: head and body must become the same fields and payload however the body is cut, and
/// survive the way back into HTTP/1.1.
@main
struct FuzzHTTP2Response {
  static let limit = 4096

  static func main() {
    let status = FuzzDriver.run { input in
      // The first byte says where to cut, and what was asked.
      guard let choice = input.first else { return }
      let bytes = Array(input.dropFirst())
      let method: HTTPMethod = choice & 64 == 0 ? .get : .head
      var head = ResponseHead()
      let buffer = ByteBuffer(bytes: bytes)
      let question = ResponseHead.Question(method: method, asksForUpgrade: false)
      guard case .complete(let count) = head.parse(buffer.readableBytesSpan, limit: limit, answering: question) else { return }
      let fields = HPACKHeaders(head, buffer.readableBytesSpan)
      let body = Array(bytes.dropFirst(count))
      let kind = head.framing(answering: method).kind
      let whole = read(body, kind, pieceSize: max(body.count, 1))
      let pieces = read(body, kind, pieceSize: Int(choice % 16) + 1)
      FuzzDriver.expect(whole == pieces || whole.isFailed && pieces.isFailed, "whole \(whole), in pieces \(pieces)")
      checkWayBack(fields, head.status, whole, method)
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }

  struct Reading: Equatable {
    var payload: [UInt8] = []
    var trailers: HPACKHeaders?
    var isEnded = false
    var isFailed = false
  }

  static func read(_ body: [UInt8], _ kind: BodyFraming.Kind, pieceSize: Int) -> Reading {
    var reader = BodyReader(kind)
    var reading = Reading()
    for start in stride(from: 0, through: body.count, by: pieceSize) {
      let piece = Array(body[start..<min(start + pieceSize, body.count)])
      let buffer = ByteBuffer(bytes: piece)
      var offset = 0
      events: while true {
        switch reader.next(buffer.readableBytesSpan, at: &offset) {
        case .payload(let range):
          FuzzDriver.expect(!range.isEmpty && range.upperBound <= piece.count, "\(range) of \(piece.count)")
          reading.payload += piece[range]
        case .needsMore: break events
        case .ended(let trailers):
          reading.trailers = trailers
          reading.isEnded = true
          return reading
        case .failed:
          reading.isFailed = true
          return reading
        }
      }
    }
    return reading
  }

  /// As an agent's node reads a service of HTTP/2: what it writes is one response of HTTP/1.1, with the same status.
  static func checkWayBack(_ fields: HPACKHeaders, _ status: Int, _ body: Reading, _ method: HTTPMethod) {
    var writer = MessageWriter()
    var out = ByteBuffer()
    // What cannot be said in HTTP/2 may be refused: an upgrade, a character that is none in text.
    guard (try? writer.writeResponse(fields, isLast: false, answering: method, into: &out)) == status else { return }
    var head = ResponseHead()
    let question = ResponseHead.Question(method: method, asksForUpgrade: false)
    guard case .complete(let count) = head.parse(out.readableBytesSpan, limit: 4 * limit, answering: question) else { return }
    FuzzDriver.expect(head.status == status && count == out.readableBytes, "\(head.status) and \(count) bytes of \(String(buffer: out))")
  }
}
