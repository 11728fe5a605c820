internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel

extension ProxyHandler {
  /// Slices from this size on go to the channel as they are; smaller ones are gathered.
  private static var sliceMinimum: Int { 8 << 10 }

  func streamDidReceive(_ bytes: ByteBuffer) {
    guard phase == .exchange || phase == .upgraded else { return }
    let stream = stream
    if phase == .upgraded {
      exchange.bytesOut &+= bytes.readableBytes
      writeDownstream(bytes)
    } else {
      switch exchange.response {
      case .awaitingHead, .interim: readResponseHead(bytes)
      case .body: relayBody(bytes)
      case .done: break
      }
    }
    // Bytes that the client does not take stay counted, which stops the listener's agent in the end.
    guard self.stream === stream else { return }
    if isWritable {
      stream?.consumed(bytes.readableBytes)
    } else {
      unconsumed &+= bytes.readableBytes
      hold(bytes.readableBytes)
    }
  }

  private func readResponseHead(_ received: ByteBuffer) {
    if let kept = replay.take() {
      // The first byte of a response ends all thought of a retry once it is a head; until then the request is not sent again either.
      loop.resources.giveBack(kept)
      exchange.canReplay = false
    }
    var bytes = received
    var isOurs = false
    if var waiting = responseInput.take() {
      waiting.writeImmutableBuffer(received)
      bytes = waiting
      isOurs = true
    }
    let storage = partialResponse.take() ?? loop.takeHead()
    let question = ResponseHead.Question(method: exchange.method, asksForUpgrade: exchange.asksForUpgrade)
    while true {
      switch storage.response.parse(bytes.readableBytesSpan, limit: loop.limits.maxHead, answering: question) {
      case .incomplete:
        partialResponse = storage
        if isOurs {
          responseInput = bytes
        } else if bytes.readableBytes > 0 {
          var kept = loop.resources.takeBuffer()
          kept.writeImmutableBuffer(bytes)
          responseInput = kept
        }
        return
      case .failed(let fault):
        loop.giveBack(storage)
        node.logResponseFault(fault, exchange.listenerID(listener), of: listener?.endpoint)
        return abandon(fault.responseError)
      case .complete(let headBytes):
        if storage.response.isInterim {
          relayInterim(storage.response, bytes)
          bytes.moveReaderIndex(forwardBy: headBytes)
          storage.response.reset()
          continue
        }
        if storage.response.isSwitch, !exchange.requestBody.isComplete {
          // The rest of the body would be taken for the new protocol's bytes.
          loop.giveBack(storage)
          return abandon(.malformedResponse)
        }
        relayHead(storage.response, bytes, headBytes: headBytes)
        loop.giveBack(storage)
        return
      }
    }
  }

  private func relayInterim(_ head: borrowing ResponseHead, _ bytes: ByteBuffer) {
    guard exchange.version == .http11 else { return }
    exchange.response = .interim
    if !exchange.requestBody.isComplete { deadline = loop.resources.now() &+ loop.limits.bodyIdleTimeout }
    withOut { out in
      _ = head.writeToClient(
        bytes.readableBytesSpan,
        ResponseHead.Destination(
          question: ResponseHead.Question(method: exchange.method, asksForUpgrade: exchange.asksForUpgrade), version: exchange.version,
          keepsAlive: true), into: &out)
    }
  }

  private func relayHead(_ head: borrowing ResponseHead, _ bytes: ByteBuffer, headBytes: Int) {
    let now = loop.resources.now()
    exchange.status = head.status
    recordResponse(now: now)
    if head.status >= 500 { recordFailure("upstream-5xx") }
    listener?.recordSuccess(now: now)
    let destination = ResponseHead.Destination(
      question: ResponseHead.Question(method: exchange.method, asksForUpgrade: exchange.asksForUpgrade), version: exchange.version,
      keepsAlive: exchange.keepsAlive && exchange.requestBody.isComplete && !node.isDraining)
    withOut { out in
      let result = head.writeToClient(bytes.readableBytesSpan, destination, into: &out)
      exchange.transfer = result.transfer
      exchange.keepsAlive = result.keepsAlive
    }
    exchange.response = .body
    if isWritable { deadline = exchange.requestBody.isComplete ? 0 : now &+ loop.limits.bodyIdleTimeout } else { expectReading(now) }
    let rest = bytes.getSlice(at: bytes.readerIndex &+ headBytes, length: bytes.readableBytes &- headBytes)
    if head.isSwitch {
      phase = .upgraded
      exchange.isWebSocket = head.value(.upgrade)?.text(in: bytes.readableBytesSpan).lowercased() == "websocket"
      deadline = 0
      if isReadPaused { resumeReading() }
      if let waiting = input.take() {
        relayUpstream(waiting)
        loop.resources.giveBack(waiting)
      }
      if let rest, rest.readableBytes > 0 {
        exchange.bytesOut &+= rest.readableBytes
        writeDownstream(rest)
      }
      return
    }
    exchange.responseBody = head.framing(answering: exchange.method)
    if exchange.responseBody.isComplete { return finishResponse() }
    if let rest, rest.readableBytes > 0 { relayBody(rest) }
  }

  private func relayBody(_ bytes: ByteBuffer) {
    var body = bytes
    var isComplete = false
    switch exchange.responseBody.consume(bytes.readableBytesSpan) {
    case .more: break
    case .ended(let after):
      isComplete = true
      if after < bytes.readableBytes { body = bytes.getSlice(at: bytes.readerIndex, length: after) ?? ByteBuffer() }
    case .failed(let fault):
      node.logResponseFault(fault, exchange.listenerID(listener), of: listener?.endpoint)
      return cutShort()
    }
    exchange.bytesOut &+= body.readableBytes
    switch exchange.transfer {
    case .asIs, .untilClose: writeDownstream(body)
    case .encodeChunked: withOut { ChunkedEncoder.write(body.readableBytesSpan, into: &$0) }
    case .decodeChunked: decodeDownstream(body)
    }
    if isComplete { finishResponse() }
  }

  private func decodeDownstream(_ body: ByteBuffer) {
    let span = body.readableBytesSpan
    var offset = 0
    while true {
      switch exchange.responseDecoder.next(span, at: &offset) {
      case .payload(let slice): withOut { $0.writeBytes(span.extracting(slice.range)) }
      case .needsMore, .ended, .failed: return
      }
    }
  }

  func streamDidReceiveNote(_ bits: UInt64) { exchange.hopListener = ListenerID(bits: bits) }

  func streamDidEnd() {
    exchange.isStreamEndReceived = true
    if exchange.isStreamEndSent, let stream {
      // Both ends are gone, so the stream may be somebody else's as soon as this returns.
      stream.consumer = nil
      self.stream = nil
    }
    if phase == .upgraded { return endUpgradedResponse() }
    guard phase == .exchange else { return }
    switch exchange.response {
    case .body:
      guard exchange.responseBody.kind == .untilClose else { return cutShort() }
      if exchange.transfer == .encodeChunked { withOut { ChunkedEncoder.writeEnd(into: &$0) } }
      finishResponse()
    case .done:
      break
    case .awaitingHead, .interim:
      // The listener's agent ended the stream without an answer, or in the middle of its head.
      streamFailed(responseInput == nil ? .resetAfterSend : .malformedResponse)
    }
  }

  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {
    stream = nil
    switch phase {
    case .upgraded:
      cutShort()
    case .exchange:
      guard exchange.response != .done else { return }
      // Refused before it was taken, by an agent that stays or a node that has no such listener any more: no sign of a broken upstream.
      let isElsewhere = listener?.remote != nil
      let isRefusal = code == .notSent && (!wasAcknowledged || isElsewhere)
      if isRefusal, !isElsewhere, listener?.state != .draining { exchange.wasFull = true }
      streamFailed(code, isRefusal: isRefusal)
    case .head, .lingering, .left:
      break
    }
  }

  // MARK: Upgraded

  /// Bytes of the client after a 101.
  func relayUpstream(_ bytes: ByteBuffer) {
    guard let stream, !exchange.isStreamEndSent, bytes.readableBytes > 0 else { return }
    exchange.bytesInAfterSwitch &+= bytes.readableBytes
    let goesOn = unsafe bytes.withUnsafeReadableBytes { unsafe stream.write($0, end: false) }
    if !goesOn { pauseReading() }
  }

  /// The client sends no more.
  func endUpgradedRequest() {
    guard let stream, !exchange.isStreamEndSent else { return }
    exchange.isStreamEndSent = true
    _ = unsafe stream.write(UnsafeRawBufferPointer(start: nil, count: 0), end: true)
    if exchange.isStreamEndReceived { finishUpgraded() }
  }

  /// The upstream sends no more.
  private func endUpgradedResponse() {
    if exchange.isStreamEndSent { return finishUpgraded() }
    flushOut()
    context?.close(mode: .output, promise: nil)
  }

  private func finishUpgraded() {
    stream = nil
    finishRecords()
    closeAfterFlush()
  }

  /// Writes bytes downstream: small ones together, large ones without a copy.
  func writeDownstream(_ bytes: ByteBuffer) {
    guard bytes.readableBytes >= Self.sliceMinimum else {
      withOut { $0.writeImmutableBuffer(bytes) }
      return
    }
    if let gathered = out.take() {
      written &+= gathered.readableBytes
      context?.write(wrapOutboundOut(gathered), promise: nil)
      loop.resources.giveBack(gathered)
    }
    written &+= bytes.readableBytes
    context?.write(wrapOutboundOut(bytes), promise: nil)
    requestFlush()
  }
}
