internal import PicoAuth
internal import PicoCore
internal import PicoHTTP

extension ProxyHandler {
  /// Whose endpoint a request or a registration is for: the tenant of its token, or without one the tenant that its domain names. nil when the
  /// request says another one too, by its domain or by a header.
  /// - Parameter token: nil where none is asked for.
  func tenant(_ head: borrowing RequestHead, _ span: RawSpan, _ token: KnownToken?, namedByDomain: Bool) -> TenantID? {
    let named = namedByDomain ? node.settings.tenant(namedBy: head, span) : nil
    let tenant = token.map { $0.claims.tenant ?? .default } ?? named ?? .default
    guard named == nil || named == tenant else { return nil }
    guard head.contains(.picoTenant) else { return tenant }
    return Self.states(head, span, tenant) ? tenant : nil
  }

  /// An agent of Piko's says whose it is. It decides nothing, so what it says has to be true.
  private static func states(_ head: borrowing RequestHead, _ span: RawSpan, _ tenant: TenantID) -> Bool {
    guard !head.isRepeated(.picoTenant), let value = head.picoTenant else { return false }
    let text = value.text(in: span)
    return text.isEmpty ? tenant.isDefault : TenantID(text) == tenant
  }
}
