import PicoAuth

/// For tests that need some claims and do not look at them.
enum VerifiedClaimsOfTests {
  static let any = VerifiedClaims(endpoints: .all, key: Fingerprint([]))
}
