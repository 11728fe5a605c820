/// Reads a proxy's answer to CONNECT, however it is split.
///
/// A success (2xx) has no body, whatever its fields say: what follows the head is the connection's own. Source: RFC 9110 section 9.3.6.
struct ProxyAnswer {
  enum Outcome: Equatable {
    case needsMore
    /// The connection is open; `rest` came behind the head and belongs to it.
    case open(rest: [UInt8])
    /// The reason phrase is from outside: escape it before it is printed.
    case refused(status: Int, reason: String)
    case malformed
    case headTooLarge
  }

  static let maximumHead = 16 << 10

  private var bytes: [UInt8] = []
  /// Where the last four bytes of a head may begin at the earliest.
  private var start = 0

  mutating func receive(_ more: some Sequence<UInt8>) -> Outcome {
    bytes.append(contentsOf: more)
    while let end = endOfHead() {
      guard end <= Self.maximumHead else { return .headTooLarge }
      guard let (status, reason) = Self.parse(bytes[..<end]) else { return .malformed }
      switch status {
      case 100..<200:
        bytes.removeFirst(end)
        start = 0
      case 200..<300: return .open(rest: Array(bytes[end...]))
      default: return .refused(status: status, reason: reason)
      }
    }
    // What does not begin like an answer will not become one.
    guard "HTTP/1.".utf8.starts(with: bytes.prefix(7)) else { return .malformed }
    return bytes.count > Self.maximumHead ? .headTooLarge : .needsMore
  }

  private mutating func endOfHead() -> Int? {
    while start + 4 <= bytes.count {
      if bytes[start..<start + 4].elementsEqual("\r\n\r\n".utf8) { return start + 4 }
      start += 1
    }
    return nil
  }

  /// `HTTP/1.0` or `HTTP/1.1`, a status and perhaps a reason, then fields, which say nothing that is needed here. Lines end with CRLF.
  private static func parse(_ head: ArraySlice<UInt8>) -> (status: Int, reason: String)? {
    var previous: UInt8 = 0
    for byte in head {
      guard byte >= 0x20 && byte != 0x7F || byte == 0x0D || byte == 0x09 || byte == 0x0A && previous == 0x0D else { return nil }
      guard previous != 0x0D || byte == 0x0A else { return nil }
      previous = byte
    }
    let line = head.prefix { $0 != 0x0D }
    guard line.starts(with: "HTTP/1.0 ".utf8) || line.starts(with: "HTTP/1.1 ".utf8) else { return nil }
    let digits = line.dropFirst(9).prefix(3)
    guard digits.count == 3, digits.allSatisfy({ (0x30...0x39).contains($0) }), line.count == 12 || line.dropFirst(12).first == 0x20 else {
      return nil
    }
    let status = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    return (100...599).contains(status) ? (status, String(decoding: line.dropFirst(13), as: UTF8.self)) : nil
  }
}
