import FuzzDriver
import PicoTunnel

/// WebSocket bytes must read the same however they are split, and as a slow reader of the whole reads them.
@main
struct FuzzWebSocketFrame {
  static func main() {
    let status = FuzzDriver.run { input in
      // The first byte says which side reads, how long a frame may be and where to cut.
      guard let choice = input.first else { return }
      check(
        Array(input.dropFirst()), expectsMask: choice & 1 == 1, maximumFrame: choice & 2 == 0 ? 16 << 20 : 300, piece: Int(choice >> 3) + 1)
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }

  static func check(_ bytes: [UInt8], expectsMask: Bool, maximumFrame: Int, piece: Int) {
    let whole = read(bytes, expectsMask: expectsMask, maximumFrame: maximumFrame, piece: max(bytes.count, 1))
    let pieces = read(bytes, expectsMask: expectsMask, maximumFrame: maximumFrame, piece: piece)
    FuzzDriver.expect(whole == pieces, "whole \(whole), in pieces of \(piece) \(pieces)")
    let reference = ReferenceFrames(bytes, expectsMask: expectsMask, maximumFrame: maximumFrame)
    FuzzDriver.expect(whole == reference.reading, "read \(whole), the reference \(reference.reading)")
  }

  static func read(_ bytes: [UInt8], expectsMask: Bool, maximumFrame: Int, piece: Int) -> FrameReading {
    var decoder = WebSocketFrameDecoder(expectsMask: expectsMask, maximumFrame: maximumFrame)
    var reading = FrameReading()
    for start in stride(from: 0, to: bytes.count, by: piece) where reading.fault == nil {
      // Exactly the bytes of the piece, so that the sanitizer sees a step beyond them.
      let part = Array(bytes[start..<min(start + piece, bytes.count)])
      unsafe part.withUnsafeBytes { unsafe read($0, &decoder, &reading) }
    }
    return reading
  }

  static func read(_ bytes: UnsafeRawBufferPointer, _ decoder: inout WebSocketFrameDecoder, _ reading: inout FrameReading) {
    var position = 0
    while true {
      let before = position
      let event = unsafe decoder.next(bytes, position: &position)
      FuzzDriver.expect(position >= before && position <= bytes.count, "the position went from \(before) to \(position)")
      switch event {
      case .needsMore:
        FuzzDriver.expect(position == bytes.count, "bytes are left")
        return
      case .payload(let offset, let count, let mask):
        FuzzDriver.expect(count > 0 && offset >= before && offset + count == position, "payload \(offset) \(count) at \(position)")
        var plain = [UInt8](repeating: 0, count: count)
        // The decoder says that `count` bytes lie at `offset`, which was checked above.
        unsafe plain.withUnsafeMutableBytes { destination in
          guard let from = bytes.baseAddress, let to = destination.baseAddress else { return }
          unsafe (mask ?? WebSocketMask(word: 0)).apply(from: from + offset, to: to, count: count)
        }
        reading.payload += plain
      case .empty: reading.empties += 1
      case .ping: reading.controls.append([9] + decoder.controlPayload)
      case .pong: reading.controls.append([10] + decoder.controlPayload)
      case .close: reading.controls.append([8] + decoder.controlPayload)
      case .fault(let fault):
        reading.fault = fault
        return
      }
      FuzzDriver.expect(decoder.controlPayload.count <= 125, "a control frame of \(decoder.controlPayload.count) bytes")
    }
  }
}

/// What a stream of frames said.
struct FrameReading: Equatable {
  var payload: [UInt8] = []
  /// Opcode, then payload.
  var controls: [[UInt8]] = []
  var empties = 0
  var fault: WebSocketFault?
}
