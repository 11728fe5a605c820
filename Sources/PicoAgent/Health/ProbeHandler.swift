internal import NIOCore
internal import NIOTLS
internal import PicoClient
internal import PicoHTTP
internal import PicoTransport

/// One check: connects, and with a request reads the status of the answer.
final class ProbeHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let request: ByteBuffer
  private let waitsForTLS: Bool
  private let outcome: EventLoopPromise<String?>
  private var received = ByteBuffer()
  private var head = ResponseHead()

  /// - Parameters:
  ///   - request: nothing but connects when it is empty.
  ///   - outcome: nil when all is well, else the reason.
  init(request: ByteBuffer, waitsForTLS: Bool, outcome: EventLoopPromise<String?>) {
    self.request = request
    self.waitsForTLS = waitsForTLS
    self.outcome = outcome
  }

  func channelActive(context: ChannelHandlerContext) {
    if !waitsForTLS { ask(context) }
    context.fireChannelActive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted = event { ask(context) }
    context.fireUserInboundEventTriggered(event)
  }

  private func ask(_ context: ChannelHandlerContext) {
    guard request.readableBytes > 0 else { return outcome.succeed(nil) }
    context.writeAndFlush(wrapOutboundOut(request), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received.writeImmutableBuffer(unwrapInboundIn(data))
    while true {
      switch head.parse(received.readableBytesSpan, limit: UpstreamRelay.maximumHead, answering: .init(method: .get, asksForUpgrade: false))
      {
      case .incomplete: return
      case .failed(let fault): return outcome.succeed("malformed response (\(fault))")
      case .complete(let headBytes) where head.isInterim:
        received.moveReaderIndex(forwardBy: headBytes)
        head.reset()
      case .complete: return outcome.succeed((200...399).contains(head.status) ? nil : "status \(head.status)")
      }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    outcome.succeed(ConnectErrorText.text(error))
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    outcome.succeed("the connection ended without an answer")
    context.fireChannelInactive()
  }
}
