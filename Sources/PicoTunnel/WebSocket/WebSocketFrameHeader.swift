package enum WebSocketOpcode: UInt8, Sendable {
  case continuation = 0x0
  case text = 0x1
  case binary = 0x2
  case close = 0x8
  case ping = 0x9
  case pong = 0xA

  package var isControl: Bool { rawValue & 0x8 != 0 }
}

/// Why a tunnel's WebSocket is ended, as the status code of RFC 6455 section 7.4 that is sent in the Close frame.
package enum WebSocketFault: UInt16, Error, Equatable, Sendable {
  /// Reserved bits, an unknown opcode, a fragmented or long control frame, a length in the wrong form, or masking that is not
  /// the role's.
  case protocolError = 1002
  /// A text message: a tunnel carries bytes.
  case unsupportedData = 1003
  /// A frame longer than the limit.
  case messageTooBig = 1009
}

/// Writes frame headers: 2, 4 or 10 bytes, and 4 more for the key of a masked one (RFC 6455 section 5.2).
package enum WebSocketFrameHeader {
  /// The longest header: 2 + 8 + 4 bytes. Room of this size is left in front of every message under construction.
  package static let maximumLength = 14
  /// A whole Close frame of a server with status 1001, going away (RFC 6455 section 7.4.1).
  package static let goingAway: [UInt8] = [0x88, 0x02, 0x03, 0xE9]

  @inline(__always)
  package static func length(payload: Int, masked: Bool) -> Int {
    (payload < 126 ? 2 : payload <= 0xFFFF ? 4 : 10) &+ (masked ? 4 : 0)
  }

  /// Writes the header of one whole message (FIN set) at `destination`, which has `length(payload:masked:)` bytes.
  package static func write(
    opcode: WebSocketOpcode, payload: Int, mask: WebSocketMask?, to destination: UnsafeMutableRawPointer
  ) {
    let maskBit: UInt8 = mask == nil ? 0 : 0x80
    var offset = 2
    unsafe destination.storeBytes(of: 0x80 | opcode.rawValue, as: UInt8.self)
    if payload < 126 {
      unsafe destination.storeBytes(of: maskBit | UInt8(payload), toByteOffset: 1, as: UInt8.self)
    } else if payload <= 0xFFFF {
      unsafe destination.storeBytes(of: maskBit | 126, toByteOffset: 1, as: UInt8.self)
      unsafe destination.storeBytes(of: UInt16(payload).bigEndian, toByteOffset: 2, as: UInt16.self)
      offset = 4
    } else {
      unsafe destination.storeBytes(of: maskBit | 127, toByteOffset: 1, as: UInt8.self)
      unsafe destination.storeBytes(of: UInt64(payload).bigEndian, toByteOffset: 2, as: UInt64.self)
      offset = 10
    }
    if let mask {
      unsafe destination.storeBytes(of: mask.word.littleEndian, toByteOffset: offset, as: UInt32.self)
    }
  }
}
