/// Lower case hexadecimal, most significant digit first.
package enum Hexadecimal {
  /// The ASCII digit of the low four bits.
  @inlinable
  package static func digit(_ nibble: UInt64) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: nibble & 15)
    return value < 10 ? 0x30 &+ value : 0x57 &+ value
  }

  /// 16 digits.
  package static func text(_ value: UInt64) -> String {
    // 16 digits are exactly the capacity that is asked for, and all are initialised.
    unsafe String(unsafeUninitializedCapacity: 16) { buffer in
      for index in 0..<16 { unsafe buffer[index] = digit(value >> UInt64(60 - 4 * index)) }
      return 16
    }
  }

  /// Two digits a byte.
  package static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.flatMap { [digit(UInt64($0) >> 4), digit(UInt64($0))] }, as: UTF8.self)
  }

  /// `nil` unless the text is lower case digits, two for each byte.
  package static func bytes(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var high: UInt8?
    for byte in text.utf8 {
      let nibble: UInt8
      switch byte {
      case 0x30...0x39: nibble = byte - 0x30
      case 0x61...0x66: nibble = byte - 0x57
      default: return nil
      }
      if let first = high {
        bytes.append(first << 4 | nibble)
        high = nil
      } else {
        high = nibble
      }
    }
    return high == nil ? bytes : nil
  }

  /// `nil` unless the text is exactly 16 lower case digits.
  package static func value(_ text: Substring) -> UInt64? {
    guard text.utf8.count == 16 else { return nil }
    var value: UInt64 = 0
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39: value = value << 4 | UInt64(byte - 0x30)
      case 0x61...0x66: value = value << 4 | UInt64(byte - 0x57)
      default: return nil
      }
    }
    return value
  }
}
