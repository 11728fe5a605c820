/// Reads the chunked coding (RFC 9112 section 7.1), split anywhere, and says where the payload is. Stricter than the RFC where parsers
/// differ: no white space in a chunk line, lines end with CRLF only, and a trailer may not be a field that decides framing, routing or
/// credentials.
///
///     size ─┬─────────────┬─► data ─► end of data ─► size
///           └─► extension ┘   (size 0) ─► trailer lines ─► ended
package struct ChunkedDecoder: Sendable {
  package enum Event: Equatable, Sendable {
    /// Payload, at these offsets of the bytes given; never empty.
    case payload(HeadSlice)
    case needsMore
    case ended
    case failed(HTTPFault)
  }

  static let maxLine = 512
  static let maxTrailers = 32 * 1024

  enum State: Equatable, Sendable {
    case size
    case extensionNameStart
    case extensionName
    case extensionValueStart
    case extensionValue
    case quoted
    case quotedPair
    case afterQuoted
    case sizeLineFeed
    case data
    case dataReturn
    case dataLineFeed
    case trailerStart
    case trailerName
    case trailerValue
    case trailerLineFeed
    case lastLineFeed
    case ended
    case failed(HTTPFault)
  }

  private(set) var state = State.size
  /// The size of the chunk, then what is left of it.
  private var remaining: Int64 = 0
  private var digits = 0
  private var lineBytes = 0
  /// Read of the trailer section, with its empty line.
  package internal(set) var trailerBytes = 0
  /// The name of the trailer that is being read, as far as it can matter.
  var name = InlineArray<32, UInt8>(repeating: 0)
  var nameCount = 0

  package init() {}

  /// Reads on from `offset` and moves it behind what was read. Call it again after a payload, with the same bytes.
  package mutating func next(_ bytes: RawSpan, at offset: inout Int) -> Event {
    while true {
      switch state {
      case .ended: return .ended
      case .failed(let fault): return .failed(fault)
      case .data:
        guard offset < bytes.byteCount else { return .needsMore }
        let count = min(Int(truncatingIfNeeded: min(remaining, Int64(Int32.max))), bytes.byteCount - offset)
        let payload = HeadSlice(start: offset, count: count)
        offset += count
        remaining -= Int64(count)
        if remaining == 0 { state = .dataReturn }
        return .payload(payload)
      case .trailerValue:
        let start = offset
        offset = bytes.endOfFieldText(from: offset, to: bytes.byteCount)
        trailerBytes += offset - start
        guard trailerBytes <= Self.maxTrailers else {
          state = .failed(.trailersTooLarge)
          continue
        }
      default: break
      }
      guard offset < bytes.byteCount else { return .needsMore }
      let octet = bytes.byte(offset)
      offset += 1
      step(octet)
    }
  }

  private mutating func step(_ octet: UInt8) {
    switch state {
    case .size, .extensionNameStart, .extensionName, .extensionValueStart, .extensionValue, .quoted, .quotedPair, .afterQuoted,
      .sizeLineFeed:
      lineBytes += 1
      guard lineBytes <= Self.maxLine else {
        state = .failed(.chunkLineTooLong)
        return
      }
      state = state == .size ? afterSize(octet) : afterExtension(octet)
    case .dataReturn: state = octet == Octets.carriageReturn ? .dataLineFeed : .failed(.badChunkEnd)
    case .dataLineFeed:
      state = octet == Octets.lineFeed ? .size : .failed(.badChunkEnd)
      digits = 0
      lineBytes = 0
    case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .lastLineFeed: state = afterTrailer(octet)
    case .data, .ended, .failed: break
    }
  }

  private mutating func afterSize(_ octet: UInt8) -> State {
    if let digit = Octets.hexValue(octet) {
      // 15 digits and the sign never overflow; leading zeros count as digits.
      guard digits < 15 else { return .failed(.chunkSizeTooLarge) }
      digits += 1
      remaining = remaining << 4 | Int64(digit)
      return .size
    }
    guard digits > 0 else { return .failed(.badChunkSize) }
    switch octet {
    case Octets.carriageReturn: return .sizeLineFeed
    case UInt8(ascii: ";"): return .extensionNameStart
    default: return .failed(.badChunkSize)
    }
  }

  /// RFC 9112 section 7.1.1, without its "bad" white space.
  private mutating func afterExtension(_ octet: UInt8) -> State {
    let isToken = OctetSet.token.contains(octet)
    switch (state, octet) {
    case (.sizeLineFeed, Octets.lineFeed):
      trailerBytes = 0
      return remaining == 0 ? .trailerStart : .data
    case (.extensionName, Octets.carriageReturn), (.extensionValue, Octets.carriageReturn), (.afterQuoted, Octets.carriageReturn):
      return .sizeLineFeed
    case (.extensionName, UInt8(ascii: ";")), (.extensionValue, UInt8(ascii: ";")), (.afterQuoted, UInt8(ascii: ";")):
      return .extensionNameStart
    case (.extensionName, UInt8(ascii: "=")): return .extensionValueStart
    case (.extensionValueStart, UInt8(ascii: "\"")): return .quoted
    case (.quoted, UInt8(ascii: "\"")): return .afterQuoted
    case (.quoted, UInt8(ascii: "\\")): return .quotedPair
    case (.quoted, _), (.quotedPair, _):
      guard octet >= 0x20 && octet != 0x7f || octet == Octets.tab else { return .failed(.badChunkExtension) }
      return .quoted
    case (.extensionNameStart, _) where isToken, (.extensionName, _) where isToken: return .extensionName
    case (.extensionValueStart, _) where isToken, (.extensionValue, _) where isToken: return .extensionValue
    case (.sizeLineFeed, _): return .failed(.badChunkSize)
    default: return .failed(.badChunkExtension)
    }
  }
}
