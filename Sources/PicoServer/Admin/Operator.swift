internal import NIOCore
package import PicoStatus

/// Who asks, as far as the admin port knows.
package struct Operator: Equatable, Sendable {
  /// The verified identity, else the address; for the log and for blocks.
  package var name: String
  package var role: StatusRole
  package var scope: TenantScope

  package init(name: String, role: StatusRole, scope: TenantScope = .all) {
    self.name = name
    self.role = role
    self.scope = scope
  }

  /// Known by its token, else by its certificate, else by the address of its connection. On the loop only.
  init(_ channel: any Channel, role: StatusRole, _ access: AdminAccess = .anonymous) {
    var identity: String?
    if case .verified(let claims) = access { identity = claims.identity }
    self.init(
      name: identity ?? CertificateIdentity.text(of: channel) ?? channel.remoteAddress?.display ?? "", role: role,
      scope: TenantScope(access))
  }
}
