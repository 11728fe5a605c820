internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel
internal import Synchronization

extension ProxyHandler {
  /// Writes into what goes downstream at the end of the tick.
  func withOut(_ body: (inout ByteBuffer) -> Void) {
    var buffer = out.take() ?? loop.resources.takeBuffer()
    body(&buffer)
    out = buffer
    requestFlush()
  }

  func requestFlush() {
    guard !isFlushRequested else { return }
    isFlushRequested = true
    loop.resources.flushAtEndOfTick(self)
  }

  func flushTick() {
    isFlushRequested = false
    guard context != nil else { return }
    flushOut()
    if phase == .exchange, exchange.response == .done { finishExchange() }
  }

  func flushOut() {
    guard let context else { return }
    if let buffer = out.take() {
      written &+= buffer.readableBytes
      context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
      loop.resources.giveBack(buffer)
    } else {
      context.flush()
    }
  }

  /// The last byte of the response is written. The exchange itself ends with the tick, when the stream's end is here as well.
  func finishResponse() {
    exchange.response = .done
    requestFlush()
  }

  /// Lets the stream go, and turns to the next request or closes.
  private func finishExchange() {
    if let stream {
      self.stream = nil
      letGo(stream)
    }
    finishRecords()
    guard exchange.keepsAlive, exchange.requestBody.isComplete else {
      if exchange.requestBody.isComplete, input == nil, !exchange.lingers { return closeAfterFlush() }
      return linger()
    }
    if isInputClosed { return closeAfterFlush() }
    phase = .head
    idleSince = loop.resources.now()
    guard isWritable else { return expectReading(idleSince) }
    // What is left of a stream of HTTP/2 is for the client to take and to end.
    deadline = idleSince &+ (http2 == nil ? loop.limits.idleTimeout : loop.limits.bodyIdleTimeout)
    if input != nil || isReadPaused { readPipelined() }
  }

  /// The response is whole, so nobody waits for what may still come on the stream.
  func letGo(_ stream: any ByteStream) {
    guard exchange.requestBody.isComplete else { return stream.reset(.cancelled) }
    if exchange.isStreamEndReceived {
      // Ours is open still, after an upgrade that was refused or to a plain yamux peer; it ends the stream.
      stream.consumer = nil
      return endStream(stream)
    }
    guard listener?.isPico == false else { return stream.reset(.cancelled) }
    stream.consumer = DiscardingConsumer(stream)
    if !exchange.isStreamEndSent { endStream(stream) }
  }

  private func endStream(_ stream: any ByteStream) {
    exchange.isStreamEndSent = true
    _ = unsafe stream.write(UnsafeRawBufferPointer(start: nil, count: 0), end: true)
  }

  // MARK: Closing

  /// Closes once everything written is with the kernel.
  func closeAfterFlush() {
    guard let context else { return }
    beginFlushingLast()
    let channel = context.channel
    let promise = channel.eventLoop.makePromise(of: Void.self)
    promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
  }

  /// Ends our side and reads on for a moment: a close with bytes unread would take our answer away from the client (RFC 9112 section 9.6).
  func linger() {
    guard let context else { return }
    beginFlushingLast()
    if let input = input.take() { loop.resources.giveBack(input) }
    if isReadPaused { resumeReading() }
    if isInputClosed { return closeAfterFlush() }
    let promise = context.eventLoop.makePromise(of: Void.self)
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    promise.futureResult.whenComplete { _ in bound.value.endOutput() }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
  }

  private func beginFlushingLast() {
    phase = .lingering
    isFlushingLast = true
    flushOut()
    expectReading(loop.resources.now())
  }

  /// Everything is with the kernel: say so, and wait a moment for the client to see it.
  private func endOutput() {
    guard let context else { return }
    isFlushingLast = false
    deadline = loop.resources.now() &+ Self.lingerTime
    context.close(mode: isInputClosed ? .all : .output, promise: nil)
  }

  /// The node ends, and with it an upgraded connection: in order, and a WebSocket client is told why (RFC 6455 section 7.4.1).
  func leaveUpgraded() {
    guard phase == .upgraded, let context else { return }
    if let stream {
      self.stream = nil
      stream.reset(.cancelled)
    }
    if exchange.isWebSocket { withOut { $0.writeBytes(WebSocketFrameHeader.goingAway) } }
    flushOut()
    finishRecords()
    context.close(promise: nil)
  }

  /// Whether its first request may be on its way.
  var isNewcomer: Bool { phase == .head && !isVisit }

  /// The connection is for more than to see whether the node is ready. While the node drains each request counts, not the first alone.
  func beginVisit() {
    guard !isVisit || node.isDraining else { return }
    isVisit = true
    node.visits.add(1, ordering: .relaxed)
  }

  /// The node is leaving, and nobody asks for anything any more: an idle connection closes; a busy one does behind its response. One that was busy a
  /// moment ago may have a request on its way, which would be lost, so it has a little time.
  func closeIfIdle(now: UInt64) {
    if phase == .head, http2 == nil, partialRequest == nil, input == nil, now &- idleSince >= Self.drainTime { closeAfterFlush() }
  }
}

/// Takes what still comes on a stream whose exchange is over, until the peer ends it.
private final class DiscardingConsumer: StreamConsumer {
  private let stream: any ByteStream

  init(_ stream: any ByteStream) {
    self.stream = stream
  }

  func streamDidReceive(_ bytes: ByteBuffer) { stream.consumed(bytes.readableBytes) }
  func streamDidEnd() {}
  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {}
  func streamDidBecomeWritable() {}
}
