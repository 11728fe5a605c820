internal import NIOCore
internal import PicoAuth
internal import PicoCluster
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel
internal import Synchronization

/// A downstream TCP connection carried in WebSocket messages: what comes in binary messages goes to a stream of the endpoint as it is, and
/// back. A Close frame ends the client's side, as the message layer has no half-close. Until the service's first byte what the client sent
/// is kept, so that a listener whose agent reached no service costs the connection nothing. Confined to its loop.
final class TCPHandler: StreamConsumer, ChannelInboundHandler, TickFlushing {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Messages from this size on go to the channel as they are; smaller ones are gathered.
  private static let sliceMinimum = 8 << 10

  private let loop: LoopContext
  private var routes: EndpointRoutes
  /// The one that has the connection, or had it last.
  private var listener: Listener?
  private var tried = InlineArray<3, ListenerID?>(repeating: nil)
  private var attempts = 0
  /// A listener took no more streams.
  private(set) var wasFull = false
  /// What the client sent so far; nil while that is nothing.
  private var replay: ByteBuffer?
  /// The whole of what the client sent is in ``replay``, and nothing came of the service.
  private var canReplay = true
  private var stream: (any ByteStream)?
  private var decoder = WebSocketFrameDecoder(expectsMask: true)
  private var context: ChannelHandlerContext?
  private var isWritable = true
  private var unconsumed = 0
  private var out: ByteBuffer?
  private var isFlushRequested = false
  private var isEndSent = false
  private var isEndReceived = false
  private var bytesIn = 0
  private var bytesOut = 0
  private let startedAt: UInt64
  /// In the listener's statistics.
  private var isCounted = false

  /// The address that the connection is from.
  let peer: IPAddress?

  init(loop: LoopContext, routes: EndpointRoutes, peer: IPAddress?) {
    self.loop = loop
    self.peer = peer
    self.routes = routes
    startedAt = loop.resources.now()
  }

  /// Gives the connection, with what the client sent so far, to a listener that has not had it; false when there is none. The stream is
  /// opened at the agent's end too: many protocols begin with a word of the server.
  func connect() -> Bool {
    let now = loop.resources.now()
    if routes.isRetired, let current = loop.node.routes.routes(of: routes.endpoint) { routes = current }
    while attempts < ExchangeState.maximumAttempts, let next = routes.pick(excluding: tried, caller: loop.resources, now: now) {
      tried[attempts] = next.id
      attempts += 1
      guard let stream = next.open(self, .raw, from: loop.resources, mailboxes: loop.node.mailboxes) else {
        wasFull = wasFull || next.remote == nil
        continue
      }
      listener?.inFlight.subtract(1, ordering: .relaxed)
      next.inFlight.add(1, ordering: .relaxed)
      listener = next
      self.stream = stream
      _ = loop.cell(of: next)
      let bytes = replay ?? ByteBuffer()
      let goesOn = unsafe bytes.withUnsafeReadableBytes { unsafe stream.write($0, end: isEndSent) }
      setReading(goesOn)
      return true
    }
    return false
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    loop.rawConnections[ObjectIdentifier(self)] = self
    loop.statistics.inFlight += 1
  }

  func handlerRemoved(context: ChannelHandlerContext) { finish() }

  func channelInactive(context: ChannelHandlerContext) {
    finish()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    finish()
    context.close(promise: nil)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed? = event as? ChannelEvent { endUpstream() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    isWritable = context.channel.isWritable
    guard isWritable else { return }
    let count = unconsumed
    unconsumed = 0
    loop.hold(-count)
    stream?.consumed(count)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { receive(unwrapInboundIn(data)) }

  func receive(_ buffer: ByteBuffer) {
    var position = 0
    while stream != nil {
      switch unsafe buffer.withUnsafeReadableBytes({ unsafe decoder.next($0, position: &position) }) {
      case .needsMore: return
      case .payload(let offset, let count, let mask): send(buffer, offset: offset, count: count, mask: mask)
      case .ping:
        // A client that does not read gets no answers to keep.
        if isWritable { write(.pong, decoder.controlPayload) }
      case .pong, .empty: break
      case .close: endUpstream()
      case .fault(let fault):
        // What follows a fault cannot be read.
        stream?.reset(.cancelled)
        stream = nil
        write(.close, [UInt8(fault.rawValue >> 8), UInt8(fault.rawValue & 0xFF)])
        return closeConnection()
      }
    }
  }

  private func send(_ buffer: ByteBuffer, offset: Int, count: Int, mask: WebSocketMask?) {
    guard let stream, !isEndSent else { return }
    var plain = loop.resources.takeBuffer()
    _ = unsafe buffer.withUnsafeReadableBytes { source in
      unsafe plain.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { destination in
        // The decoder said that `count` bytes are at `offset`; the room was asked for above.
        if let from = source.baseAddress, let to = destination.baseAddress {
          unsafe (mask ?? WebSocketMask(word: 0)).apply(from: from + offset, to: to, count: count)
        }
        return count
      }
    }
    bytesIn += count
    if canReplay { keep(plain) }
    let goesOn = unsafe plain.withUnsafeReadableBytes { unsafe stream.write($0, end: false) }
    loop.resources.giveBack(plain)
    if !goesOn { setReading(false) }
  }

  private func keep(_ bytes: ByteBuffer) {
    var kept = replay.take() ?? loop.resources.takeBuffer()
    kept.writeImmutableBuffer(bytes)
    replay = kept
    if kept.readableBytes > loop.limits.retryBuffer { endReplay() }
  }

  private func endReplay() {
    canReplay = false
    if let kept = replay.take() { loop.resources.giveBack(kept) }
  }

  private func setReading(_ isOn: Bool) { try? context?.channel.syncOptions?.setOption(.autoRead, value: isOn) }

  private func endUpstream() {
    guard let stream, !isEndSent else { return }
    isEndSent = true
    _ = unsafe stream.write(UnsafeRawBufferPointer(start: nil, count: 0), end: true)
    if isEndReceived {
      self.stream = nil
      closeConnection()
    }
  }

  // MARK: From the stream

  func streamDidReceive(_ bytes: ByteBuffer) {
    if canReplay { noteAnswer() }
    bytesOut += bytes.readableBytes
    write(.binary, bytes)
    if isWritable {
      stream?.consumed(bytes.readableBytes)
    } else {
      unconsumed += bytes.readableBytes
      loop.hold(bytes.readableBytes)
    }
  }

  /// The service said something: it is there, and has what was sent.
  private func noteAnswer() {
    endReplay()
    listener?.recordSuccess(now: loop.resources.now())
    count(isError: false)
  }

  /// The connection is one request of the listener, whose response begins with the service's first byte.
  private func count(isError: Bool) {
    guard let listener, !isCounted else { return }
    isCounted = true
    let now = loop.resources.now()
    loop.cell(of: listener).recordResponse(status: 101, latency: now &- startedAt, now: now, isError: isError)
  }

  func streamDidBecomeWritable() { setReading(true) }

  func streamDidEnd() {
    if canReplay { noteAnswer() }
    isEndReceived = true
    write(.close, [0x03, 0xE8])
    if isEndSent {
      stream = nil
      closeConnection()
    }
  }

  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {
    stream = nil
    if let listener, code == .connectTimeout || code == .notSent && wasAcknowledged && listener.remote == nil {
      let now = loop.resources.now()
      let isHalfFailing = loop.cell(of: listener).recordConnectFailure(now: now)
      if listener.recordConnectFailure(isHalfFailing: isHalfFailing, now: now) { loop.node.logLeftOut(listener) }
    }
    if canReplay, code == .notSent || code == .connectTimeout, connect() { return loop.statistics.recordRetry() }
    if canReplay { count(isError: true) }
    // 1011: the server met a condition that kept it from going on.
    write(.close, [0x03, 0xF3])
    closeConnection()
  }

  // MARK: To the client

  private func write(_ opcode: WebSocketOpcode, _ payload: [UInt8]) { write(opcode, ByteBuffer(bytes: payload)) }

  private func write(_ opcode: WebSocketOpcode, _ payload: ByteBuffer) {
    guard let context else { return }
    var header = out.take() ?? loop.resources.takeBuffer()
    unsafe header.writeWithUnsafeMutableBytes(minimumWritableBytes: WebSocketFrameHeader.maximumLength) { destination in
      if let start = destination.baseAddress {
        unsafe WebSocketFrameHeader.write(opcode: opcode, payload: payload.readableBytes, mask: nil, to: start)
      }
      return WebSocketFrameHeader.length(payload: payload.readableBytes, masked: false)
    }
    if payload.readableBytes < Self.sliceMinimum {
      header.writeImmutableBuffer(payload)
      out = header
    } else {
      context.write(wrapOutboundOut(header), promise: nil)
      loop.resources.giveBack(header)
      context.write(wrapOutboundOut(payload), promise: nil)
    }
    guard !isFlushRequested else { return }
    isFlushRequested = true
    loop.resources.flushAtEndOfTick(self)
  }

  func flushTick() {
    isFlushRequested = false
    writeGathered()
    context?.flush()
  }

  private func writeGathered() {
    guard let context, let gathered = out.take() else { return }
    context.write(wrapOutboundOut(gathered), promise: nil)
    loop.resources.giveBack(gathered)
  }

  private func closeConnection() {
    writeGathered()
    guard let context else { return }
    let channel = context.channel
    let promise = channel.eventLoop.makePromise(of: Void.self)
    promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
  }

  /// The node ends, and with it the connection.
  func leave() {
    guard let context else { return }
    if !isEndReceived { write(.close, [0x03, 0xE9]) }
    flushTick()
    finish()
    context.close(promise: nil)
  }

  private func finish() {
    guard context != nil else { return }
    context = nil
    loop.rawConnections[ObjectIdentifier(self)] = nil
    loop.statistics.inFlight -= 1
    loop.hold(-unconsumed)
    unconsumed = 0
    endReplay()
    if let stream {
      self.stream = nil
      stream.reset(.cancelled)
    }
    loop.statistics.recordBytes(in: bytesIn, out: bytesOut)
    count(isError: false)
    guard let listener else { return }
    loop.cell(of: listener).recordBytes(in: bytesIn, out: bytesOut, now: loop.resources.now())
    listener.inFlight.subtract(1, ordering: .relaxed)
  }
}

extension ProxyHandler {
  /// `GET /pico/v1/tcp/{endpoint}`: the connection becomes one stream of a listener.
  func openTCP(_ head: borrowing RequestHead, _ bytes: ByteBuffer, _ name: HeadSlice, _ rest: ByteBuffer) {
    let span = bytes.readableBytesSpan
    if let refusal = refusalOfHandshake(head, span) { return fail(refusal, behind: rest) }
    if head.value(named: "origin", in: span) != nil { return fail(.endpointNotPermitted, behind: rest) }
    guard EndpointID(name.text(in: span)) != nil else { return fail(.malformedRequest, behind: rest) }
    if loop.limits.looksAtClients, refusesClient(of: head, span, behind: rest) { return }
    var known: KnownToken?
    if let authenticator = node.authenticators.proxy {
      switch admission(head, span, by: authenticator) {
      case .admitted(let token): known = token
      case .refused(let code): return fail(code, behind: rest)
      case .waits(let text): return waitForKeys(of: authenticator, for: text, with: bytes)
      }
    }
    guard let tenant = tenant(head, span, known, namedByDomain: true) else { return fail(.tenantNotPermitted, behind: rest) }
    guard let endpoint = EndpointID(name.text(in: span), of: tenant), known?.claims.endpoints.permits(endpoint) != false else {
      return fail(.endpointNotPermitted, behind: rest)
    }
    guard let context, let key = head.value(named: "sec-websocket-key", in: span) else { return }
    guard let routes = node.routes.routes(of: endpoint) else {
      return fail(node.isDraining ? .shuttingDown : .noAvailableUpstreams, behind: rest)
    }
    let handler = TCPHandler(loop: loop, routes: routes, peer: client(of: head, span))
    guard handler.connect() else {
      return fail(handler.wasFull ? .overloaded : node.isDraining ? .shuttingDown : .noAvailableUpstreams, behind: rest)
    }
    recordUpgrade()
    let waiting = input.take()
    if isReadPaused { resumeReading() }
    leave()
    var answer = ByteBuffer()
    answer.writeStaticString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
    answer.writeBytes(WebSocketHandshake.acceptKey(for: key.text(in: span).utf8))
    answer.writeStaticString("\r\n\r\n")
    do {
      try context.pipeline.syncOperations.addHandler(handler, position: .after(self))
    } catch {
      return context.close(promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
    _ = context.pipeline.syncOperations.removeHandler(self)
    for bytes in [waiting, rest] { if let bytes, bytes.readableBytes > 0 { handler.receive(bytes) } }
  }
}
