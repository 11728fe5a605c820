internal import PicoAuth
internal import PicoHTTP

/// A token that was verified, as a connection keeps it from one request to the next.
final class KnownToken {
  private let text: [UInt8]
  let claims: VerifiedClaims
  /// Steady nanoseconds; from then on it has to be verified again.
  private let deadline: UInt64
  /// Of the keys that it was verified with.
  private let generation: UInt64

  init(text: [UInt8], _ entry: TokenCache.Entry) {
    self.text = text
    claims = entry.claims
    deadline = entry.deadline
    generation = entry.generation
  }

  /// Whether these bytes are the token, and nothing has changed since. Takes the same time wherever they differ: behind a load balancer the
  /// requests of a connection need not be one client's.
  func isGood(for token: RawSpan, now: UInt64, generation: UInt64) -> Bool {
    guard now < deadline, generation == self.generation, token.byteCount == text.count else { return false }
    var difference: UInt8 = 0
    for index in text.indices { difference |= token.byte(index) ^ text[index] }
    return difference == 0
  }
}
