internal import NIOCore
internal import NIOTLS
internal import PicoTransport
internal import PicoTunnel

/// Between the socket and the TLS of a connection.
final class TLSEdge: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// All bytes that TLS handed to the channel: what the socket's queue is to be compared with.
  private(set) var written = 0

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    written &+= Self.unwrapOutboundIn(data).readableBytes
    context.write(data, promise: promise)
  }

  /// TLS closes as soon as both sides said their last word, ours maybe from within a flush, which takes nothing more: that one has to end
  /// before the socket does.
  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard mode == .all else { return context.close(mode: mode, promise: promise) }
    context.eventLoop.assumeIsolated().execute { context.close(promise: promise) }
  }
}

/// Behind the TLS of a connection: ends a handshake that takes too long, and says in words what went wrong. After an error nothing more is
/// said to the other side, which may be gone.
///
/// A session that is resumed brings the client's certificate along and nobody looks at it again, so its end is compared here.
final class TLSInnerHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let timeout: TimeAmount
  private let asksForCertificate: Bool
  /// Told once, unless the handshake succeeds.
  private let failed: (HandshakeFailure, TLSFault, SocketAddress?) -> Void
  private var deadline: Scheduled<Void>?
  private var isSettled = false
  /// Refused after the handshake: bytes that came with its end are nobody's.
  private var isRefused = false

  init(timeout: TimeAmount, asksForCertificate: Bool, failed: @escaping (HandshakeFailure, TLSFault, SocketAddress?) -> Void) {
    self.timeout = timeout
    self.asksForCertificate = asksForCertificate
    self.failed = failed
  }

  func handlerAdded(context: ChannelHandlerContext) {
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { [self] in
      fail(.timeout, .timeout, context)
      context.channel.closeAtSocket()
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if !isRefused { context.fireChannelRead(data) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted? = event as? TLSUserEvent {
      guard !asksForCertificate || CertificateIdentity.isValidNow(of: context.channel) else {
        isRefused = true
        fail(.clientCertificate, .clientCertificateEnded, context)
        // Whoever is behind knows nothing of the connection yet, and would end it with a word.
        return context.channel.closeAtSocket()
      }
      isSettled = true
      deadline?.cancel()
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let fault = TLSFault(error)
    fail(HandshakeFailure(error), fault, context)
    context.fireErrorCaught(fault)
    context.channel.closeAtSocket()
  }

  private func fail(_ failure: HandshakeFailure, _ fault: TLSFault, _ context: ChannelHandlerContext) {
    guard !isSettled else { return }
    isSettled = true
    deadline?.cancel()
    failed(failure, fault, context.remoteAddress)
  }
}
