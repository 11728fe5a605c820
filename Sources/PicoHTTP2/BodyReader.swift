package import NIOHPACK
package import PicoHTTP

/// Takes the framing of HTTP/1.1 off a body, as a value: which of the bytes are payload, and where it ends, with which trailers.
package struct BodyReader: Sendable {
  package enum Event: Equatable, Sendable {
    /// Payload, at these offsets of the bytes given; never empty.
    case payload(Range<Int>)
    case needsMore
    case ended(trailers: HPACKHeaders?)
    case failed(HTTPFault)
  }

  private let kind: BodyFraming.Kind
  private var left: Int64
  private var chunks = ChunkedDecoder()
  private var trailers: [UInt8] = []
  private var isEnded = false

  package init(_ kind: BodyFraming.Kind) {
    self.kind = kind
    if case .length(let length) = kind { left = length } else { left = 0 }
  }

  /// Reads on from `offset` and moves it behind what was read. Call it again after a payload, with the same bytes.
  package mutating func next(_ bytes: RawSpan, at offset: inout Int) -> Event {
    guard !isEnded else { return .ended(trailers: nil) }
    switch kind {
    case .length:
      guard left > 0 else { return end() }
      guard offset < bytes.byteCount else { return .needsMore }
      let count = Int(min(left, Int64(bytes.byteCount - offset)))
      left -= Int64(count)
      return take(count, at: &offset)
    case .untilClose:
      guard offset < bytes.byteCount else { return .needsMore }
      return take(bytes.byteCount - offset, at: &offset)
    case .chunked:
      let before = chunks.trailerBytes
      let event = chunks.next(bytes, at: &offset)
      // All bytes of the section stand together, at the end of what was read.
      for index in offset - (chunks.trailerBytes - before)..<offset { trailers.append(bytes.byte(index)) }
      switch event {
      case .payload(let slice): return .payload(slice.range)
      case .needsMore: return .needsMore
      case .failed(let fault): return .failed(fault)
      case .ended: return end()
      }
    }
  }

  private func take(_ count: Int, at offset: inout Int) -> Event {
    defer { offset += count }
    return .payload(offset..<offset + count)
  }

  private mutating func end() -> Event {
    isEnded = true
    // The empty line alone is none.
    guard trailers.count > 2 else { return .ended(trailers: nil) }
    return .ended(trailers: HPACKHeaders(trailerLines: trailers))
  }
}

extension HPACKHeaders {
  /// Lines that `ChunkedDecoder` found to be whole.
  init(trailerLines lines: [UInt8]) {
    self.init()
    for line in lines.split(separator: UInt8(ascii: "\n")) {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let name = line[..<colon].map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
      var value = line[line.index(after: colon)...]
      while let last = value.last, last <= 0x20 { value.removeLast() }
      while let first = value.first, first <= 0x20 { value.removeFirst() }
      add(name: String(decoding: name, as: UTF8.self), value: String(decoding: value, as: UTF8.self))
    }
  }
}
