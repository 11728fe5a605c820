import Crypto

/// So that the tokens of the tests are not made by what they test.
enum HMACOfTests {
  static func sha256(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: key)))
  }
}
