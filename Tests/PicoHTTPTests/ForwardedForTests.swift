import NIOCore
import PicoCore
import Testing

@testable import PicoHTTP

@Suite struct ForwardedForTests {
  /// 10.0.0.0/8 is trusted.
  static let lists: [(lines: [String], client: String?)] = [
    ([], nil), (["192.0.2.1"], "192.0.2.1"), (["203.0.113.9, 192.0.2.1"], "192.0.2.1"), (["192.0.2.1, 10.0.0.2"], "192.0.2.1"),
    (["203.0.113.9,192.0.2.1 ,\t10.0.0.2,10.0.0.3"], "192.0.2.1"), (["10.0.0.1, 10.0.0.2"], "10.0.0.1"), ([""], nil), ([",,"], nil),
    (["192.0.2.1,, ,"], "192.0.2.1"), (["unknown"], nil), (["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"), (["192.0.2.1, unknown"], nil),
    (["203.0.113.9", "192.0.2.1"], "192.0.2.1"), (["192.0.2.1", "10.0.0.1"], "192.0.2.1"), (["192.0.2.1:4711"], "192.0.2.1"),
    (["[2001:db8::1]:4711"], "2001:db8::1"), (["[2001:db8::1]"], "2001:db8::1"), (["2001:db8::1"], "2001:db8::1"),
    (["::ffff:10.0.0.1"], "10.0.0.1"), (["192.0.2.1, ::ffff:10.0.0.1"], "192.0.2.1"), (["192.0.2.256"], nil),
    (["[", "10.0.0.1"], "10.0.0.1"),
    (["[]"], nil), ([":80"], nil), (["1.2.3.4.5"], nil), ([String(repeating: "1", count: 60)], nil),
  ]

  @Test(arguments: lists)
  func `the client is the last one that no trusted proxy is`(lines: [String], client: String?) throws {
    let trusted = try AddressRange(text: "10.0.0.0/8")
    let parsed = Parsed("GET / HTTP/1.1\r\nHost: a\r\n" + lines.map { "X-Forwarded-For: \($0)\r\n" }.joined() + "\r\n")
    let found = parsed.head.forwardedClient(parsed.buffer.readableBytesSpan) { trusted.contains($0) }
    #expect(found?.description == client)
  }

  @Test(arguments: [
    "192.0.2.1", "0.0.0.0", "::", "::1", "2001:db8:1:2:3:4:5:6", "::ffff:1.2.3.4", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "", "1",
    "1.2.3", "1.2.3.4 ", "g::1", "1.2.3.4\u{0}", ":", "::1%lo", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
  ])
  func `bytes are read as an address as their text is`(text: String) {
    let bytes = Array(text.utf8)
    // Every byte of an array of UInt8 is initialised: there is no padding.
    #expect(IPAddress(octets: unsafe bytes.span.bytes) == IPAddress(text))
  }
}
