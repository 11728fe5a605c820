internal import PicoCore

/// The trace that a request is part of, and the span that is its parent: `traceparent` of W3C Trace Context (www.w3.org/TR/trace-context).
package struct TraceContext: Hashable, Sendable {
  /// The trace's ID: two halves, not both zero.
  package var traceHigh: UInt64
  package var traceLow: UInt64
  /// Never zero.
  package var spanID: UInt64
  /// Its sender records it, and wants others to.
  package var isSampled: Bool

  package init(traceHigh: UInt64, traceLow: UInt64, spanID: UInt64, isSampled: Bool) {
    self.traceHigh = traceHigh
    self.traceLow = traceLow
    self.spanID = spanID
    self.isSampled = isSampled
  }

  /// Of a new trace.
  package static func random(isSampled: Bool) -> TraceContext {
    TraceContext(traceHigh: .random(in: 1 ... .max), traceLow: .random(in: 0 ... .max), spanID: randomSpanID(), isSampled: isSampled)
  }

  package static func randomSpanID() -> UInt64 { .random(in: 1 ... .max) }

  /// Bytes of the value, as Pico writes it.
  private static let length = 55

  /// nil for what counts as no context: another form, digits in upper case, an ID of zeros, version ff. A later version is read as far as it is
  /// like this one.
  package init?(_ slice: HeadSlice, in bytes: RawSpan) {
    guard Int(slice.count) >= Self.length else { return nil }
    let start = Int(slice.start)
    func number(_ offset: Int, _ digits: Int) -> UInt64? {
      var value: UInt64 = 0
      for index in offset..<(offset + digits) {
        let octet = bytes.byte(start + index)
        switch octet {
        case 0x30...0x39: value = value << 4 | UInt64(octet &- 0x30)
        case 0x61...0x66: value = value << 4 | UInt64(octet &- 0x57)
        default: return nil
        }
      }
      return value
    }
    let dash = UInt8(ascii: "-")
    guard bytes.byte(start + 2) == dash, bytes.byte(start + 35) == dash, bytes.byte(start + 52) == dash,
      let version = number(0, 2), version != 0xff, let high = number(3, 16), let low = number(19, 16), high | low != 0,
      let span = number(36, 16), span != 0, let flags = number(53, 2)
    else { return nil }
    if Int(slice.count) > Self.length { guard version > 0, bytes.byte(start + Self.length) == dash else { return nil } }
    self.init(traceHigh: high, traceLow: low, spanID: span, isSampled: flags & 1 == 1)
  }

  /// As above, of a text.
  package init?(_ text: String) {
    let octets = Array(text.utf8)
    // Every byte of an array of UInt8 is initialised: there is no padding.
    guard let context = Self(HeadSlice(start: 0, count: octets.count), in: unsafe octets.span.bytes) else { return nil }
    self = context
  }

  /// The value of `traceparent`, in version 00.
  package var text: String { String(decoding: (0..<Self.length).map(octet), as: UTF8.self) }

  private func octet(_ index: Int) -> UInt8 {
    switch index {
    case 2, 35, 52: UInt8(ascii: "-")
    case 3..<19: Hexadecimal.digit(traceHigh >> UInt64(4 * (18 - index)))
    case 19..<35: Hexadecimal.digit(traceLow >> UInt64(4 * (34 - index)))
    case 36..<52: Self.digit(ofSpan: spanID, index - 36)
    case 54: isSampled ? UInt8(ascii: "1") : UInt8(ascii: "0")
    default: UInt8(ascii: "0")
    }
  }

  private static func digit(ofSpan id: UInt64, _ index: Int) -> UInt8 { Hexadecimal.digit(id >> UInt64(4 * (15 - index))) }

  /// The whole field, with its line's end.
  func write(_ writer: inout HeadWriter) {
    writer.append(Self.name)
    let octets = InlineArray<55, UInt8> { octet($0) }
    // Every byte of an array of UInt8 is initialised: there is no padding.
    writer.append(unsafe octets.span.bytes, 0..<Self.length)
    writer.append("\r\n")
  }

  private static let name: StaticString = "traceparent: "

  // MARK: In a head that another node wrote

  /// What the first field of a head says.
  package enum FirstField: Equatable, Sendable {
    /// More bytes are needed to tell.
    case undecided
    /// It is not one that a node with tracing has written.
    case other
    /// The ID of the span is at that place, 16 digits long.
    case context(TraceContext, spanIDAt: Int)
  }

  /// Looks at the first field alone: a node that records a request writes its own there.
  package static func firstField(of bytes: RawSpan) -> FirstField {
    guard let lineEnd = bytes.firstLineFeed(from: 0, to: bytes.byteCount) else { return .undecided }
    let start = lineEnd + 1
    let value = start + name.utf8CodeUnitCount
    let isName = name.withUTF8Buffer { expected in
      // Offsets are below the count of `expected`, and the span checks its own.
      for offset in 0..<min(expected.count, bytes.byteCount - start) where unsafe bytes.byte(start + offset) != expected[offset] {
        return false
      }
      return true
    }
    guard isName else { return .other }
    guard bytes.byteCount >= value + length else { return .undecided }
    guard let context = TraceContext(HeadSlice(start: value, count: length), in: bytes) else { return .other }
    return .context(context, spanIDAt: value + 36)
  }

  /// The digits of a span's ID.
  package static func digits(ofSpan id: UInt64) -> [UInt8] { (0..<16).map { digit(ofSpan: id, $0) } }
}
