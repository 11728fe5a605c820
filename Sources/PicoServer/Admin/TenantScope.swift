package import PicoCore

/// Whose endpoints somebody on the admin port is shown, and may act on.
package enum TenantScope: Hashable, Sendable {
  case all
  /// Nothing tells him that there are others.
  case only(TenantID)

  func contains(_ tenant: TenantID) -> Bool {
    switch self {
    case .all: true
    case .only(let own): own == tenant
    }
  }

  /// The endpoint that a text names: of another tenant's there is none. Whoever has one tenant need not write it.
  func endpoint(_ text: String) -> EndpointID? {
    switch self {
    case .all: return EndpointID(qualified: text)
    case .only(let own): return EndpointID(text, of: own) ?? EndpointID(qualified: text).flatMap { $0.tenant == own ? $0 : nil }
    }
  }
}
