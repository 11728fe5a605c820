import PicoCore
import Testing

@testable import PicoServer

/// The header by which a load balancer names the client. Source of the examples: HAProxy's proxy-protocol.txt.
@Suite struct ProxyProtocolHeaderTests {
  private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

  private static func v2(_ command: UInt8, _ family: UInt8, _ rest: [UInt8], length: Int? = nil) -> [UInt8] {
    let length = length ?? rest.count
    return signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + rest
  }

  private static func parse(_ bytes: [UInt8]) -> ProxyProtocolHeader.Outcome {
    let bytes = bytes
    // Every byte of an array of UInt8 is initialised: there is no padding.
    return ProxyProtocolHeader.parse(unsafe bytes.span.bytes)
  }

  private static let ipv4: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 1, 0xDC, 0x04, 0x01, 0xBB]
  private static let ipv6: [UInt8] =
    [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7] + [UInt8](repeating: 0, count: 15) + [1, 0, 80, 1, 0xBB]
  /// A TLV of type 3 with the checksum of `v2(0x21, 0x11, ipv4 + it)`, computed with another implementation.
  private static let checksum: [UInt8] = [3, 0, 4, 0x73, 0x7E, 0xE9, 0x19]

  static let good: [(String, [UInt8], String?, UInt16)] = [
    ("TCP4", Array("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".utf8), "192.0.2.1", 56324),
    ("TCP6", Array("PROXY TCP6 2001:db8::7 ::1 0 65535\r\n".utf8), "2001:db8::7", 0),
    (
      "the longest line",
      Array("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n".utf8),
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535
    ),
    ("unknown", Array("PROXY UNKNOWN\r\n".utf8), nil, 0),
    ("unknown with more", Array("PROXY UNKNOWN ffff::1 what ever\r\n".utf8), nil, 0),
    ("binary TCP4", v2(0x21, 0x11, ipv4), "192.0.2.1", 56324), ("binary TCP6", v2(0x21, 0x21, ipv6), "2001:db8::7", 80),
    ("local", v2(0x20, 0x00, []), nil, 0), ("local with addresses", v2(0x20, 0x11, ipv4), nil, 0),
    ("unspecified", v2(0x21, 0x00, [1, 2, 3]), nil, 0), ("a Unix socket", v2(0x21, 0x31, [UInt8](repeating: 0, count: 216)), nil, 0),
    ("with fields", v2(0x21, 0x11, ipv4 + [4, 0, 2, 9, 9, 0xEA, 0, 0]), "192.0.2.1", 56324),
    ("with a checksum", v2(0x21, 0x11, ipv4 + checksum), "192.0.2.1", 56324),
  ]

  @Test(arguments: good)
  func `a header is read with what follows left alone, and not before it is whole`(
    name: String, bytes: [UInt8], client: String?, port: UInt16
  ) throws {
    let expected = try client.map { ProxyProtocolHeader.Client(address: try #require(IPAddress($0)), port: port) }
    let header = ProxyProtocolHeader.Outcome.complete(ProxyProtocolHeader(client: expected, length: bytes.count))
    #expect(Self.parse(bytes) == header)
    #expect(Self.parse(bytes + Array("GET / HTTP/1.1\r\n".utf8)) == header)
    for count in 0..<bytes.count { #expect(Self.parse(Array(bytes.prefix(count))) == .incomplete, "\(count) bytes") }
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\n", "PROXX", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
    "PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n",
    "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY \r\n",
    "PROXY\r\n",
    "PROXY TCP4\t1.2.3.4 1.2.3.4 1 2\r\n", "PROXY UNKNOWNX\r\n", "\r\n\r\nGET", "\rX",
  ])
  func `a line that is no header is malformed`(line: String) {
    #expect(Self.parse(Array(line.utf8)) == .malformed)
  }

  @Test func `a line over its limit is malformed`() {
    #expect(Self.parse(Array(("PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n").utf8)) != .malformed)
    #expect(Self.parse(Array(("PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n").utf8)) == .malformed)
    #expect(Self.parse(Array(("PROXY UNKNOWN " + String(repeating: "x", count: 200)).utf8)) == .malformed)
  }

  static let bad: [(String, [UInt8])] = [
    ("version 1", v2(0x11, 0x11, ipv4)), ("version 3", v2(0x31, 0x11, ipv4)), ("an unknown command", v2(0x22, 0x11, ipv4)),
    ("datagrams", v2(0x21, 0x12, ipv4)), ("an unknown family", v2(0x21, 0x41, ipv4)),
    ("short addresses", v2(0x21, 0x11, Array(ipv4.dropLast()))),
    ("short addresses of 6", v2(0x21, 0x21, ipv4)), ("half a field", v2(0x21, 0x11, ipv4 + [4, 0])),
    ("a field past the end", v2(0x21, 0x11, ipv4 + [4, 0, 2, 9])), ("too long", v2(0x21, 0x11, [], length: 4081)),
    ("a wrong checksum", v2(0x21, 0x11, ipv4 + [3, 0, 4, 1, 2, 3, 4])), ("a short checksum", v2(0x21, 0x11, ipv4 + [3, 0, 3, 1, 2, 3])),
    ("a wrong signature", [0x0D, 0x0A, 0x0D, 0x0B]),
  ]

  @Test(arguments: bad)
  func `bytes that are no header are malformed`(name: String, bytes: [UInt8]) {
    #expect(Self.parse(bytes) == .malformed)
  }
}
