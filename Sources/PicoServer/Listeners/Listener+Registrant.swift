internal import PicoCore
internal import Synchronization

extension Listener {
  /// As the node knows it now: an agent that gave no ID with its registration may have said it later.
  var registrant: Registrant {
    Registrant(endpoint: endpoint, identity: identity, agentID: agent.withLock { $0.id }, address: Self.host(of: remoteAddress))
  }

  /// Of `HOST:PORT`, with or without brackets around an IPv6 address; in the one form that each address has.
  static func host(of remoteAddress: String) -> String {
    let end = remoteAddress.lastIndex(of: ":") ?? remoteAddress.endIndex
    var host = remoteAddress[..<end]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    return IPAddress(host)?.description ?? String(host)
  }
}

extension ListenerFacts {
  init(_ listener: Listener) {
    self.init(id: listener.id, registrant: listener.registrant, isDraining: listener.state == .draining)
  }
}
