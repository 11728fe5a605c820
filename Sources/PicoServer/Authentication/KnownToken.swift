internal import PicoAuth

/// A token that was verified, as a connection keeps it from one request to the next.
final class KnownToken {
  private let text: [UInt8]
  let fingerprint: Fingerprint
  let claims: VerifiedClaims
  /// Of the claims; nil when they permit every endpoint.
  let grant: EndpointGrant?
  /// Steady nanoseconds; from then on it has to be verified again.
  private let deadline: UInt64
  /// Of the keys that it was verified with.
  private let generation: UInt64

  init(text: [UInt8], _ fingerprint: Fingerprint, _ entry: TokenCache.Entry) {
    self.text = text
    self.fingerprint = fingerprint
    claims = entry.claims
    grant = entry.claims.endpoints.isAll ? nil : entry.claims.endpoints
    deadline = entry.deadline
    generation = entry.generation
  }

  /// Whether these bytes are the token, and nothing has changed since. Takes the same time wherever they differ: behind a load balancer the
  /// requests of a connection need not be one client's.
  func isGood(for token: RawSpan, now: UInt64, generation: UInt64) -> Bool {
    guard now < deadline, generation == self.generation, token.byteCount == text.count else { return false }
    return unsafe token.withUnsafeBytes { token in unsafe text.withUnsafeBytes { unsafe Self.isEqual(token, $0) } }
  }

  /// Both have as many bytes.
  private static func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt64 = 0
    var offset = 0
    while offset &+ 8 <= left.count {
      // Eight bytes from `offset` on are within both.
      difference |=
        unsafe left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        ^ right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    while offset < left.count {
      difference |= unsafe UInt64(left[offset] ^ right[offset])
      offset &+= 1
    }
    return difference == 0
  }
}
