package import PicoCore

/// What a token says that was verified: its signature is of a key that counts, and its times, audience and issuer hold.
package struct VerifiedClaims: Equatable, Sendable {
  /// `sub`.
  package var subject: String?
  package var issuer: String?
  /// `exp` in seconds since 1970.
  package var expiry: Double?
  /// Whose endpoints it is for; nil when it does not say, which is the default tenant where requests and listeners come in, and all of them on
  /// the admin port.
  package var tenant: TenantID?
  package var endpoints: EndpointGrant
  /// nil: none, or none that is known.
  package var role: TokenRole?
  /// The key that signed it.
  package var key: Fingerprint

  package init(
    subject: String? = nil, issuer: String? = nil, expiry: Double? = nil, tenant: TenantID? = nil, endpoints: EndpointGrant,
    role: TokenRole? = nil, key: Fingerprint
  ) {
    self.subject = subject
    self.issuer = issuer
    self.expiry = expiry
    self.tenant = tenant
    self.endpoints = endpoints
    self.role = role
    self.key = key
  }
}
