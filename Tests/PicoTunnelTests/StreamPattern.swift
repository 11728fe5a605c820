import Glibc

/// Bytes of a stream that can be checked without being kept: what stands at an offset depends on stream and direction.
enum StreamPattern {
  private static let starts = 1 << 16
  private static let table: [UInt8] = {
    var random = SeededGenerator(seed: 99)
    return (0..<starts + 512 << 10).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }()

  /// The bytes from `offset` on; `offset + count` is at most 448 KiB.
  static func bytes(_ id: UInt32, fromNode: Bool, from offset: Int, count: Int) -> ArraySlice<UInt8> {
    let start = (Int(id) &* 7919 &+ (fromNode ? 31_337 : 0)) % starts + offset
    return table[start..<start + count]
  }

  static func matches(_ received: UnsafeRawBufferPointer, _ id: UInt32, fromNode: Bool, from offset: Int) -> Bool {
    let expected = bytes(id, fromNode: fromNode, from: offset, count: received.count)
    return unsafe expected.withUnsafeBytes { wanted in
      guard let left = received.baseAddress, let right = wanted.baseAddress else { return true }
      // Both have `received.count` bytes.
      return unsafe memcmp(left, right, received.count) == 0
    }
  }
}
