package import PicoCore

/// Which addresses may come in: `allow` and `deny` of one port.
package struct AddressPolicy: Equatable, Sendable {
  /// Empty is everybody.
  package var allow: [AddressRange] = []
  /// Wins.
  package var deny: [AddressRange] = []

  package init() {}

  var isOn: Bool { !allow.isEmpty || !deny.isEmpty }

  /// An address that cannot be told is let in only where everybody is.
  func permits(_ address: IPAddress?) -> Bool {
    guard isOn else { return true }
    guard let address else { return false }
    if deny.contains(where: { $0.contains(address) }) { return false }
    return allow.isEmpty || allow.contains { $0.contains(address) }
  }
}

/// The policies of a node's ports as they are now, and whose word about a client counts.
struct PortAccess: Equatable, Sendable {
  let proxy: AddressPolicy
  /// Of registrations. With one socket for both and none of its own it is the proxy port's.
  let upstream: AddressPolicy
  let admin: AddressPolicy
  /// `proxy.trusted-proxies`.
  private let trusted: [AddressRange]

  init(_ configuration: ServerConfiguration) {
    proxy = configuration.proxy.access
    upstream =
      configuration.sharesSocket && !configuration.upstream.access.isOn ? configuration.proxy.access : configuration.upstream.access
    admin = configuration.admin.access
    trusted = configuration.proxy.trustedProxies
  }

  var isOn: Bool { proxy.isOn || upstream.isOn }

  func trusts(_ address: IPAddress) -> Bool { trusted.contains { $0.contains(address) } }

  /// What the peer of a connection may use the port for. A trusted proxy speaks for others, each of whom is looked at with its requests.
  func permitted(_ peer: IPAddress?, on port: ProxyPort) -> ProxyPort {
    guard isOn else { return port }
    if let peer, !trusted.isEmpty, trusts(peer) { return port }
    var permitted = port
    if !proxy.permits(peer) { permitted.remove(.requests) }
    if !upstream.permits(peer) { permitted.remove(.listeners) }
    return permitted
  }
}
