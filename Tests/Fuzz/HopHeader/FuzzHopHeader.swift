import FuzzDriver
import NIOCore
import PicoCluster
import PicoCore

/// The header of a hop must read the same however it is split, and mean the same when written again.
@main
struct FuzzHopHeader {
  static func main() {
    let status = FuzzDriver.run { input in
      let bytes = Array(input)
      let whole = HopHeader.read(ByteBuffer(bytes: bytes))
      var settled: HopHeader.Reading?
      for count in 0...bytes.count {
        let reading = HopHeader.read(ByteBuffer(bytes: bytes.prefix(count)))
        if let settled { FuzzDriver.expect(reading == settled, "\(reading) after \(settled) with \(count) bytes") }
        if reading != .needsMore { settled = settled ?? reading }
      }
      FuzzDriver.expect(settled ?? .needsMore == whole, "\(whole) at once, \(String(describing: settled)) byte by byte")
      guard case .whole(let header, let length) = whole else { return }
      FuzzDriver.expect(length <= bytes.count && length <= 4 + 2 * EndpointID.maximumLength, "\(length) of \(bytes.count) bytes")
      FuzzDriver.expect(HopHeader.read(ByteBuffer(bytes: header.bytes)) == .whole(header, length: length), "written again: \(header)")
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }
}
