internal import Logging
internal import NIOCore
internal import PicoTunnel

/// An accepted TCP connection joined to a stream of the endpoint. Confined to its loop.
///
/// ```
/// active ─▶ dialling ─▶ joined ─┬─ both sides ended ─▶ closed
///               └───────────────┴─ either one lost ──▶ reset
/// ```
/// Reading stops while the other side is not writable, both ways, and until the stream is there.
final class ForwardedConnection: ChannelDuplexHandler, TickFlushing, EndpointStreamConsumer {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let loop: LoopResources
  private let dialer: EndpointDialer
  private let logger: Logger
  private var stream: EndpointStream?
  private var context: ChannelHandlerContext?
  /// What came before the stream was there: an end of input makes NIO read what waits.
  private var held: ByteBuffer?
  private var out: ByteBuffer?
  private var isFlushRequested = false
  private var isPaused = true
  private var isReadWithheld = false
  private var isInputEnded = false
  private var isOutputEnded = false
  private var isOver = false

  /// From here on a copy costs more than a slice.
  private static let sliceFrom = 8 << 10

  init(loop: LoopResources, dialer: EndpointDialer, logger: Logger) {
    self.loop = loop
    self.dialer = dialer
    self.logger = logger
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func channelActive(context: ChannelHandlerContext) {
    dialer.dial(on: loop) { result in
      switch result {
      case .success(let stream): self.join(stream)
      case .failure(let error): self.fail(error)
      }
    }
    context.fireChannelActive()
  }

  private func join(_ stream: EndpointStream) {
    guard !isOver else { return stream.abort() }
    self.stream = stream
    stream.consumer = self
    if let waiting = held.take() { _ = stream.write(waiting) }
    if isInputEnded { stream.finish() }
    resume()
  }

  // MARK: From the local side

  func read(context: ChannelHandlerContext) {
    if isPaused {
      isReadWithheld = true
    } else {
      context.read()
    }
  }

  private func resume() {
    isPaused = false
    guard isReadWithheld else { return }
    isReadWithheld = false
    context?.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    if let stream {
      if !stream.write(bytes) { isPaused = true }
    } else if var waiting = held.take() {
      waiting.writeImmutableBuffer(bytes)
      held = waiting
    } else {
      held = bytes
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed? = event as? ChannelEvent {
      isInputEnded = true
      stream?.finish()
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { stream?.resume() }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    // Once output is closed, NIO shows the end of input as the end of all; an error would have come before.
    if isOutputEnded { stream?.finish() }
    cut()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { cut() }

  /// The local side is gone.
  private func cut() {
    guard !isOver else { return }
    isOver = true
    stream?.abort()
    stream = nil
    out = nil
    context?.close(promise: nil)
    context = nil
  }

  // MARK: From the stream

  func streamDidReceive(_ bytes: ByteBuffer) {
    guard let context else { return }
    if bytes.readableBytes < Self.sliceFrom {
      var buffer = out.take() ?? loop.takeBuffer()
      buffer.writeImmutableBuffer(bytes)
      out = buffer
    } else {
      writeOut()
      context.write(wrapOutboundOut(bytes), promise: nil)
    }
    if !isFlushRequested {
      isFlushRequested = true
      loop.flushAtEndOfTick(self)
    }
    if !context.channel.isWritable { stream?.pause() }
  }

  private func writeOut() {
    guard let buffer = out.take() else { return }
    context?.write(wrapOutboundOut(buffer), promise: nil)
    loop.giveBack(buffer)
  }

  func flushTick() {
    isFlushRequested = false
    writeOut()
    context?.flush()
  }

  func streamDidBecomeWritable() { resume() }

  func streamDidEnd() {
    isOutputEnded = true
    afterOutput { $0.close(mode: .output, promise: nil) }
  }

  func streamDidClose(_ error: DialError?) {
    stream = nil
    if let error { return fail(error) }
    afterOutput { $0.close(promise: nil) }
  }

  /// Both sides ended or not: nothing that was written may be cut off.
  private func afterOutput(_ act: @escaping @Sendable (any Channel) -> Void) {
    guard let context else { return }
    let channel = context.channel
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.whenSuccess { act(channel) }
    writeOut()
    context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
  }

  private func fail(_ error: DialError) {
    guard !isOver else { return }
    isOver = true
    stream = nil
    logger.warning(
      "connection failed",
      metadata: [
        "endpoint": "\(dialer.settings.endpoint)", "server": "\(dialer.settings.access.server)", "reason": "\(error)",
      ])
    guard let context else { return }
    flushTick()
    self.context = nil
    context.channel.closeByReset()
  }
}
