/// Token text in, verified claims out. A value, and nothing in it waits.
package struct TokenVerifier: Sendable {
  package var keys: KeySet
  package var rules: TokenRules

  package init(keys: KeySet, rules: TokenRules) {
    self.keys = keys
    self.rules = rules
  }

  /// - Parameter now: seconds since 1970.
  package func verify(_ text: [UInt8], now: Double) throws(TokenFault) -> VerifiedClaims {
    try verify(try CompactToken(text), now: now)
  }

  package func verify(_ token: CompactToken, now: Double) throws(TokenFault) -> VerifiedClaims {
    let key = try keys.signer(of: token)
    return try rules.check(token.claims, key: key.fingerprint, now: now)
  }
}
