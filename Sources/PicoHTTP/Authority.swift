/// `host [":" port]` (RFC 3986 section 3.2), as in `Host` and in an absolute-form target. Stricter than the RFC where parsers differ:
/// no user, no percent-encoding, no sub-delimiters, and a host is never empty.
struct Authority: Equatable {
  /// Without the brackets of an IPv6 literal.
  var host: HeadSlice
  /// Digits, maybe none.
  var port: HeadSlice
  var isIPv6: Bool

  /// nil if `slice` is no authority.
  init?(_ slice: HeadSlice, in bytes: RawSpan) {
    var offset = Int(slice.start)
    let end = slice.end
    guard offset < end else { return nil }
    isIPv6 = bytes.byte(offset) == UInt8(ascii: "[")
    if isIPv6 {
      offset += 1
      let start = offset
      while offset < end, OctetSet.ipv6.contains(bytes.byte(offset)) { offset += 1 }
      guard offset < end, bytes.byte(offset) == UInt8(ascii: "]"), offset - start >= 2 else { return nil }
      host = HeadSlice(start: start, count: offset - start)
      offset += 1
    } else {
      let start = offset
      while offset < end, OctetSet.unreserved.contains(bytes.byte(offset)) { offset += 1 }
      guard offset > start else { return nil }
      host = HeadSlice(start: start, count: offset - start)
    }
    port = HeadSlice(start: end, count: 0)
    guard offset < end else { return }
    guard bytes.byte(offset) == UInt8(ascii: ":") else { return nil }
    port = HeadSlice(start: offset + 1, count: end - offset - 1)
    guard port.count <= 5, Self.number(port, bytes) != nil else { return nil }
  }

  /// The port in figures, or `other` when none is given; nil unless digits up to 65535.
  static func number(_ port: HeadSlice, _ bytes: RawSpan, or other: Int = 0) -> Int? {
    guard !port.isEmpty else { return other }
    var number = 0
    for offset in port.range {
      let octet = bytes.byte(offset)
      guard Octets.isDigit(octet) else { return nil }
      number = number * 10 + Int(octet &- 0x30)
    }
    return number <= 65535 ? number : nil
  }

  /// The same host and port, where a missing port is `defaultPort`.
  func agrees(with other: Authority, in bytes: RawSpan, defaultPort: Int) -> Bool {
    isIPv6 == other.isIPv6 && bytes.equalsFolded(host, other.host)
      && Self.number(port, bytes, or: defaultPort) == Self.number(other.port, bytes, or: defaultPort)
  }

  /// A name whose last label is a number is an IPv4 address to some resolver (WHATWG URL, "ends in a number").
  func isAddress(in bytes: RawSpan) -> Bool {
    guard !isIPv6 else { return true }
    var last = host.end
    if last > Int(host.start), bytes.byte(last - 1) == UInt8(ascii: ".") { last -= 1 }
    var first = last
    while first > Int(host.start), bytes.byte(first - 1) != UInt8(ascii: ".") { first -= 1 }
    guard first < last else { return false }
    if last - first > 2, bytes.byte(first) == UInt8(ascii: "0"), bytes.byte(first + 1) | 0x20 == UInt8(ascii: "x") {
      first += 2
      return (first..<last).allSatisfy { Octets.hexValue(bytes.byte($0)) != nil }
    }
    return (first..<last).allSatisfy { Octets.isDigit(bytes.byte($0)) }
  }
}
