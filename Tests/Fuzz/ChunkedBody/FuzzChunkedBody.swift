import FuzzDriver
import NIOCore
import PicoHTTP

/// A chunked body must read the same however it is split, and as a slow reader of the whole reads it; what it holds must survive
/// being coded again.
@main
struct FuzzChunkedBody {
  static func main() {
    let status = FuzzDriver.run { input in
      // The first byte says where to cut.
      guard let cut = input.first else { return }
      check(Array(input.dropFirst()), pieceSize: Int(cut % 16) + 1)
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }

  struct Reading: Equatable {
    var end: BodyProgress
    var taken: Int
    var payload: Int64
  }

  static func check(_ body: [UInt8], pieceSize: Int) {
    let whole = read(body, pieceSize: max(body.count, 1))
    let pieces = read(body, pieceSize: pieceSize)
    FuzzDriver.expect(whole.end.kind == pieces.end.kind, "whole \(whole), in pieces \(pieces)")
    if case .ended = whole.end { FuzzDriver.expect(whole.taken == pieces.taken && whole.payload == pieces.payload, "\(whole) \(pieces)") }

    var reference = ReferenceReader(body)
    switch (reference.read(), whole.end) {
    case (.ended(let payload), .ended(let after)):
      FuzzDriver.expect(
        reference.offset == after && Int64(payload.count) == whole.payload, "the reference ends at \(reference.offset), \(whole)")
      checkRoundTrip(body, payload)
    case (.more, .more), (.bad, .failed): break
    // The last line has not ended, and the reference looks at whole lines only.
    case (.more, .failed): break
    case (let one, let other): FuzzDriver.fail("the reference says \(one), the decoder \(other)")
    }
  }

  static func read(_ body: [UInt8], pieceSize: Int) -> Reading {
    var framing = BodyFraming(.chunked)
    var taken = 0
    for start in stride(from: 0, to: body.count, by: pieceSize) {
      let piece = ByteBuffer(bytes: body[start..<min(start + pieceSize, body.count)])
      let progress = framing.consume(piece.readableBytesSpan)
      switch progress {
      case .more: taken += piece.readableBytes
      case .ended(let after): return Reading(end: progress, taken: taken + after, payload: framing.payloadBytes)
      case .failed: return Reading(end: progress, taken: taken, payload: framing.payloadBytes)
      }
    }
    return Reading(end: .more, taken: taken, payload: framing.payloadBytes)
  }

  static func checkRoundTrip(_ body: [UInt8], _ payload: [UInt8]) {
    let buffer = ByteBuffer(bytes: body)
    var decoder = ChunkedDecoder()
    var offset = 0
    var decoded = ByteBuffer()
    var recoded = ByteBuffer()
    while case .payload(let slice) = decoder.next(buffer.readableBytesSpan, at: &offset) {
      decoded.writeBytes(buffer.readableBytesSpan.extracting(slice.range))
      ChunkedEncoder.write(buffer.readableBytesSpan.extracting(slice.range), into: &recoded)
    }
    ChunkedEncoder.writeEnd(into: &recoded)
    FuzzDriver.expect(decoded.readableBytesView.elementsEqual(payload), "the payload differs")
    var again = BodyFraming(.chunked)
    let end = again.consume(recoded.readableBytesSpan)
    FuzzDriver.expect(end == .ended(after: recoded.readableBytes) && again.payloadBytes == Int64(payload.count), "coded again: \(end)")
  }
}

extension BodyProgress {
  /// Without the offset, which depends on the split.
  fileprivate var kind: String {
    switch self {
    case .more: "more"
    case .ended: "ended"
    case .failed(let fault): "\(fault)"
    }
  }
}
