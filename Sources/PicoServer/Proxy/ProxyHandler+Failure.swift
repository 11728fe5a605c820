internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoStatus
internal import PicoTunnel
internal import Synchronization

extension ProxyHandler {
  /// The stream of the request failed before the response was whole.
  func streamFailed(_ code: StreamResetCode, isRefusal: Bool = false) {
    if let stream {
      self.stream = nil
      stream.reset(.cancelled)
    }
    let now = loop.resources.now()
    if let listener, code == .notSent || code == .connectTimeout, !isRefusal {
      let isHalfFailing = loop.cell(of: listener).recordConnectFailure(now: now)
      if listener.recordConnectFailure(isHalfFailing: isHalfFailing, now: now) { node.logLeftOut(listener) }
    }
    if isRefusal, listener?.remote != nil { exchange.isRouteOld = true }
    var budget = loop.retryBudget
    var isBudgetSpent = false
    let decision = exchange.decide(on: code) {
      isBudgetSpent = !budget.take(now: now)
      return !isBudgetSpent
    }
    loop.retryBudget = budget
    if isBudgetSpent { loop.statistics.recordRefusedRetry() }
    switch decision {
    case .retryUndelivered:
      retry(now)
    case .retryDelivered:
      exchange.hasRetriedDelivered = true
      retry(now)
    case .answer(let error):
      fail(error)
    case .cutShort:
      cutShort()
    }
  }

  /// Nanoseconds in which another node has to say that it took a hop.
  private static var hopTimeout: UInt64 { 300_000_000 }

  /// The other node has not taken the request: that node is left out, and the request goes elsewhere if it may be repeated, as it may have been
  /// delivered. A node that took it is not at fault for a slow upstream.
  func checkHop(_ now: UInt64) {
    guard phase == .exchange, exchange.response == .awaitingHead, now > exchange.attemptedAt &+ Self.hopTimeout,
      let remote = listener?.remote, let hop = stream as? TunnelStream, !hop.isAcknowledged
    else { return }
    remote.suspect(now: now)
    // Where nobody else has the endpoint it may still be answered.
    guard exchange.mayBeRepeated, let other = routes?.pick(excluding: exchange.tried, caller: loop.resources, now: now),
      !other.isLeftOut(now: now)
    else { return }
    streamFailed(.sessionLost)
  }

  private func retry(_ now: UInt64) {
    loop.statistics.recordRetry()
    if let waiting = responseInput.take() { loop.resources.giveBack(waiting) }
    if let storage = partialResponse.take() { loop.giveBack(storage) }
    dispatch(now)
  }

  /// Answers with an error and ends the exchange. The connection stays if the request was whole.
  func fail(_ code: ErrorCode, behind rest: ByteBuffer? = nil, retryAfterSeconds: Int? = nil) {
    if let rest, rest.readableBytes > 0, !exchange.requestBody.isComplete || exchange.requestBody.kind == .length(0) {
      skipBody(rest)
    }
    phase = .exchange
    if let replay = replay.take() { loop.resources.giveBack(replay) }
    loop.statistics.recordError(code)
    exchange.status = code.status
    exchange.keepsAlive = exchange.keepsAlive && exchange.requestBody.isComplete && code.status != 400 && !node.isDraining
    if code.status == 400 || code.status == 413 { exchange.lingers = true }
    recordResponse(now: loop.resources.now())
    recordFailure(code.kebab)
    var answer = ErrorResponse(code)
    answer.requestID = forwarding.requestID
    answer.isHead = exchange.method == .head
    answer.closes = !exchange.keepsAlive
    answer.isHTTP10 = exchange.version == .http10
    answer.retryAfterSeconds = retryAfterSeconds ?? (code == .tooManyRequests ? exchange.limit?.retryAfterSeconds : nil)
    withOut { answer.write(into: &$0) }
    finishResponse()
  }

  /// The request is answered without its body: what came of it is passed over.
  private func skipBody(_ rest: ByteBuffer) {
    switch exchange.requestBody.consume(rest.readableBytesSpan) {
    case .ended(let after):
      if after < rest.readableBytes, let next = rest.getSlice(at: rest.readerIndex + after, length: rest.readableBytes - after) {
        keep(next)
      }
    case .more, .failed:
      break
    }
  }

  /// The exchange cannot go on because of what one side sent: an error if that is still possible, else a visible cut.
  func abandon(_ code: ErrorCode) {
    if let stream {
      self.stream = nil
      // The node of a hop counts the request, and would take it for one whose client left.
      stream.reset(code == .upstreamTimeout && listener?.remote != nil ? .upstreamTimeout : .cancelled)
    }
    if exchange.response == .awaitingHead || exchange.response == .interim {
      exchange.keepsAlive = exchange.keepsAlive && code.status >= 500
      fail(code)
    } else {
      cutShort()
    }
  }

  /// Part of the response is with the client. Where its framing cannot show that, or when asked for, the connection is reset; elsewhere
  /// it closes, so that the client has all that there is.
  func cutShort(byReset: Bool = false) {
    if let stream {
      self.stream = nil
      stream.reset(.cancelled)
    }
    if phase == .exchange, let listener {
      loop.cell(of: listener).recordCut(now: loop.resources.now())
      recordFailure("cut-short")
    }
    let isVisible = phase == .exchange && (exchange.transfer == .asIs || exchange.transfer == .encodeChunked)
    finishRecords()
    guard let context else { return }
    flushOut()
    guard byReset || !isVisible || http2 != nil else { return linger() }
    phase = .lingering
    context.channel.closeByReset()
  }

  /// A deadline passed during an exchange.
  func expire(_ now: UInt64) {
    deadline = 0
    switch exchange.response {
    case .awaitingHead, .interim:
      abandon(exchange.awaitsClient(isReadPaused: isReadPaused) ? .requestTimeout : .upstreamTimeout)
    case .body:
      if !isWritable { return endSlowReader(now) }
      // A client that we do not read from because the upstream takes nothing is not to blame.
      if !exchange.requestBody.isComplete, !isReadPaused { cutShort() }
    case .done:
      break
    }
  }

  // MARK: Records

  func releaseListener() {
    listener?.inFlight.subtract(1, ordering: .relaxed)
    listener = nil
  }

  /// The status is known: counts and latency.
  func recordResponse(now: UInt64) {
    let nanoseconds = now &- exchange.startedAt
    exchange.latency = nanoseconds
    loop.statistics.recordRequest(method: exchange.method, status: exchange.status, nanoseconds: nanoseconds)
    guard let listener else { return }
    if node.settings.labelsEndpoints {
      loop.statistics.recordLabelled(listener.endpoint, method: exchange.method, status: exchange.status)
    }
    let isError = exchange.status >= 500
    loop.cell(of: listener).recordResponse(status: exchange.status, latency: nanoseconds, now: now, isError: isError)
  }

  /// For whoever asks for the last errors of the endpoint.
  func recordFailure(_ code: String) {
    if span != nil { failSpan(code) }
    guard exchange.isRouted else { return }
    routes?.recordFailure(
      .init(
        at: .now(), code: code, status: exchange.status, listener: exchange.listenerID(listener)?.description ?? "",
        requestID: forwarding.requestID.text))
  }

  /// The client left before the response ended: 499 as other proxies log it. Behind a head the request is counted by that one's status.
  func recordCancel() {
    loop.statistics.recordCancel()
    let isAnswered = exchange.response == .body
    exchange.status = 499
    if span != nil { failSpan("client-left") }
    if !isAnswered { recordResponse(now: loop.resources.now()) }
  }

  /// The exchange is over, however it went. Safe to call twice.
  func finishRecords() {
    guard exchange.startedAt != 0 else { return }
    let received = Int(exchange.requestBody.payloadBytes) &+ exchange.bytesInAfterSwitch
    let now = loop.resources.now()
    loop.statistics.recordBytes(in: received, out: exchange.bytesOut)
    loop.statistics.inFlight &-= 1
    if let listener { loop.cell(of: listener).recordBytes(in: received, out: exchange.bytesOut, now: now) }
    if let record = accessRecord.take() {
      node.logAccess(record, exchange, requestID: forwarding.requestID, listener: listener, nanoseconds: now &- exchange.startedAt)
      if record.isTailed, let routes {
        node.recordTailed(
          record, exchange, of: routes.endpoint, requestID: forwarding.requestID, listener: listener, nanoseconds: now &- exchange.startedAt
        )
      }
    }
    if let span = span.take() { end(span) }
    releaseListener()
    exchange.startedAt = 0
    if let replay = replay.take() { loop.resources.giveBack(replay) }
    if let waiting = responseInput.take() { loop.resources.giveBack(waiting) }
    if let storage = partialResponse.take() { loop.giveBack(storage) }
    unconsumed = 0
  }
}
