/// The 4-byte key of RFC 6455 section 5.3, kept in the order of the wire.
package struct WebSocketMask: Equatable, Sendable {
  /// The four key bytes as they are sent, first byte in the lowest bits.
  package var word: UInt32

  package init(word: UInt32) { self.word = word }

  /// The key turned so that it fits a payload from which `count` bytes were already taken.
  @inline(__always)
  package func advanced(by count: Int) -> WebSocketMask {
    let shift = UInt32(truncatingIfNeeded: (count & 3) &* 8)
    return shift == 0 ? self : WebSocketMask(word: (word >> shift) | (word << (32 &- shift)))
  }

  /// XORs `source` with the key into `destination`, which has at least as many bytes; they may be the same memory.
  ///
  /// 32 bytes a step, then words, then bytes. Loads and stores are unaligned.
  @inline(__always)
  package func apply(from source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, count: Int) {
    var index = 0
    let wide = SIMD8<UInt32>(repeating: word)
    // Every access below stays under `count`, which the caller guarantees for both pointers.
    while index &+ 32 <= count {
      let block = unsafe source.loadUnaligned(fromByteOffset: index, as: SIMD8<UInt32>.self)
      unsafe destination.storeBytes(of: block ^ wide, toByteOffset: index, as: SIMD8<UInt32>.self)
      index &+= 32
    }
    while index &+ 4 <= count {
      let block = unsafe source.loadUnaligned(fromByteOffset: index, as: UInt32.self)
      unsafe destination.storeBytes(of: block ^ word, toByteOffset: index, as: UInt32.self)
      index &+= 4
    }
    var rest = word
    while index < count {
      let byte = unsafe source.loadUnaligned(fromByteOffset: index, as: UInt8.self)
      unsafe destination.storeBytes(of: byte ^ UInt8(truncatingIfNeeded: rest), toByteOffset: index, as: UInt8.self)
      rest >>= 8
      index &+= 1
    }
  }
}
