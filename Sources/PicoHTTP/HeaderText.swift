package import NIOCore

/// A short header value kept in place, without heap: a request ID, the address of a client.
package struct HeaderText: Sendable {
  /// Bytes it can hold.
  package static var capacity: Int { 128 }

  private var octets = InlineArray<128, UInt8>(repeating: 0)
  package private(set) var count = 0

  /// Empty.
  package init() {}

  /// nil if it is longer than `capacity`, or holds a character that no field value may hold.
  package init?(_ text: some StringProtocol) {
    // Made at once: written byte by byte, an optimised build left it empty (Swift 6.3.1).
    let given = Array(text.utf8)
    guard given.count <= Self.capacity, given.allSatisfy({ ($0 >= 0x20 || $0 == Octets.tab) && $0 != 0x7f }) else { return nil }
    octets = InlineArray { $0 < given.count ? given[$0] : 0 }
    count = given.count
  }

  /// A slice of a head, for example its request ID; cut at `capacity`.
  package init(_ slice: HeadSlice, of bytes: RawSpan) {
    let given = slice.range.prefix(Self.capacity)
    octets = InlineArray { $0 < given.count ? bytes.byte(given.startIndex + $0) : 0 }
    count = given.count
  }

  /// 128 bits as 32 hexadecimal digits.
  package init(hexadecimal high: UInt64, _ low: UInt64) {
    for index in 0..<16 {
      octets[index] = Octets.hexDigit(UInt8(truncatingIfNeeded: high &>> UInt64(60 - 4 * index) & 15))
      octets[index + 16] = Octets.hexDigit(UInt8(truncatingIfNeeded: low &>> UInt64(60 - 4 * index) & 15))
    }
    count = 32
  }

  package var isEmpty: Bool { count == 0 }

  package func write(into out: inout ByteBuffer) {
    // Every byte of an array of UInt8 is initialised: there is no padding.
    out.writeBytes(unsafe octets.span.bytes.extracting(0..<count))
  }

  @inline(__always)
  func write(_ writer: inout HeadWriter) {
    // As above.
    writer.append(unsafe octets.span.bytes, 0..<count)
  }

  /// For logs.
  package var text: String {
    // As above.
    HeadSlice(start: 0, count: count).text(in: unsafe octets.span.bytes)
  }
}

extension Octets {
  static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? value + 0x30 : value + 0x57 }
}
