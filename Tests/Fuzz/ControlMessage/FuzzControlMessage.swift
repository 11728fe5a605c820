import FuzzDriver
import PicoTunnel

/// Control messages must read the same however they are split, stay within their limits, and mean the same when written again.
@main
struct FuzzControlMessage {
  static func main() {
    let status = FuzzDriver.run { input in
      // The first byte says where to cut; its lowest bit asks for one message of all the rest, so that JSON is reached at once.
      guard let choice = input.first else { return }
      let rest = Array(input.dropFirst())
      let count = UInt32(rest.count)
      let length: [UInt8] = choice & 1 == 0 ? [] : [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> UInt32($0)) }
      check(length + rest, piece: Int(choice >> 1) + 1)
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }

  struct Reading: Equatable {
    var messages: [ControlMessage] = []
    var fault: ControlFault?
  }

  static func check(_ bytes: [UInt8], piece: Int) {
    let pieces = read(bytes, piece: piece)
    let single = read(bytes, piece: 1)
    FuzzDriver.expect(pieces.fault == single.fault, "\(pieces) in pieces of \(piece), \(single) byte by byte")
    // A call that fails hands out nothing, so larger pieces may lose the messages just before a fault.
    FuzzDriver.expect(pieces.messages == Array(single.messages.prefix(pieces.messages.count)), "\(pieces), \(single)")
    FuzzDriver.expect(pieces.fault != nil || pieces == single, "\(pieces), \(single)")
    FuzzDriver.expect(single.messages.count <= ControlMessage.maximumRate, "\(single.messages.count) messages in a second")
    for message in single.messages {
      checkLimits(message)
      let frame = ControlDecoder.frame(message)
      FuzzDriver.expect(frame.count <= ControlMessage.maximumLength + 4, "\(frame.count) bytes for \(message)")
      if case .unknown = message { continue }
      FuzzDriver.expect(read(frame, piece: frame.count) == Reading(messages: [message]), "written again: \(message)")
    }
  }

  static func checkLimits(_ message: ControlMessage) {
    switch message {
    case .hello(let hello):
      let size = hello.metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
      FuzzDriver.expect((1...128).contains(hello.agentID.utf8.count) && hello.version.utf8.count <= 64 && size <= 2048, "\(hello)")
      FuzzDriver.expect((1...100).contains(hello.weight), "weight \(hello.weight)")
    case .health(_, let reason): FuzzDriver.expect(reason.unicodeScalars.count <= 256, "a long reason")
    case .drain(let milliseconds): FuzzDriver.expect((0...60_000).contains(milliseconds), "\(milliseconds) ms")
    case .blocked(let seconds, let reason):
      FuzzDriver.expect((0...3600).contains(seconds) && reason.unicodeScalars.count <= 256, "\(seconds) s")
    case .unknown(let type): FuzzDriver.expect(type.unicodeScalars.count <= 64, "a long type")
    case .notSent, .leaving: break
    }
  }

  static func read(_ bytes: [UInt8], piece: Int) -> Reading {
    var decoder = ControlDecoder()
    var reading = Reading()
    for start in stride(from: 0, to: bytes.count, by: max(piece, 1)) {
      let part = Array(bytes[start..<min(start + max(piece, 1), bytes.count)])
      // The part is alive for the call.
      let fault: ControlFault? = unsafe part.withUnsafeBytes { raw in
        do throws(ControlFault) {
          reading.messages += try unsafe decoder.decode(raw, now: 1)
          return nil
        } catch { return error }
      }
      guard fault == nil else {
        reading.fault = fault
        return reading
      }
    }
    return reading
  }
}
