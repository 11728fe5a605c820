/// Whose an endpoint is: the default tenant, or one with a name of an endpoint's grammar, in lower case. Two tenants may have endpoints of the
/// same name, and neither knows of the other's. Source: docs/security.md, "Tenants".
package struct TenantID: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Empty for the default tenant.
  package let name: String

  /// Of whoever has none.
  package static let `default` = TenantID()

  private init() { name = "" }

  /// `nil` unless `text` has the grammar of an endpoint's name, in either case.
  package init?(_ text: some StringProtocol) {
    guard let endpoint = EndpointID(text) else { return nil }
    name = endpoint.name
  }

  package var isDefault: Bool { name.isEmpty }

  /// Empty for the default tenant.
  package var description: String { name }

  package static func < (left: TenantID, right: TenantID) -> Bool { left.name < right.name }
}
