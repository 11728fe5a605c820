internal import PicoCore

/// The header of the PROXY protocol, by which a load balancer says who the client is, in version 1 (a line of text) or 2 (binary).
/// Source: HAProxy's proxy-protocol.txt, sections 2.1 and 2.2. Stricter than it where it allows: exact spelling, no addresses of datagrams.
struct ProxyProtocolHeader: Equatable {
  struct Client: Equatable {
    var address: IPAddress
    var port: UInt16
  }

  /// Who connected to the load balancer; nil when it speaks for itself (a health check) or does not know.
  var client: Client?
  /// Bytes that the header takes.
  var length: Int

  enum Outcome: Equatable {
    case incomplete
    case complete(ProxyProtocolHeader)
    case malformed
  }

  /// The longest header that is read. Version 1 never has more than 107 bytes; what version 2 adds beside the addresses has to fit.
  static let maximumLength = 4096

  static func parse(_ bytes: RawSpan) -> Outcome {
    guard bytes.byteCount > 0 else { return .incomplete }
    switch bytes.byte(at: 0) {
    case UInt8(ascii: "P"): return parseLine(bytes)
    case 0x0D: return parseBinary(bytes)
    default: return .malformed
    }
  }

  // MARK: Version 1

  private static let longestLine = 107

  /// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443` CRLF; `TCP6`, or `UNKNOWN` with anything behind it.
  private static func parseLine(_ bytes: RawSpan) -> Outcome {
    let limit = min(bytes.byteCount, longestLine)
    guard begins(bytes, with: Array("PROXY ".utf8)) else { return .malformed }
    guard let lineFeed = (0..<limit).first(where: { bytes.byte(at: $0) == 0x0A }) else {
      return bytes.byteCount < longestLine ? .incomplete : .malformed
    }
    guard lineFeed > 6, bytes.byte(at: lineFeed - 1) == 0x0D else { return .malformed }
    let octets = (6..<lineFeed - 1).map { bytes.byte(at: $0) }
    guard octets.allSatisfy({ (0x20...0x7E).contains($0) }) else { return .malformed }
    let words = String(decoding: octets, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
    if words.first == "UNKNOWN" { return .complete(ProxyProtocolHeader(client: nil, length: lineFeed + 1)) }
    guard words.count == 5, words[0] == "TCP4" || words[0] == "TCP6" else { return .malformed }
    let isIPv4 = words[0] == "TCP4"
    guard let source = address(words[1], isIPv4: isIPv4), address(words[2], isIPv4: isIPv4) != nil, let port = number(words[3]),
      number(words[4]) != nil
    else { return .malformed }
    return .complete(ProxyProtocolHeader(client: Client(address: source, port: port), length: lineFeed + 1))
  }

  private static func address(_ word: Substring, isIPv4: Bool) -> IPAddress? {
    word.contains(":") == isIPv4 ? nil : IPAddress(word)
  }

  /// Decimal without leading zeros.
  private static func number(_ word: Substring) -> UInt16? {
    guard word.utf8.allSatisfy({ (0x30...0x39).contains($0) }), word == "0" || word.first != "0" else { return nil }
    return UInt16(word)
  }

  // MARK: Version 2

  private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

  /// Signature (12 bytes), version and command (1), family and transport (1), length of the rest (2, big endian), addresses, further fields.
  private static func parseBinary(_ bytes: RawSpan) -> Outcome {
    guard begins(bytes, with: signature) else { return .malformed }
    guard bytes.byteCount >= 16 else { return .incomplete }
    let command = bytes.byte(at: 12)
    guard command == 0x20 || command == 0x21 else { return .malformed }
    let end = 16 + Int(bytes.word(at: 14, of: 2))
    guard end <= maximumLength else { return .malformed }
    guard bytes.byteCount >= end else { return .incomplete }
    // LOCAL: the connection is the balancer's own, and what it says of addresses is to be ignored.
    guard command == 0x21 else { return .complete(ProxyProtocolHeader(client: nil, length: end)) }
    let client: Client?
    let addressesEnd: Int
    switch bytes.byte(at: 13) {
    case 0x11:
      addressesEnd = 28
      guard addressesEnd <= end else { return .malformed }
      client = Client(
        address: IPAddress(v4: UInt32(truncatingIfNeeded: bytes.word(at: 16, of: 4))), port: UInt16(bytes.word(at: 24, of: 2)))
    case 0x21:
      addressesEnd = 52
      guard addressesEnd <= end else { return .malformed }
      client = Client(
        address: IPAddress(high: bytes.word(at: 16, of: 8), low: bytes.word(at: 24, of: 8)), port: UInt16(bytes.word(at: 48, of: 2)))
    case 0x00, 0x31:
      // Unspecified, whose rest is unknown, or a Unix socket (two paths of 108 bytes): neither has an address for us.
      addressesEnd = bytes.byte(at: 13) == 0 ? end : 232
      guard addressesEnd <= end else { return .malformed }
      client = nil
    default:
      return .malformed
    }
    guard areFields(bytes, from: addressesEnd, to: end) else { return .malformed }
    return .complete(ProxyProtocolHeader(client: client, length: end))
  }

  /// Type (1), length (2, big endian), value, until the end. A checksum among them (type 3, CRC-32C) must be right.
  private static func areFields(_ bytes: RawSpan, from start: Int, to end: Int) -> Bool {
    var position = start
    while position < end {
      guard position + 3 <= end else { return false }
      let length = Int(bytes.word(at: position + 1, of: 2))
      let value = position + 3
      guard value + length <= end else { return false }
      if bytes.byte(at: position) == 3 {
        guard length == 4, UInt32(truncatingIfNeeded: bytes.word(at: value, of: 4)) == checksum(bytes, end: end, without: value) else {
          return false
        }
      }
      position = value + length
    }
    return true
  }

  /// CRC-32C (RFC 3309, appendix A) of the header with the four bytes of the checksum itself as zeros.
  private static func checksum(_ bytes: RawSpan, end: Int, without field: Int) -> UInt32 {
    var register: UInt32 = ~0
    for offset in 0..<end {
      register ^= (field..<field + 4).contains(offset) ? 0 : UInt32(bytes.byte(at: offset))
      for _ in 0..<8 { register = register & 1 == 1 ? register >> 1 ^ 0x82F6_3B78 : register >> 1 }
    }
    return ~register
  }

  private static func begins(_ bytes: RawSpan, with prefix: [UInt8]) -> Bool {
    (0..<min(bytes.byteCount, prefix.count)).allSatisfy { bytes.byte(at: $0) == prefix[$0] }
  }
}

extension RawSpan {
  /// The byte at an offset that the caller compared with the count.
  fileprivate func byte(at offset: Int) -> UInt8 {
    // `unsafeLoad` checks the bounds; any byte is a UInt8.
    unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// `count` bytes, at most 8, as a big endian number.
  fileprivate func word(at offset: Int, of count: Int) -> UInt64 {
    var word: UInt64 = 0
    for index in offset..<offset + count { word = word << 8 | UInt64(byte(at: index)) }
    return word
  }
}
