internal import PicoCore

/// What a port asks of a token besides a signature.
package struct TokenRules: Equatable, Sendable {
  /// One of them has to be in `aud`; none asks nothing.
  package var audiences: [String]
  /// `iss` has to be one of them; none asks nothing.
  package var issuers: [String]
  package var requiresExpiry: Bool
  /// By how many seconds clocks may differ.
  package var clockSkew: Double
  /// The tenants that the keys may sign for.
  package var tenants: TenantGrant

  package init(
    audiences: [String] = [], issuers: [String] = [], requiresExpiry: Bool = true, clockSkew: Double = 30, tenants: TenantGrant = .all
  ) {
    self.audiences = audiences
    self.issuers = issuers
    self.requiresExpiry = requiresExpiry
    self.clockSkew = clockSkew
    self.tenants = tenants
  }
}

extension TokenRules {
  /// Holds the claims of a token whose signature is good against the rules. That it has expired is said last, of a token that is good
  /// otherwise.
  /// - Parameter now: seconds since 1970.
  func check(_ claims: [String: StrictJSON], key: Fingerprint, now: Double) throws(TokenFault) -> VerifiedClaims {
    let expiry = try Self.time("exp", claims)
    if let start = try Self.time("nbf", claims), start > now + clockSkew { throw .invalid(.notYetValid) }
    if let issued = try Self.time("iat", claims), issued > now + clockSkew { throw .invalid(.issuedInFuture) }
    let subject = try Self.text("sub", claims)
    let issuer = try Self.text("iss", claims)
    guard issuers.isEmpty || issuer.map(issuers.contains) == true else { throw .invalid(.wrongIssuer) }
    let named: [String]
    switch claims["aud"] {
    case nil: named = []
    case let claim?:
      guard let texts = claim.strings else { throw .invalid(.malformedName) }
      named = texts
    }
    guard audiences.isEmpty || named.contains(where: audiences.contains) else { throw .invalid(.wrongAudience) }
    let tenant = try tenants.tenant(try Self.tenant(claims))
    guard expiry != nil || !requiresExpiry else { throw .invalid(.noExpiry) }
    if let expiry, expiry + clockSkew <= now { throw .expired }
    let own = claims["pico"]
    let lists = [own, claims["piko"]].compactMap { claim -> StrictJSON? in
      guard let claim else { return nil }
      // What should be an object and is none permits nothing, rather than everything.
      guard let members = claim.object else { return .null }
      return members["endpoints"]
    }
    return VerifiedClaims(
      subject: subject, issuer: issuer, expiry: expiry, tenant: tenant, endpoints: lists.isEmpty ? .all : EndpointGrant(claims: lists),
      role: own?.object?["role"]?.string.flatMap(TokenRole.init), key: key)
  }

  /// Names are shown to people, and kept with each listener.
  private static let maximumText = 512

  /// NumericDate (RFC 7519 section 2).
  private static func time(_ name: String, _ claims: [String: StrictJSON]) throws(TokenFault) -> Double? {
    guard let claim = claims[name] else { return nil }
    guard let seconds = claim.number else { throw .invalid(.malformedTime) }
    return seconds
  }

  private static func tenant(_ claims: [String: StrictJSON]) throws(TokenFault) -> TenantID? {
    guard let claim = claims["pico"]?.object?["tenant"] else { return nil }
    guard let tenant = claim.string.flatMap({ TenantID($0) }) else { throw .invalid(.malformedTenant) }
    return tenant
  }

  private static func text(_ name: String, _ claims: [String: StrictJSON]) throws(TokenFault) -> String? {
    guard let claim = claims[name] else { return nil }
    guard let text = claim.string, text.utf8.count <= maximumText else { throw .invalid(.malformedName) }
    return text
  }
}
