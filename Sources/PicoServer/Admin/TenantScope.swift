internal import PicoAuth
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

  func contains(_ listener: Listener) -> Bool { contains(listener.endpoint.tenant) }

  /// The endpoint that a text names: of another tenant's there is none. Whoever has one tenant need not write it.
  func endpoint(_ text: String) -> EndpointID? {
    switch self {
    case .all: return EndpointID(qualified: text)
    case .only(let own): return EndpointID(text, of: own) ?? EndpointID(qualified: text).flatMap { $0.tenant == own ? $0 : nil }
    }
  }

  /// Nobody's in particular, where a part of the port asks for no token: what is a tenant's is kept from him who has none.
  init(_ access: AdminAccess) {
    switch access {
    case .anonymous: self = .all
    case .verified(let claims): self = claims.tenant.map { .only($0) } ?? .all
    case .refused, .heldBack: self = .only(.default)
    }
  }
}
