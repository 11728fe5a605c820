package import PicoCore

/// The tenants that tokens of some keys may be for.
package enum TenantGrant: Equatable, Sendable {
  /// Every one, and none.
  case all
  /// These; the default tenant alone when there are none.
  case only([TenantID])

  /// Whose endpoints a token is for.
  /// - Parameter claimed: as the token says; of keys for one tenant it need not.
  func tenant(_ claimed: TenantID?) throws(TokenFault) -> TenantID? {
    guard case .only(let tenants) = self else { return claimed }
    guard let claimed else {
      guard tenants.count < 2 else { throw .invalid(.noTenant) }
      return tenants.first ?? .default
    }
    guard tenants.contains(claimed) else { throw .invalid(.wrongTenant) }
    return claimed
  }
}
