internal import NIOCore
internal import NIOTLS
internal import PicoTunnel

/// One connection to the service, serving one relay at a time or waiting in the pool. Confined to its loop.
///
/// What a relay writes during a tick goes out as one write at the tick's end; long slices are handed on without a copy.
final class UpstreamConnection: ChannelDuplexHandler, TickFlushing {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  let pool: UpstreamPool
  var relay: UpstreamRelay?
  /// Since when it waits in the pool, and until when it may; nanoseconds.
  var idleSince: UInt64 = 0
  var idleUntil: UInt64 = 0
  private(set) var isReady = false
  private(set) var isClosed = false

  private var context: ChannelHandlerContext?
  private var out: ByteBuffer?
  private var isFlushRequested = false
  private var isPaused = false
  private var isReadWithheld = false
  private var failure: (any Error)?
  private var isEnded = false

  /// From here on a copy costs more than a slice.
  private static let sliceFrom = 8 << 10
  private static let lastWrite = TimeAmount.seconds(30)

  init(pool: UpstreamPool) { self.pool = pool }

  private var loop: LoopResources { pool.resources }

  func connect() {
    // Whoever waits is told by `becomeReady` or `didFail`; the channel keeps this handler.
    let channel = pool.http2?.open(self) ?? pool.service.connect(on: loop.eventLoop, handler: self)
    channel.assumeIsolated().whenFailure { self.close(error: $0) }
  }

  // MARK: Writing

  /// Lets `body` append to what goes out at the end of the tick.
  @inline(__always)
  func write(_ body: (inout ByteBuffer) -> Void) {
    var buffer = out.take() ?? loop.takeBuffer()
    body(&buffer)
    out = buffer
    requestFlush()
  }

  func write(_ bytes: ByteBuffer) {
    guard bytes.readableBytes >= Self.sliceFrom else {
      return write { _ = $0.writeImmutableBuffer(bytes) }
    }
    writeOut()
    context?.write(wrapOutboundOut(bytes), promise: nil)
    requestFlush()
  }

  private func requestFlush() {
    guard !isFlushRequested else { return }
    isFlushRequested = true
    loop.flushAtEndOfTick(self)
  }

  private func writeOut() {
    guard let buffer = out.take() else { return }
    context?.write(wrapOutboundOut(buffer), promise: nil)
  }

  func flushTick() {
    isFlushRequested = false
    guard let context else { return }
    if let buffer = out.take() {
      context.write(wrapOutboundOut(buffer), promise: nil)
      context.flush()
      loop.giveBack(buffer)
    } else {
      context.flush()
    }
    if let relay, context.channel.isWritable { relay.upstreamDidTake() }
  }

  /// Ends our side behind what was written.
  func closeOutput() {
    guard let context else { return }
    let promise = context.eventLoop.makePromise(of: Void.self)
    let last = out.take() ?? ByteBuffer()
    context.writeAndFlush(wrapOutboundOut(last), promise: promise)
    // Nothing may be cut off: with the other side ended already, NIO closes both ways at once and drops what waits.
    promise.futureResult.assumeIsolated().whenSuccess { self.context?.close(mode: .output, promise: nil) }
  }

  /// Ends both ways behind what was written, without a relay. A service that takes nothing more has half a minute.
  func finish() {
    relay = nil
    guard let context else { return }
    let promise = context.eventLoop.makePromise(of: Void.self)
    let last = out.take() ?? ByteBuffer()
    context.writeAndFlush(wrapOutboundOut(last), promise: promise)
    let deadline = context.eventLoop.assumeIsolated().scheduleTask(in: Self.lastWrite) { self.close(error: nil) }
    promise.futureResult.assumeIsolated().whenComplete { _ in
      deadline.cancel()
      self.close(error: nil)
    }
  }

  // MARK: Reading

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

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let relay else {
      // Nobody asked for anything: whatever this is, no later request may see it.
      return close(error: nil)
    }
    relay.upstreamDidReceive(unwrapInboundIn(data))
  }

  // MARK: Events

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelActive(context: ChannelHandlerContext) {
    if !pool.service.usesTLS { becomeReady() }
    context.fireChannelActive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case TLSUserEvent.handshakeCompleted: becomeReady()
    case ChannelEvent.inputClosed: end()
    default: break
    }
    context.fireUserInboundEventTriggered(event)
  }

  private func becomeReady() {
    guard !isReady, !isClosed else { return }
    isReady = true
    pool.didConnect(self)
    if let relay { relay.upstreamDidConnect(self) } else { pool.give(self, keepAliveSeconds: nil) }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { relay?.upstreamDidTake() }
    context.fireChannelWritabilityChanged()
  }

  private func end() {
    guard !isEnded, !isClosed else { return }
    isEnded = true
    if let relay { relay.upstreamDidEnd() } else { close(error: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    close(error: error)
  }

  func channelInactive(context: ChannelHandlerContext) {
    if isReady, failure == nil { end() }
    close(error: nil)
    context.fireChannelInactive()
  }

  /// The relay is done with it and it cannot serve another.
  func discard(byReset: Bool = false) {
    relay = nil
    close(error: nil, byReset: byReset)
  }

  private func close(error: (any Error)?, byReset: Bool = false) {
    guard !isClosed else { return }
    isClosed = true
    failure = error
    if let buffer = out.take() { loop.giveBack(buffer) }
    pool.remove(self, error: error)
    let relay = relay.take()
    relay?.upstreamDidClose(error: error, wasReady: isReady)
    if byReset { context?.channel.closeByReset() } else { context?.close(promise: nil) }
  }
}
