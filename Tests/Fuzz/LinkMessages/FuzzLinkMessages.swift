import FuzzDriver
import NIOCore
import PicoCluster

/// A conversation must be cut into the same messages however its bytes come, and messages that are framed come out as they were.
@main
struct FuzzLinkMessages {
  static func main() {
    let status = FuzzDriver.run { input in
      // The first byte says where to cut.
      guard let cut = input.first else { return }
      let bytes = Array(input.dropFirst())
      let whole = read(bytes, pieceSize: max(bytes.count, 1))
      let pieces = read(bytes, pieceSize: Int(cut % 16) + 1)
      FuzzDriver.expect(whole == pieces, "whole \(whole), in pieces \(pieces)")
      let again = whole.messages.flatMap { LinkMessages.frame($0) }
      FuzzDriver.expect(bytes.starts(with: again), "framed again: \(whole)")
      guard !whole.isTooLong else { return }
      FuzzDriver.expect(whole.left < 4 || whole.left < 4 + length(bytes.dropFirst(again.count)), "a whole message was left")
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }

  struct Reading: Equatable {
    var messages: [[UInt8]] = []
    /// Bytes behind the last message.
    var left = 0
    var isTooLong = false
  }

  static func read(_ bytes: [UInt8], pieceSize: Int) -> Reading {
    var conversation = LinkMessages()
    var reading = Reading()
    for start in stride(from: 0, to: bytes.count, by: pieceSize) {
      conversation.append(ByteBuffer(bytes: bytes[start..<min(start + pieceSize, bytes.count)]))
      do throws(LinkMessages.TooLong) {
        while let message = try conversation.next() { reading.messages.append(Array(message.readableBytesView)) }
      } catch {
        reading.isTooLong = true
        break
      }
    }
    reading.left = bytes.count - reading.messages.reduce(0) { $0 + 4 + $1.count }
    // Where it ends with a fault, how much has come by then depends on the cuts.
    if reading.isTooLong { reading.left = 0 }
    return reading
  }

  static func length(_ bytes: ArraySlice<UInt8>) -> Int { bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) } }
}
