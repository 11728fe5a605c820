internal import NIOCore
internal import PicoAuth
internal import PicoCluster
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel
internal import Synchronization

extension ProxyHandler {
  /// A whole head is at the front of `bytes`.
  func begin(_ head: borrowing RequestHead, _ bytes: ByteBuffer, headBytes: Int) {
    let now = loop.resources.now()
    let span = bytes.readableBytesSpan
    startExchange(now: now)
    exchange.method = head.method
    exchange.version = head.version
    exchange.keepsAlive = head.keepsAlive
    exchange.asksForUpgrade = head.isUpgrade
    exchange.expectsContinue = head.expectsContinue
    exchange.requestBody = head.framing
    forwarding.consumedAuthorization = false
    if let requestID = head.requestID {
      forwarding.requestID = HeaderText(requestID, of: span)
    } else {
      forwarding.requestID = HeaderText(hexadecimal: loop.resources.fastRandom(), loop.resources.fastRandom())
    }
    if node.isAccessLogged {
      accessRecord = AccessRecord(head, span, client: forwarding.clientAddress, headers: node.loggedHeaders)
    }
    guard let rest = bytes.getSlice(at: bytes.readerIndex &+ headBytes, length: bytes.readableBytes &- headBytes) else { return }
    if ReservedPath.isReserved(head.path, span) { return beginReserved(head, bytes, rest) }
    beginVisit()
    guard port.contains(.requests) else { return fail(.notFound, behind: rest) }
    if loop.limits.looksAtClients, refusesClient(of: head, span, behind: rest) { return }
    var token: KnownToken?
    if let authenticator = node.authenticators.proxy {
      switch admission(head, span, by: authenticator) {
      case .admitted(let known): token = known
      case .refused(let code): return fail(code, behind: rest)
      case .waits(let token): return waitForKeys(of: authenticator, for: token, with: bytes)
      }
    }
    guard head.loops < 2 else { return fail(.loopDetected, behind: rest) }
    guard let tenant = tenant(head, span, token, namedByDomain: true) else { return fail(.tenantNotPermitted, behind: rest) }
    switch node.settings.lookup.find(in: head, span) {
    case .missing: return fail(.missingEndpointID, behind: rest)
    case .invalid: return fail(.malformedRequest, behind: rest)
    case .found(let name, _):
      if let grant = token?.grant, !grant.permits(span.extracting(name.range)) { return fail(.endpointNotPermitted, behind: rest) }
      findRoutes(name, of: tenant, span)
    }
    if routes == nil, let endpoint = endpoint(in: head, span, of: tenant), looksUp(endpoint, with: bytes) { return }
    hasLookedUp = false
    guard let routes else { return fail(node.isDraining ? .shuttingDown : .noAvailableUpstreams, behind: rest) }
    if moves(for: routes, with: bytes) { return }
    exchange.isRouted = true
    if routes.tailShare != .none { tail(head, span, routes.tailShare) }
    if node.buffered.load(ordering: .relaxed) >= loop.limits.maxBuffered { return fail(.overloaded, behind: rest, retryAfterSeconds: 1) }
    if loop.limits.maxBody > 0, head.contentLength ?? 0 > loop.limits.maxBody { return fail(.requestBodyTooLarge, behind: rest) }
    if let limit = routes.refusal(loop.limits, now: now) { return refuse(limit, behind: rest) }

    var request = loop.resources.takeBuffer()
    // A plain yamux listener is told that the exchange is the stream's last; one that is chosen for a retry need not be.
    forwarding.closesStream = !routes.isAllPico
    head.writeForwarded(span, forwarding, into: &request)
    takeBody(rest, behind: &request)
    guard phase == .exchange, exchange.response == .awaitingHead else { return loop.resources.giveBack(request) }
    replay = request
    loop.retryBudget.recordRequest(now: now)
    deadline = now &+ (exchange.awaitsClient(isReadPaused: false) ? loop.limits.bodyIdleTimeout : loop.limits.timeout)
    dispatch(now)
  }

  /// Somebody looks at a part of the endpoint's requests: this one is recorded when it is among them.
  private func tail(_ head: borrowing RequestHead, _ span: RawSpan, _ share: TailShare) {
    guard share.takes(loop.resources.fastRandom()) else { return }
    var record =
      accessRecord ?? AccessRecord(head, span, client: forwarding.clientAddress, headers: node.loggedHeaders)
    record.isTailed = true
    accessRecord = record
  }

  private func endpoint(in head: borrowing RequestHead, _ span: RawSpan, of tenant: TenantID) -> EndpointID? {
    guard case .found(let name, _) = node.settings.lookup.find(in: head, span) else { return nil }
    return EndpointID(name.text(in: span), of: tenant)
  }

  /// The routes of the last request serve again while the name is the same.
  private func findRoutes(_ name: HeadSlice, of tenant: TenantID, _ span: RawSpan) {
    unsafe span.extracting(name.range).withUnsafeBytes { bytes in
      if let routes, !routes.isRetired, unsafe routes.endpoint.matches(bytes: bytes), routes.endpoint.tenant == tenant { return }
      routes = unsafe EndpointID(bytes: bytes, of: tenant).flatMap { node.routes.routes(of: $0) }
    }
  }

  /// What came of the body with the head goes out with it, in one write; what is behind the body waits.
  private func takeBody(_ rest: ByteBuffer, behind request: inout ByteBuffer) {
    guard rest.readableBytes > 0 else { return }
    var count = rest.readableBytes
    switch exchange.requestBody.consume(rest.readableBytesSpan) {
    case .more: break
    case .ended(let after):
      count = after
      if after < rest.readableBytes, let next = rest.getSlice(at: rest.readerIndex + after, length: rest.readableBytes - after) {
        keep(next)
      }
    case .failed(let fault):
      return fail(fault.requestError)
    }
    if exceedsBodyLimit { return fail(.requestBodyTooLarge) }
    request.writeBytes(rest.readableBytesSpan.extracting(0..<count))
  }

  private var exceedsBodyLimit: Bool { loop.limits.maxBody > 0 && exchange.requestBody.payloadBytes > loop.limits.maxBody }

  /// Gives the request to a listener that has not had it. Called again for each retry. When there is none, the last one that had it stays
  /// the one that the request is counted for.
  func dispatch(_ now: UInt64) {
    guard var routes else { return fail(.noAvailableUpstreams) }
    if routes.isRetired, let current = node.routes.routes(of: routes.endpoint) {
      self.routes = current
      routes = current
    }
    // Nodes that no link leads to now were not tried: they may be there again in a moment.
    var passedOver = exchange.tried
    var looks = exchange.attempts
    var isNodeAway = false
    while looks < ExchangeState.maximumAttempts,
      let listener = routes.pick(excluding: passedOver, caller: loop.resources, now: now)
    {
      passedOver[looks] = listener.id
      looks += 1
      let stream = listener.open(self, exchange.asksForUpgrade ? .raw : .exchange, from: loop.resources, mailboxes: node.mailboxes)
      if stream == nil, listener.remote != nil {
        isNodeAway = true
        continue
      }
      exchange.tried[exchange.attempts] = listener.id
      exchange.attempts += 1
      exchange.attemptedAt = now
      guard let stream else {
        exchange.wasFull = true
        continue
      }
      releaseListener()
      self.stream = stream
      self.listener = listener
      exchange.hopListener = nil
      listener.inFlight.add(1, ordering: .relaxed)
      _ = loop.cell(of: listener)
      exchange.isStreamEndSent = false
      exchange.isStreamEndReceived = false
      if isReadPaused { resumeReading() }
      guard let request = replay else { return }
      send(request)
      return
    }
    if isNodeAway || exchange.isRouteOld, waitsForRoute(now) { return }
    if exchange.wasFull { return fail(.overloaded) }
    if isNodeAway || exchange.attempts > 0 { return fail(.upstreamUnreachable) }
    fail(node.isDraining ? .shuttingDown : .noAvailableUpstreams)
  }

  /// Nanoseconds for which a request waits for a link to a node that has its endpoint, or for a listener elsewhere.
  private static var routePatience: UInt64 { 1_000_000_000 }

  /// Nobody who has the endpoint can be reached now, or who has it is not known yet. The request is given out again with each sweep until its time is over; until then nothing
  /// more of it is read. False when it has waited, or is not in the retry buffer as a whole.
  private func waitsForRoute(_ now: UInt64) -> Bool {
    guard exchange.response == .awaitingHead, exchange.canReplay, now < exchange.startedAt &+ Self.routePatience else { return false }
    exchange.awaitsRoute = true
    pauseReading()
    return true
  }

  /// Writes request bytes to the stream; with the last one goes the end, where the listener's agent understands it.
  private func send(_ bytes: ByteBuffer) {
    guard let stream, let listener else { return }
    let isEnd = exchange.requestBody.isComplete && listener.isPico && !exchange.asksForUpgrade
    exchange.isStreamEndSent = isEnd
    let goesOn = unsafe bytes.withUnsafeReadableBytes { unsafe stream.write($0, end: isEnd) }
    if !goesOn { pauseReading() }
  }

  /// More of the body, or the next request before the response to this one.
  func readBody(_ bytes: ByteBuffer) {
    // The rest of a body that nobody waits for any more.
    if exchange.response == .done, !exchange.requestBody.isComplete { return }
    guard !exchange.requestBody.isComplete else {
      keep(bytes)
      if input?.readableBytes ?? 0 > Self.pipelineLimit { pauseReading() }
      return
    }
    var body = bytes
    switch exchange.requestBody.consume(bytes.readableBytesSpan) {
    case .more: break
    case .ended(let after):
      if after < bytes.readableBytes, let next = bytes.getSlice(at: bytes.readerIndex + after, length: bytes.readableBytes - after) {
        keep(next)
        body = bytes.getSlice(at: bytes.readerIndex, length: after) ?? ByteBuffer()
      }
    case .failed(let fault):
      node.logFault(fault, of: forwarding.clientAddress)
      return abandon(fault.requestError)
    }
    if exceedsBodyLimit { return abandon(.requestBodyTooLarge) }
    guard stream != nil || exchange.awaitsRoute else { return }
    let isUpstreamsTurn = exchange.requestBody.isComplete && exchange.response != .body
    deadline = loop.resources.now() &+ (isUpstreamsTurn ? loop.limits.timeout : loop.limits.bodyIdleTimeout)
    if exchange.canReplay, var kept = replay.take() {
      if kept.readableBytes &+ body.readableBytes <= loop.limits.retryBuffer {
        kept.writeImmutableBuffer(body)
        replay = kept
      } else {
        exchange.canReplay = false
        loop.resources.giveBack(kept)
        if exchange.awaitsRoute { return abandon(.upstreamUnreachable) }
      }
    }
    send(body)
  }

  func streamDidBecomeWritable() {
    resumeReading()
  }
}
