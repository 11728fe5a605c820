internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel

/// Who is at the other end of a connection.
struct DownstreamPeer: Sendable {
  /// As the socket or a PROXY protocol header says; nil when the connection was gone before it could be asked.
  var address: IPAddress?
  /// One of `proxy.trusted-proxies`: it names the client of each request.
  var isTrusted = false
  /// What its address is let in for.
  var permitted: ProxyPort = [.requests, .listeners]
}

extension ProxyHandler {
  /// The peer is known, or known better.
  func meet(_ address: IPAddress?) {
    peer.address = address
    peer.isTrusted = address.map(loop.access.trusts) ?? false
    peer.permitted = loop.access.permitted(address, on: port)
    forwarding.isTrusted = peer.isTrusted
  }

  /// Lists of addresses are other ones now; false when nothing is left that the peer may do here.
  func lookAtPeerAgain() -> Bool {
    peer.permitted = loop.access.permitted(peer.address, on: port)
    return !peer.permitted.isEmpty && (phase != .upgraded || peer.permitted.contains(.requests))
  }

  /// The address that limits count for: the peer's, or the one that a trusted proxy names.
  func client(of head: borrowing RequestHead, _ span: RawSpan) -> IPAddress? {
    guard peer.isTrusted else { return peer.address }
    let access = loop.access
    return head.forwardedClient(span) { access.trusts($0) } ?? peer.address
  }

  /// Answers a request whose client may not send it, or not so many of them; false when it goes on. To be asked only where the limits say that
  /// clients are looked at.
  func refusesClient(of head: borrowing RequestHead, _ span: RawSpan, behind rest: ByteBuffer) -> Bool {
    guard mayUse(.requests, loop.access.proxy, head, span) else {
      fail(.addressNotPermitted, behind: rest)
      return true
    }
    // The request was counted before it waited for keys, or on the loop that the connection came from.
    if isCountedAhead {
      isCountedAhead = false
      return false
    }
    guard let limit = node.limits.takeRequest(of: client(of: head, span), loop.limits, now: loop.resources.now()) else { return false }
    refuse(limit, behind: rest)
    return true
  }

  /// Whether the address of whoever sent this is let in.
  func mayUse(_ port: ProxyPort, _ policy: AddressPolicy, _ head: borrowing RequestHead, _ span: RawSpan) -> Bool {
    guard peer.permitted.contains(port) else { return false }
    return !peer.isTrusted || !policy.isOn || policy.permits(client(of: head, span))
  }

  /// Answers with 429.
  func refuse(_ limit: NodeLimit, behind rest: ByteBuffer) {
    note(limit)
    let seconds = node.limits.retryAfterSeconds(limit, loop.limits, now: loop.resources.now())
    fail(.tooManyRequests, behind: rest, retryAfterSeconds: seconds)
  }

  func note(_ limit: NodeLimit) {
    exchange.limit = limit
    node.limits.note(limit, client: forwarding.clientAddress.text, now: loop.resources.now())
  }
}
