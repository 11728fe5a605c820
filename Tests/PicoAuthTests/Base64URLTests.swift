import PicoAuth
import Testing

@Suite struct Base64URLTests {
  @Test(arguments: [
    ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
    ("\u{3FF}~", "z79-"),
  ])
  func `bytes have one text`(bytes: String, text: String) {
    #expect(Base64URL.encode(Array(bytes.utf8)) == text)
    #expect(Base64URL.decode(Array(text.utf8)) == Array(bytes.utf8))
  }

  @Test(arguments: ["Zg==", "Zh", "Zm9", "Z", "Zm8=", "Zm9v Zm9v", "Zm9v\n", "a+b/", "é"])
  func `another text is none`(text: String) {
    #expect(Base64URL.decode(Array(text.utf8)) == nil)
  }

  @Test func `every byte comes back`() {
    for count in 0..<64 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ count) }
      #expect(Base64URL.decode(Array(Base64URL.encode(bytes).utf8)) == bytes)
    }
  }
}
