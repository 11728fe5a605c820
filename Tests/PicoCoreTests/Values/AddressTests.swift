import PicoCore
import Testing

@Suite struct AddressTests {
  @Test(arguments: [
    ("localhost:8080", "localhost", 8080, true), ("127.0.0.1:1", "127.0.0.1", 1, true), ("[::1]:80", "::1", 80, true),
    (":8080", "", 8080, false), ("0.0.0.0:0", "0.0.0.0", 0, false), ("a_b.example:65535", "a_b.example", 65535, false),
    ("[fd00::1]:1", "fd00::1", 1, false), ("127.9.9.9:1", "127.9.9.9", 1, true), ("LOCALHOST:1", "LOCALHOST", 1, true),
    ("[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1", 1, true), ("localhost.example:1", "localhost.example", 1, false),
  ])
  func `an address is read and printed`(text: String, host: String, port: Int, isLoopback: Bool) throws {
    let address = try HostPort(text: text)
    #expect(address == HostPort(host: host, port: port))
    #expect(address.description == text)
    #expect(address.isLoopback == isLoopback)
  }

  @Test(arguments: [
    "", "localhost", "8080", "::1:80", "[::1]", "[::1]80", "[127.0.0.1]:80", "[a]:80", "a b:80", "a:65536", "a:-1", "a:+1", "a:1x", "a:",
    "1.2.3:80", "1.2.3.4.5:80", "256.1.1.1:80", "-a:80", ".a:80", "é:80", "a:80:90", "a:000080", "[::1%lo]:80", "user@a:80",
  ])
  func `what is not an address is refused`(text: String) {
    #expect(throws: MalformedValue.self) { try HostPort(text: text) }
  }

  @Test func `localhost and the empty host are two addresses to bind`() {
    #expect(HostPort(host: "localhost", port: 1).bindHosts == ["127.0.0.1", "::1"])
    #expect(HostPort(host: "", port: 1).bindHosts == ["::", "0.0.0.0"])
    #expect(HostPort(host: "10.0.0.1", port: 1).bindHosts == ["10.0.0.1"])
  }

  @Test(arguments: [
    ("1.2.3.4", "1.2.3.4"), ("::1", "::1"), ("::", "::"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("fe80:0:0:0:0:0:0:0", "fe80::"),
    ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"), ("::ffff:1.2.3.4", "1.2.3.4"),
  ])
  func `an IP address is printed as RFC 5952 says`(text: String, printed: String) {
    #expect(IPAddress(text)?.description == printed)
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "255.1.1.1", true),
    ("0.0.0.0/0", "2001::1", false),
    ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("fd00::/8", "fdff::1", true), ("fd00::/8", "fe00::1", false),
    ("::/0", "::1", true), ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("2001:db8::/65", "2001:db8:0:0:8000::1", false),
    ("::1/128", "::1", true), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
  ])
  func `a range holds the addresses of its prefix`(range: String, address: String, isInside: Bool) throws {
    let range = try AddressRange(text: range)
    #expect(range.contains(try #require(IPAddress(address))) == isInside)
  }

  @Test(arguments: ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "fd00::/129", "10.0.0.1/8", "a/8", "10.0.0.0/8/8"])
  func `what is not a range is refused`(text: String) {
    #expect(throws: MalformedValue.self) { try AddressRange(text: text) }
  }

  @Test(arguments: [
    ("http://localhost:8080", false, "localhost:8080", "http://localhost:8080"),
    ("https://a.example", true, "a.example:443", "https://a.example"),
    ("HTTP://a/", false, "a:80", "http://a"), ("wss://[::1]:8443", true, "[::1]:8443", "https://[::1]:8443"),
    ("ws://[::1]", false, "[::1]:80", "http://[::1]"),
  ])
  func `a server URL is read and printed`(text: String, isTLS: Bool, address: String, printed: String) throws {
    let url = try BaseURL(text: text)
    #expect(url.isTLS == isTLS)
    #expect(url.address.description == address)
    #expect(url.description == printed)
  }

  @Test(arguments: [
    "", "localhost:8080", "ftp://a", "http://", "http://:80", "http://a:0", "http://a/b", "http://u@a", "http://a?q", "http://a//",
  ])
  func `what is not a server URL is refused`(text: String) {
    #expect(throws: MalformedValue.self) { try BaseURL(text: text) }
  }
}
