internal import NIOCore
internal import NIOTLS

/// One connection to what is measured: at most one request at a time. Confined to its event loop.
final class BenchConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let load: BenchLoad
  private let template: RequestTemplate
  private let waitsForTLS: Bool
  private var context: ChannelHandlerContext?
  /// Whether requests can be sent, or could be.
  private var isOpened = false
  private var isClosed = false
  private var handshakeDeadline: Scheduled<Void>?
  private var settled: (() -> Void)?
  private var parser: ResponseParser
  /// Bytes that the parser wants to see again with more behind them.
  private var held: ByteBuffer?
  /// Body bytes of the request that are not written yet.
  private var bytesToWrite = 0
  private var hasByte = false
  private(set) var isWaiting = false {
    didSet {
      if isWaiting != oldValue { load.waitingChanged(by: isWaiting ? 1 : -1) }
    }
  }
  /// Whether it ever brought a whole response.
  private(set) var hasServed = false
  /// Monotonic nanoseconds at which the request was written.
  private(set) var sentAt: UInt64 = 0
  /// When it should have been: what latency counts from.
  private(set) var dueAt: UInt64 = 0

  init(load: BenchLoad, template: RequestTemplate, waitsForTLS: Bool) {
    self.load = load
    self.template = template
    self.waitsForTLS = waitsForTLS
    parser = ResponseParser(isHead: template.isHead)
  }

  func channelActive(context: ChannelHandlerContext) {
    self.context = context
    guard waitsForTLS else { return open() }
    handshakeDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: load.timeout) { self.close() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted = event, !isOpened { open() }
  }

  private func open() {
    isOpened = true
    handshakeDeadline?.cancel()
    load.opened(self)
    settle()
  }

  /// Calls it once requests can be sent, or when that has failed.
  func whenSettled(_ body: @escaping () -> Void) {
    settled = body
    if isOpened || isClosed { settle() }
  }

  private func settle() {
    let body = settled.take()
    body?()
  }

  func send(due: UInt64, now: UInt64) {
    guard let context else { return }
    isWaiting = true
    hasByte = false
    dueAt = due
    sentAt = now
    load.counts.bytesSent += UInt64(template.first.readableBytes)
    if template.bytesAfterFirst == 0 {
      context.writeAndFlush(Self.wrapOutboundOut(template.first), promise: nil)
    } else {
      context.write(Self.wrapOutboundOut(template.first), promise: nil)
      bytesToWrite = template.bytesAfterFirst
      writeBody(context)
    }
  }

  func close() {
    context?.close(promise: nil)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if bytesToWrite > 0 { writeBody(context) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var buffer = Self.unwrapInboundIn(data)
    load.counts.bytesReceived += UInt64(buffer.readableBytes)
    guard isWaiting else { return fail(\.malformed) }
    hasByte = true
    if var whole = held {
      held = nil
      whole.writeBuffer(&buffer)
      buffer = whole
    }
    // The parser looks at the bytes within the call.
    let (consumed, outcome) = unsafe buffer.withUnsafeReadableBytes { unsafe parser.parse($0) }
    buffer.moveReaderIndex(forwardBy: consumed)
    switch outcome {
    case .needsMore:
      if buffer.readableBytes > 0 { held = buffer }
    case .complete(let status, let keepAlive):
      isWaiting = false
      guard buffer.readableBytes == 0 else { return fail(\.malformed) }
      // An answer that came before the request was whole: the rest of the request is worth nothing, so neither is the connection.
      hasServed = true
      load.completed(self, status: status, keepAlive: keepAlive && bytesToWrite == 0)
    case .malformed:
      fail(\.malformed)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.context = nil
    isClosed = true
    guard isOpened else {
      handshakeDeadline?.cancel()
      load.failed()
      return settle()
    }
    if isWaiting {
      isWaiting = false
      if let status = parser.statusAtClose {
        hasServed = true
        load.completed(self, status: status, keepAlive: false)
      } else if hasByte {
        load.counts.errors.truncated += 1
      } else {
        load.counts.errors.closed += 1
      }
    }
    load.closed(self)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  /// Gives up what was waiting for, if anything, and the connection with it.
  func fail(_ kind: WritableKeyPath<BenchCounts.Errors, UInt64>) {
    isWaiting = false
    load.counts.errors[keyPath: kind] += 1
    close()
  }

  private func writeBody(_ context: ChannelHandlerContext) {
    while bytesToWrite > 0, context.channel.isWritable {
      let count = min(bytesToWrite, template.block.readableBytes)
      guard let slice = template.block.getSlice(at: template.block.readerIndex, length: count) else { return }
      bytesToWrite -= count
      load.counts.bytesSent += UInt64(count)
      context.writeAndFlush(Self.wrapOutboundOut(slice), promise: nil)
    }
  }
}
