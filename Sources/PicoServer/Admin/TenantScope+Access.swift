internal import PicoAuth
internal import PicoCore

extension TenantScope {
  func contains(_ listener: Listener) -> Bool { contains(listener.endpoint.tenant) }

  /// Nobody's in particular, where a part of the port asks for no token: what is a tenant's is kept from him who has none.
  init(_ access: AdminAccess) {
    switch access {
    case .anonymous: self = .all
    case .verified(let claims): self = claims.tenant.map { .only($0) } ?? .all
    case .refused, .heldBack: self = .only(.default)
    }
  }
}
