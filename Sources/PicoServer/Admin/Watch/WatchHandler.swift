internal import NIOCore
internal import NIOWebSocket
internal import PicoCore
internal import PicoStatus

/// The loop's side of one status WebSocket: takes messages one at a time to the publisher, answers pings, and lets go of a peer that is silent
/// or takes nothing.
final class WatchHandler: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  struct Times: Sendable {
    var ping = TimeAmount.seconds(15)
    /// Without any byte of the peer.
    var silence = TimeAmount.seconds(45)
    /// Without taking anything of what waits for it.
    var stall = TimeAmount.seconds(60)
  }

  /// The largest message of a client.
  static let maximumMessage = 64 << 10
  /// Seconds; what lasts longer is noticed with a ping.
  private static let longestPermit = 86_400.0
  /// Messages that wait for the ones before them; then nothing is read.
  private static let maximumWaiting = 16

  private let publisher: StatusPublisher
  private let caller: Operator
  /// Nil where the port has no authentication.
  private let permit: WatchPermit?
  private let times: Times
  private let id = WatcherID.next()
  private var outlet: WatchOutlet?
  private var waiting = CircularBuffer<[UInt8]>()
  private var isBusy = false
  private var heardAt = NIODeadline.now()
  private var pinging: RepeatedTask?
  private var ending: Scheduled<Void>?
  private var isClosing = false

  init(publisher: StatusPublisher, caller: Operator, permit: WatchPermit? = nil, times: Times) {
    self.publisher = publisher
    self.caller = caller
    self.permit = permit
    self.times = times
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    let (publisher, id) = (publisher, id)
    let outlet = WatchOutlet(channel: context.channel) {
      bound.value.0.proceed(bound.value.1)
      Task { await publisher.resume(id) }
    }
    self.outlet = outlet
    pinging = context.eventLoop.scheduleRepeatedTask(initialDelay: times.ping, delay: times.ping) { _ in
      bound.value.0.ping(bound.value.1)
    }
    if let seconds = permit?.secondsLeft, seconds < Self.longestPermit {
      ending = context.eventLoop.scheduleTask(in: .nanoseconds(Int64(seconds * 1e9))) {
        bound.value.0.close(.policyViolation, bound.value.1)
      }
    }
    // Messages wait until the publisher knows the watcher.
    isBusy = true
    let caller = caller
    context.eventLoop.makeFutureWithTask { await publisher.join(id, outlet, by: caller) }.whenComplete { _ in
      bound.value.0.done(bound.value.1)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { leave() }

  func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  /// A peer that ends its side without a Close frame is gone.
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed? = event as? ChannelEvent { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  private func leave() {
    guard outlet != nil else { return }
    outlet = nil
    pinging?.cancel()
    ending?.cancel()
    waiting.removeAll()
    let (publisher, id) = (publisher, id)
    Task { await publisher.leave(id) }
  }

  // MARK: Reading

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = Self.unwrapInboundIn(data)
    heardAt = .now()
    guard !isClosing else { return }
    switch frame.opcode {
    case .text: receive(Array(frame.unmaskedData.readableBytesView), context)
    case .binary:
      outlet?.send(ServerMessage.error(StatusError(code: .badMessage, message: "messages are text")).json)
    case .ping:
      // A peer that does not read gets no answers to keep.
      guard context.channel.isWritable else { return }
      context.writeAndFlush(Self.wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)), promise: nil)
    case .connectionClose:
      var data = frame.unmaskedData
      close(data.readWebSocketErrorCode() ?? .normalClosure, context)
    default: break
    }
  }

  private func receive(_ message: [UInt8], _ context: ChannelHandlerContext) {
    waiting.append(message)
    proceed(context)
    if waiting.count >= Self.maximumWaiting { setReading(false, context) }
  }

  /// Takes the next message, unless one is being seen to or the peer does not read what it asked for.
  private func proceed(_ context: ChannelHandlerContext) {
    guard !isBusy, let outlet, outlet.hasRoom, let message = waiting.popFirst() else { return }
    isBusy = true
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    let (publisher, id) = (publisher, id)
    context.eventLoop.makeFutureWithTask { await publisher.receive(message, from: id) }.whenComplete { _ in
      bound.value.0.done(bound.value.1)
    }
  }

  private func done(_ context: ChannelHandlerContext) {
    isBusy = false
    guard outlet != nil else { return }
    proceed(context)
    if waiting.count < Self.maximumWaiting { setReading(true, context) }
  }

  private func setReading(_ isOn: Bool, _ context: ChannelHandlerContext) {
    try? context.channel.syncOptions?.setOption(.autoRead, value: isOn)
  }

  // MARK: Ending

  private func ping(_ context: ChannelHandlerContext) {
    guard let outlet, !isClosing else { return }
    guard permit?.isGood != false else { return close(.policyViolation, context) }
    let now = NIODeadline.now()
    // A peer that we do not read from is heard all the same.
    let isSilent = waiting.count < Self.maximumWaiting && now - heardAt >= times.silence
    guard !isSilent, outlet.stalled(now: now.uptimeNanoseconds) < UInt64(times.stall.nanoseconds) else {
      isClosing = true
      return context.close(promise: nil)
    }
    context.writeAndFlush(Self.wrapOutboundOut(WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer())), promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case NIOWebSocketFrameAggregator.Error.accumulatedFrameSizeIsTooLarge, NIOWebSocketError.invalidFrameLength:
      close(.messageTooLarge, context)
    case is NIOWebSocketFrameAggregator.Error, is NIOWebSocketError, is ClientFrameCheck.Violation: close(.protocolError, context)
    default: context.close(promise: nil)
    }
  }

  private func close(_ code: WebSocketErrorCode, _ context: ChannelHandlerContext) {
    guard !isClosing else { return }
    isClosing = true
    var data = context.channel.allocator.buffer(capacity: 2)
    data.write(webSocketErrorCode: code)
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(Self.wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: data)))
      .whenComplete { _ in bound.value.close(promise: nil) }
  }
}

/// Stands in front of the aggregator: a client masks every frame and sets no reserved bit (RFC 6455 sections 5.1 and 5.2).
final class ClientFrameCheck: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias InboundOut = WebSocketFrame

  struct Violation: Error {}

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = Self.unwrapInboundIn(data)
    guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else { return context.fireErrorCaught(Violation()) }
    context.fireChannelRead(data)
  }
}

/// Tells the watchers of a process apart.
struct WatcherID: Hashable, Sendable {
  private let number: UInt64

  static func next() -> WatcherID { WatcherID(number: .random(in: 0 ... .max)) }
}
