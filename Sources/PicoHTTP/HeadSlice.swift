/// A run of bytes of one head, as offsets from the first byte that was given to the parser. It stays right when the buffer
/// moves, as long as the reader still starts at the same byte.
package struct HeadSlice: Equatable, Hashable, Sendable {
  package var start: Int32
  package var count: Int32

  package init(start: Int, count: Int) {
    self.start = Int32(truncatingIfNeeded: start)
    self.count = Int32(truncatingIfNeeded: count)
  }

  package var range: Range<Int> { Int(start)..<end }
  package var end: Int { Int(start) + Int(count) }
  package var isEmpty: Bool { count == 0 }

  /// The bytes as text, for logs and tests; never on the path of a request.
  package func text(in bytes: RawSpan) -> String {
    var octets: [UInt8] = []
    for offset in range where offset < bytes.byteCount { octets.append(bytes.byte(offset)) }
    return String(decoding: octets, as: UTF8.self)
  }
}
