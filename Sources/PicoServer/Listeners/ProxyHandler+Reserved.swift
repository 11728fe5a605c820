internal import NIOCore
internal import PicoAuth
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel
internal import Synchronization

extension ProxyHandler {
  /// A request for one of the node's own paths. `rest` is what came behind the head.
  func beginReserved(_ head: borrowing RequestHead, _ bytes: ByteBuffer, _ rest: ByteBuffer) {
    let span = bytes.readableBytesSpan
    let path = ReservedPath(head.path, span)
    if path != .ready { beginVisit() }
    switch path {
    case .ready:
      guard head.method == .get || head.method == .head else { return fail(.methodNotAllowed, behind: rest) }
      guard node.unreadiness == nil else { return fail(.shuttingDown, behind: rest) }
      answerReady(behind: rest)
    case .listener(let name):
      guard port.contains(.listeners) else { return fail(.notFound, behind: rest) }
      register(head, bytes, name, rest)
    case .tcp(let name):
      guard port.contains(.requests) else { return fail(.notFound, behind: rest) }
      openTCP(head, bytes, name, rest)
    case .link:
      guard port.contains(.links) else { return fail(.notFound, behind: rest) }
      openLink(head, bytes, rest)
    case .unknown:
      fail(.notFound, behind: rest)
    }
  }

  private func answerReady(behind rest: ByteBuffer) {
    exchange.status = 200
    exchange.keepsAlive = exchange.keepsAlive && exchange.requestBody.isComplete
    if rest.readableBytes > 0, exchange.requestBody.isComplete { keep(rest) }
    let closes = !exchange.keepsAlive
    let hasBody = exchange.method != .head
    withOut { out in
      out.writeStaticString("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n")
      out.writeStaticString(closes ? "connection: close\r\n\r\n" : "\r\n")
      if hasBody { out.writeStaticString("ready\n") }
    }
    finishResponse()
  }

  /// The agent has a tunnel to this node, looks for another node, and has come here again: nothing is registered, and nobody need hear of it.
  private func answerAvoided(behind rest: ByteBuffer) {
    exchange.status = 204
    if rest.readableBytes > 0 { keep(rest) }
    let closes = !exchange.keepsAlive
    withOut { out in
      out.writeString("HTTP/1.1 204 No Content\r\nx-pico-node: \(node.id)\r\n")
      out.writeStaticString(closes ? "connection: close\r\n\r\n" : "\r\n")
    }
    finishResponse()
  }

  /// What a WebSocket handshake must say before it is looked at further; nil when it does.
  func refusalOfHandshake(_ head: borrowing RequestHead, _ span: RawSpan) -> ErrorCode? {
    guard head.method == .get else { return .methodNotAllowed }
    guard head.version == .http11, let upgrade = head.upgrade, Self.contains(upgrade, "websocket", span) else { return .upgradeRequired }
    guard head.value(named: "sec-websocket-version", in: span)?.text(in: span) == "13" else { return .upgradeRequired }
    guard let key = head.value(named: "sec-websocket-key", in: span), WebSocketHandshake.isKey(Array(key.text(in: span).utf8)),
      !head.hasBody
    else { return .malformedRequest }
    return nil
  }

  private static func contains(_ list: HeadSlice, _ token: String, _ span: RawSpan) -> Bool {
    list.text(in: span).lowercased().split(separator: ",").contains { $0.trimmingBlanks == token }
  }

  // MARK: Registration

  private func register(_ head: borrowing RequestHead, _ bytes: ByteBuffer, _ name: HeadSlice, _ rest: ByteBuffer) {
    let span = bytes.readableBytesSpan
    if let refusal = refusalOfHandshake(head, span) { return fail(refusal, behind: rest) }
    // No agent sends an Origin; a browser always does, whoever wrote the page.
    if head.value(named: "origin", in: span) != nil { return fail(.endpointNotPermitted, behind: rest) }
    guard EndpointID(name.text(in: span)) != nil else { return fail(.malformedRequest, behind: rest) }
    guard hasTurn || loop.takesRegistration(of: self) else {
      hasTurn = true
      return setAside(with: bytes)
    }
    hasTurn = false
    guard mayUse(.listeners, loop.access.upstream, head, span) else { return fail(.addressNotPermitted, behind: rest) }
    var authorization: ListenerAuthorization?
    var known: KnownToken?
    var holder = clientIdentity.map { ListenerHolds.Holder.identity($0, .default) }
    if let authenticator = node.authenticators.upstream {
      switch admission(head, span, by: authenticator) {
      case .admitted(let token):
        known = token
        authorization = ListenerAuthorization(
          token.claims, secondsLeft: authenticator.end(of: token.claims).map { $0 - WallClock.seconds() }, now: loop.resources.now())
        holder = token.claims.identity.map { .identity($0, token.claims.tenant ?? .default) } ?? holder ?? .token(token.fingerprint)
      case .refused(let code): return fail(code, behind: rest)
      case .waits(let text): return waitForKeys(of: authenticator, for: text, with: bytes)
      }
    }
    guard let tenant = tenant(head, span, known, namedByDomain: false) else { return fail(.tenantNotPermitted, behind: rest) }
    guard let endpoint = EndpointID(name.text(in: span), of: tenant), known?.claims.endpoints.permits(endpoint) != false else {
      return fail(.endpointNotPermitted, behind: rest)
    }
    guard !node.isDraining else { return fail(.shuttingDown, behind: rest, retryAfterSeconds: 0) }
    if let avoided = head.value(named: "x-pico-avoid", in: span), Self.contains(avoided, node.id.text.lowercased(), span) {
      return answerAvoided(behind: rest)
    }
    let now = loop.resources.now()
    let address = client(of: head, span)
    if let limit = node.limits.takeRegistration(of: address, loop.limits, now: now) ?? node.listenerLimit(for: endpoint, loop.limits) {
      return refuse(limit, behind: rest)
    }
    guard let context, let key = head.value(named: "sec-websocket-key", in: span) else { return }

    let offered = head.value(named: "sec-websocket-protocol", in: span)
    let isPico = offered.map { Self.contains($0, WebSocketHandshake.subprotocol, span) } ?? false
    let agentID = head.value(named: "x-pico-agent-id", in: span).flatMap { AgentID($0.text(in: span)) }
    let listener = Listener(
      id: .random(), endpoint: endpoint, loop: loop.resources, loopCount: node.loopCount, isPico: isPico,
      remoteAddress: statedClient ?? context.channel.remoteAddress.map { "\($0.ipAddress ?? ""):\($0.port ?? 0)" } ?? "",
      connectedAt: WallClock.seconds(), identity: authorization?.claims.identity ?? clientIdentity,
      agent: Listener.AgentFacts(id: agentID?.text))
    if let block = node.blocks.block(for: listener.registrant, now: now) {
      return fail(.blocked, behind: rest, retryAfterSeconds: block.secondsLeft(now: now))
    }
    let session = ListenerSession(listener: listener, loop: loop, descriptor: descriptor)
    session.authorization = authorization
    session.peer = address
    if let holder {
      guard let hold = node.limits.holds.take(holder, limit: loop.limits.maxListenersPerToken) else {
        return refuse(.listenersOfToken, behind: rest)
      }
      session.hold = hold
    }
    let tunnel = TunnelHandler(settings: node.tunnelSettings(isPico: isPico), loop: loop.resources, delegate: session)
    let answer = WebSocketHandshake.acceptKey(for: key.text(in: span).utf8)
    begin(session, tunnel, answer: answer, isPico: isPico, rest: rest, context: context)
  }

  /// The tunnel takes this handler's place. The listener is routable before the 101 goes out, so that an agent that reads it can rely on it.
  private func begin(
    _ session: ListenerSession, _ tunnel: TunnelHandler, answer: [UInt8], isPico: Bool, rest: ByteBuffer, context: ChannelHandlerContext
  ) {
    // A tunnel is no request: neither this nor a probe is counted among them.
    exchange.status = 101
    finishRecords()
    let waiting = input.take()
    if isReadPaused { resumeReading() }
    leave()
    node.tune(context.channel)
    var head = ByteBuffer()
    head.writeStaticString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
    head.writeBytes(answer)
    if isPico {
      head.writeStaticString("\r\nSec-WebSocket-Protocol: pico.v1")
      head.writeString("\r\nx-pico-node: \(node.id)\r\nx-pico-nodes: \(1 + (node.membership?.others ?? 0))")
    }
    head.writeStaticString("\r\n\r\n")
    do {
      try context.pipeline.syncOperations.addHandler(tunnel, position: .after(self))
    } catch {
      return context.close(promise: nil)
    }
    session.begin(tunnel)
    context.writeAndFlush(wrapOutboundOut(head), promise: nil)
    _ = context.pipeline.syncOperations.removeHandler(self)
    session.endIfBlocked()
    for bytes in [waiting, rest] { if let bytes, bytes.readableBytes > 0 { tunnel.receive(bytes) } }
  }

  func recordUpgrade() {
    exchange.status = 101
    recordResponse(now: loop.resources.now())
    finishRecords()
  }
}

extension ProxyHandler: RemovableChannelHandler {}

extension Substring {
  /// Without spaces and tabs at either end.
  var trimmingBlanks: Substring {
    var text = self
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return text
  }
}
