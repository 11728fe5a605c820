internal import NIOCore
internal import PicoTransport
internal import PicoTunnel

/// Whoever uses an ``EndpointStream``: told on its loop what happens.
protocol EndpointStreamConsumer: AnyObject {
  /// Bytes of the service, in order.
  func streamDidReceive(_ bytes: ByteBuffer)
  /// The service sends no more.
  func streamDidEnd()
  /// After ``EndpointStream/write(_:)`` had returned false.
  func streamDidBecomeWritable()
  /// Both sides ended, or with an error that it was cut. Nothing more will be called.
  func streamDidClose(_ error: DialError?)
}

/// The client's end of a TCP stream in WebSocket messages (docs/protocol.md, "TCP streams for clients"). Confined to its loop.
///
/// What is written during a tick goes out as one write at the tick's end, masked while it is copied; what comes is handed on in slices. A
/// Close frame ends its direction; where the server knows no half-close it ends both.
final class EndpointStream: ChannelDuplexHandler, HandshakeSuccessor, TickFlushing {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  var consumer: (any EndpointStreamConsumer)?

  private let loop: LoopResources
  private let hasHalfClose: Bool
  private var decoder = WebSocketFrameDecoder(expectsMask: false)
  private var context: ChannelHandlerContext?
  private var isWritable = true
  private var out: ByteBuffer?
  /// Handed to the channel in this tick.
  private var written: [ByteBuffer] = []
  private var isFlushRequested = false
  private var isPaused = false
  private var isReadWithheld = false
  private var isEndSent = false
  private var isEndReceived = false
  private var isOver = false
  private var deadline: Scheduled<Void>?

  /// What is gathered is handed to the channel once it is this long.
  private static let messageLimit = 64 << 10
  /// How long a server may take to take what was sent last.
  private static let lingering = TimeAmount.seconds(60)
  private static let normalClosure: [UInt8] = [0x03, 0xE8]

  init(loop: LoopResources, hasHalfClose: Bool) {
    self.loop = loop
    self.hasHalfClose = hasHalfClose
  }

  var eventLoop: any EventLoop { loop.eventLoop }

  // MARK: Sending

  /// This side has ended, or the whole stream.
  var isFinished: Bool { isEndSent || isOver }

  /// False when the writer should pause until ``EndpointStreamConsumer/streamDidBecomeWritable()``; the bytes are taken either way.
  func write(_ bytes: ByteBuffer) -> Bool {
    guard !isEndSent, !isOver, bytes.readableBytes > 0 else { return true }
    unsafe bytes.withUnsafeReadableBytes { unsafe append(.binary, $0) }
    return isWritable
  }

  /// Ends this side behind what was written.
  func finish() {
    guard !isEndSent, !isOver else { return }
    isEndSent = true
    unsafe Self.normalClosure.withUnsafeBytes { unsafe append(.close, $0) }
    if isEndReceived { closeBehindOutput() }
  }

  /// Nobody is here to read any more. Before ``finish()`` it ends by a reset, so that nobody takes what was sent for the whole.
  func abort() {
    guard !isOver else { return }
    consumer = nil
    guard isEndSent else { return close(nil, byReset: true) }
    closeBehindOutput()
    deadline = context?.eventLoop.assumeIsolated().scheduleTask(in: Self.lingering) { self.close(nil, byReset: true) }
  }

  private func append(_ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer) {
    let mask = WebSocketMask(word: loop.strongRandom())
    let length = WebSocketFrameHeader.length(payload: payload.count, masked: true)
    if let gathered = out, gathered.readableBytes + length + payload.count > Self.messageLimit { writeOut() }
    var buffer = out.take() ?? loop.takeBuffer()
    unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length + payload.count) { destination in
      // The room for header and payload was asked for above.
      if let start = destination.baseAddress {
        unsafe WebSocketFrameHeader.write(opcode: opcode, payload: payload.count, mask: mask, to: start)
        if let from = payload.baseAddress { unsafe mask.apply(from: from, to: start + length, count: payload.count) }
      }
      return length + payload.count
    }
    out = buffer
    guard !isFlushRequested else { return }
    isFlushRequested = true
    loop.flushAtEndOfTick(self)
  }

  private func writeOut() {
    guard let buffer = out.take() else { return }
    context?.write(wrapOutboundOut(buffer), promise: nil)
    written.append(buffer)
  }

  func flushTick() {
    isFlushRequested = false
    writeOut()
    context?.flush()
    while let buffer = written.popLast() { loop.giveBack(buffer) }
  }

  // MARK: Receiving

  func pause() { isPaused = true }

  func resume() {
    isPaused = false
    guard isReadWithheld else { return }
    isReadWithheld = false
    context?.read()
  }

  func read(context: ChannelHandlerContext) {
    if isPaused {
      isReadWithheld = true
    } else {
      context.read()
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { receive(unwrapInboundIn(data)) }

  func receive(_ buffer: ByteBuffer) {
    var position = 0
    while !isEndReceived, !isOver {
      switch unsafe buffer.withUnsafeReadableBytes({ unsafe decoder.next($0, position: &position) }) {
      case .needsMore: return
      case .payload(let offset, let count, _):
        if let slice = buffer.getSlice(at: buffer.readerIndex + offset, length: count) { consumer?.streamDidReceive(slice) }
      case .ping:
        // A server that does not read gets no answers to keep.
        let payload = decoder.controlPayload
        if isWritable, !isEndSent { unsafe payload.withUnsafeBytes { unsafe append(.pong, $0) } }
      case .pong, .empty: break
      case .close: didReceiveClose(decoder.controlPayload)
      case .fault: close(DialError(.lost, "what the server sends is no WebSocket"), byReset: true)
      }
    }
  }

  /// RFC 6455 section 5.5.1: a code in two bytes, or nothing.
  private func didReceiveClose(_ payload: [UInt8]) {
    let code = payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : 1000
    switch code {
    case 1000:
      isEndReceived = true
      consumer?.streamDidEnd()
      if isEndSent {
        closeBehindOutput()
      } else if !hasHalfClose {
        // Nobody reads this side's bytes any more.
        finish()
      }
    case 1001: close(DialError(.lost, "the server is going away"))
    case 1011: close(DialError(.lost, "the stream was lost, or the endpoint's upstream cannot be reached"))
    default: close(DialError(.lost, "the server ended the stream with code \(code)"))
    }
  }

  // MARK: Events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    context.channel.keepAlive()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    isWritable = context.channel.isWritable
    if isWritable { consumer?.streamDidBecomeWritable() }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    if !isOver, !hasHalfClose, !isEndReceived {
      // A Piko server ends by plain closing.
      isEndReceived = true
      consumer?.streamDidEnd()
      close(nil)
    } else {
      close(isEndReceived && isEndSent ? nil : DialError(.lost, "the server closed the connection"))
    }
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    close(DialError(.lost, ConnectErrorText.text(error)), byReset: true)
  }

  private func closeBehindOutput() {
    guard let context else { return }
    let promise = context.eventLoop.makePromise(of: Void.self)
    writeOut()
    context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
    promise.futureResult.assumeIsolated().whenSuccess { self.close(nil) }
  }

  private func close(_ error: DialError?, byReset: Bool = false) {
    guard !isOver else { return }
    isOver = true
    deadline?.cancel()
    out = nil
    let consumer = consumer
    self.consumer = nil
    if let context {
      self.context = nil
      if byReset { context.channel.closeByReset() } else { context.close(promise: nil) }
    }
    consumer?.streamDidClose(error)
  }
}
