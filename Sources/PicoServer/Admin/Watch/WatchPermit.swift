internal import PicoAuth
internal import PicoCore

/// How long a status WebSocket may go on in the name of its token.
struct WatchPermit: Sendable {
  private let authenticator: PortAuthenticator
  private let claims: VerifiedClaims
  /// Seconds since 1970.
  private let end: Double?

  /// nil for what was not admitted by a token.
  init?(_ access: AdminAccess, _ authenticator: PortAuthenticator) {
    guard case .verified(let claims) = access else { return nil }
    self.authenticator = authenticator
    self.claims = claims
    end = authenticator.end(of: claims)
  }

  /// Nil for a token without `exp`.
  var secondsLeft: Double? { end.map { max(0, $0 - WallClock.seconds()) } }

  /// The token has not expired and its key still counts.
  var isGood: Bool { secondsLeft != 0 && authenticator.knowsKey(of: claims) }
}
