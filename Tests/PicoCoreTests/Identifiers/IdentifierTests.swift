import PicoCore
import Testing

@Suite struct EndpointIDTests {
  @Test(arguments: [("my-endpoint-123", "my-endpoint-123"), ("A.b_C~d-9", "a.b_c~d-9"), ("...", "..."), ("~", "~")])
  func `a name is kept in lower case`(given: String, canonical: String) throws {
    #expect(EndpointID(given)?.name == canonical)
    let bytes = Array(given.utf8)
    unsafe try bytes.withUnsafeBytes { buffer in
      let id = unsafe try #require(EndpointID(bytes: buffer))
      #expect(id.name == canonical)
      #expect(unsafe id.matches(bytes: buffer))
    }
  }

  @Test(arguments: ["", ".", "..", "a b", "a/b", "a%2e", "é", "a\u{0}", "a:b", "\u{17f}", "\u{212a}", String(repeating: "a", count: 129)])
  func `what is not a name is refused`(text: String) {
    #expect(EndpointID(text) == nil)
    unsafe Array(text.utf8).withUnsafeBytes { buffer in
      #expect(unsafe EndpointID(bytes: buffer) == nil)
      #expect(unsafe EndpointID.canonicalHash(bytes: buffer, seed: 1) == nil)
    }
  }

  @Test func `128 characters are a name`() {
    #expect(EndpointID(String(repeating: "a", count: 128)) != nil)
  }

  @Test func `exactly the bytes of the grammar stand in a name`() {
    let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-".utf8)
    for byte in UInt8.min ... .max { #expect(EndpointID.isNameByte(byte) == allowed.contains(byte)) }
  }

  @Test func `the hash of bytes ignores case and depends on the seed`() {
    func hash(_ text: String, seed: UInt64) -> UInt64? {
      unsafe Array(text.utf8).withUnsafeBytes { buffer in unsafe EndpointID.canonicalHash(bytes: buffer, seed: seed) }
    }
    #expect(hash("Abc", seed: 7) == hash("aBC", seed: 7))
    #expect(hash("abc", seed: 7) != hash("abd", seed: 7))
    #expect(hash("abc", seed: 7) != hash("abc", seed: 8))
  }

  @Test(arguments: ["ab", "abcd", "abd", ""])
  func `a name does not match other bytes`(other: String) throws {
    let id = try #require(EndpointID("abc"))
    unsafe Array(other.utf8).withUnsafeBytes { buffer in
      #expect(unsafe !id.matches(bytes: buffer))
    }
  }
}

@Suite struct OtherIdentifierTests {
  @Test func `a listener ID reads back what it prints`() {
    let id = ListenerID(bits: 0x0123_4567_89AB_CDEF)
    #expect(id.description == "l-0123456789abcdef")
    #expect(ListenerID("l-0123456789abcdef") == id)
  }

  @Test(arguments: ["", "l-", "l-0123456789abcde", "l-0123456789abcdef0", "l-0123456789ABCDEF", "n-0123456789abcdef", "0123456789abcdef"])
  func `what is not a listener ID is refused`(text: String) {
    #expect(ListenerID(text) == nil)
  }

  @Test func `a node ID has the prefix and reads back`() throws {
    var generator = SplitMixGenerator(seed: 1)
    let id = try #require(NodeID(prefix: "eu-1-", using: &generator))
    #expect(id.text.hasPrefix("eu-1-"))
    #expect(id.text.utf8.count == 21)
    #expect(NodeID(id.text) == id)
    #expect(NodeID(prefix: "a b") == nil)
    #expect(NodeID("n-xyz") == nil)
    #expect(NodeID("é0123456789abcdef") == nil)
  }

  @Test func `an agent ID is 1 to 128 visible characters`() {
    #expect(AgentID("host!1")?.text == "host!1")
    #expect(AgentID("") == nil)
    #expect(AgentID("a b") == nil)
    #expect(AgentID("é") == nil)
    #expect(AgentID(String(repeating: "x", count: 129)) == nil)
    #expect(AgentID(AgentID.random().text) != nil)
    #expect(AgentID.random() != AgentID.random())
  }

  @Test func `a request ID writes the digits it prints`() {
    let id = RequestID(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)
    var bytes = [UInt8](repeating: 0, count: RequestID.length)
    unsafe bytes.withUnsafeMutableBytes { buffer in unsafe id.write(to: buffer) }
    #expect(String(decoding: bytes, as: UTF8.self) == "00112233445566778899aabbccddeeff")
    #expect(id.description == "00112233445566778899aabbccddeeff")
  }

  @Test(arguments: [("Az09._-", true), ("", false), ("a~", false), ("a b", false), (String(repeating: "a", count: 129), false)])
  func `a client's request ID is kept if it is harmless`(text: String, kept: Bool) {
    unsafe Array(text.utf8).withUnsafeBytes { buffer in
      #expect(unsafe RequestID.isAcceptable(bytes: buffer) == kept)
    }
  }
}
