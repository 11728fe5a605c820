internal import NIOCore
internal import NIOHTTP2
internal import PicoTunnel

/// One connection to a service that speaks HTTP/2 in the clear, by prior knowledge. Confined to its loop.
final class HTTP2UpstreamConnection: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame

  private let upstream: HTTP2Upstream
  private var context: ChannelHandlerContext?
  private var multiplexer: NIOHTTP2Handler.StreamMultiplexer?
  private var opened = 0
  private var streams = 0
  private var idleSince: UInt64
  /// No new stream, for whatever reason.
  private var isRetired = false
  /// The service looked at no stream above this one (RFC 9113 section 6.8).
  private(set) var lastServed: HTTP2StreamID?

  /// How much of a response may wait for the tunnel.
  private static let streamWindow = 256 << 10
  private static let connectionWindow = 1 << 20
  private static let unwrittenMarks = (low: 64 << 10, high: 128 << 10)
  private static let maximumHeaderList = 256 << 10
  /// Long before the IDs of streams run out.
  private static let streamsOfConnection = 1 << 24
  private static let idleTime: UInt64 = 300_000_000_000

  init(_ upstream: HTTP2Upstream) {
    self.upstream = upstream
    idleSince = upstream.resources.now()
  }

  var takesStreams: Bool { !isRetired && multiplexer != nil }

  func isIdle(now: UInt64) -> Bool { streams == 0 && now &- idleSince > Self.idleTime }

  func open(_ handler: UpstreamConnection) -> EventLoopFuture<any Channel> {
    guard let multiplexer, !isRetired else { return upstream.resources.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
    opened += 1
    if opened == Self.streamsOfConnection { leave() }
    streams += 1
    let bound = NIOLoopBound((self, handler), eventLoop: upstream.resources.eventLoop)
    return multiplexer.createStreamChannel { stream in
      stream.eventLoop.makeCompletedFuture {
        let (connection, handler) = bound.value
        try stream.pipeline.syncOperations.addHandlers([HTTP2ExchangeHandler(connection, connection.upstream), handler])
      }
    }
  }

  func streamDidEnd() {
    streams -= 1
    idleSince = upstream.resources.now()
    if isRetired, streams == 0 { context?.close(promise: nil) }
  }

  /// Opens no more streams, and ends with those that are open.
  func retire() {
    leave()
    if streams == 0 { context?.close(promise: nil) }
  }

  private func leave() {
    isRetired = true
    upstream.didEnd(self)
  }

  // MARK: Channel events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    var connection = NIOHTTP2Handler.ConnectionConfiguration()
    connection.initialSettings = [
      HTTP2Setting(parameter: .enablePush, value: 0), HTTP2Setting(parameter: .initialWindowSize, value: Self.streamWindow),
      HTTP2Setting(parameter: .maxHeaderListSize, value: Self.maximumHeaderList),
    ]
    // ``MessageWriter`` is stricter than these.
    connection.headerBlockValidation = .disabled
    connection.contentLengthValidation = .disabled
    connection.targetWindowSize = Self.connectionWindow
    connection.maximumRecentlyResetStreams = 1000
    // A service of gRPC asks for signs of life as often as data comes.
    connection.controlFrameRateLimit.maximumCount = 2000
    var stream = NIOHTTP2Handler.StreamConfiguration()
    stream.targetWindowSize = Self.streamWindow
    stream.outboundBufferSizeLowWatermark = Self.unwrittenMarks.low
    stream.outboundBufferSizeHighWatermark = Self.unwrittenMarks.high
    let http2 = NIOHTTP2Handler(
      mode: .client, eventLoop: context.eventLoop, connectionConfiguration: connection, streamConfiguration: stream
    ) { pushed in
      // Pushing is switched off.
      pushed.close()
    }
    do {
      try context.pipeline.syncOperations.addHandlers([TickFlushHandler(loop: upstream.resources), http2], position: .before(self))
      multiplexer = try http2.syncMultiplexer()
    } catch {
      context.close(promise: nil)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .goAway(let last, _, _) = unwrapInboundIn(data).payload else { return }
    lastServed = last
    retire()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // Nobody who speaks HTTP/2 ends one side alone.
    guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  /// But for these, faults of the connection: what is open on it is lost.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case is NIOHTTP2Errors.NoSuchStream, is NIOHTTP2Errors.StreamError: break
    default: context.close(promise: nil)
    }
  }
}
