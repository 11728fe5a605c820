import PicoTunnel

/// Builds frames byte by byte, also those that no honest peer sends, and reads them all back.
enum WebSocketSample {
  enum LengthForm {
    case shortest
    case two
    case eight
  }

  static func frame(
    _ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, reserved: UInt8 = 0, key: [UInt8]? = nil, form: LengthForm = .shortest,
    announced: UInt64? = nil
  ) -> [UInt8] {
    let length = announced ?? UInt64(payload.count)
    let maskBit: UInt8 = key == nil ? 0 : 0x80
    var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode]
    switch form {
    case .shortest where length < 126: bytes.append(maskBit | UInt8(length))
    case .shortest where length > 0xFFFF, .eight:
      bytes.append(maskBit | 127)
      for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: length >> UInt64(shift))) }
    default:
      bytes += [maskBit | 126, UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)]
    }
    guard let key else { return bytes + payload }
    return bytes + key + payload.enumerated().map { $1 ^ key[$0 & 3] }
  }

  static func ramp(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) } }
}

/// What a decoder said about a stream of bytes, with payloads unmasked.
struct DecodedFrames: Equatable {
  var payload: [UInt8] = []
  var pings: [[UInt8]] = []
  var pongs: [[UInt8]] = []
  var closes: [[UInt8]] = []
  var empties = 0
  var fault: WebSocketFault?

  /// Reads chunk after chunk until all are used or a fault shows.
  init(_ chunks: [[UInt8]], expectsMask: Bool, maximumFrame: Int = 16 << 20) {
    var decoder = WebSocketFrameDecoder(expectsMask: expectsMask, maximumFrame: maximumFrame)
    for chunk in chunks {
      guard fault == nil else { return }
      // The buffer is the array's own and is not kept.
      unsafe chunk.withUnsafeBytes { unsafe read($0, &decoder) }
    }
  }

  private mutating func read(_ bytes: UnsafeRawBufferPointer, _ decoder: inout WebSocketFrameDecoder) {
    var position = 0
    while true {
      switch unsafe decoder.next(bytes, position: &position) {
      case .needsMore: return
      case .payload(let offset, let count, let mask):
        for index in 0..<count {
          let key = mask.map { UInt8(truncatingIfNeeded: $0.word >> UInt32((index & 3) * 8)) } ?? 0
          payload.append(unsafe bytes[offset + index] ^ key)
        }
      case .empty: empties += 1
      case .ping: pings.append(decoder.controlPayload)
      case .pong: pongs.append(decoder.controlPayload)
      case .close: closes.append(decoder.controlPayload)
      case .fault(let fault):
        self.fault = fault
        return
      }
    }
  }
}
