import FuzzDriver
import PicoAuth

/// A token is taken apart in one way alone: what is read from it, written again, reads the same, and its parts have no second text.
@main
struct FuzzCompactToken {
  static func main() {
    let status = FuzzDriver.run { input in
      // The lowest bit of the first byte asks for header and claims that are encoded here, so that JSON is reached at once; the rest of it says
      // where the one ends and the other begins.
      guard let choice = input.first else { return }
      let rest = Array(input.dropFirst())
      guard choice & 1 == 1 else { return check(rest) }
      let cut = min(Int(choice >> 1), rest.count)
      check(Array(text(rest[..<cut], rest[cut...], signature: [1, 2, 3]).utf8))
      check(Array(text("{\"alg\":\"HS256\"}".utf8, rest, signature: []).utf8))
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }

  static func text(_ header: some Collection<UInt8>, _ claims: some Collection<UInt8>, signature: [UInt8]) -> String {
    [Base64URL.encode(header), Base64URL.encode(claims), Base64URL.encode(signature)].joined(separator: ".")
  }

  static func check(_ bytes: [UInt8]) {
    guard let token = try? CompactToken(bytes) else { return }
    FuzzDriver.expect(bytes.count <= CompactToken.maximumSize, "\(bytes.count) bytes")
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    FuzzDriver.expect(parts.count == 3, "\(parts.count) parts")
    for part in parts {
      let text = Base64URL.decode(part).map { Array(Base64URL.encode($0).utf8) }
      FuzzDriver.expect(text == Array(part), "a part with two texts")
    }
    let again = Array(text(token.headerText.utf8, token.claimsText.utf8, signature: []).utf8)
    // Escapes may make it longer than is taken.
    guard again.count <= CompactToken.maximumSize else { return }
    guard let same = try? CompactToken(again) else { FuzzDriver.fail("written again it is none: \(token.claimsText)") }
    FuzzDriver.expect(same.headerText == token.headerText && same.claimsText == token.claimsText, "\(token.claimsText) \(same.claimsText)")
    FuzzDriver.expect(same.algorithm == token.algorithm && same.keyID == token.keyID, "another algorithm or key")
  }
}
