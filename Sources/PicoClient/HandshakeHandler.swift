internal import NIOCore
internal import NIOSSL
internal import PicoTransport
internal import PicoTunnel

/// Sends the request, reads the answer, and gives its place to the attempt's successor.
final class HandshakeHandler<Successor: HandshakeSuccessor>: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let attempt: Attempt<Successor>
  private var answer: WebSocketAnswer
  private var deadline: Scheduled<Void>?
  private var failure: ConnectFailure?

  init(_ attempt: Attempt<Successor>) {
    self.attempt = attempt
    answer = WebSocketAnswer(key: attempt.request.key, offered: attempt.request.subprotocol)
  }

  func channelActive(context: ChannelHandlerContext) {
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: ServerConnector.handshakeTimeout) { self.fail(.timeout, context) }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: attempt.bytes)), promise: nil)
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !attempt.isFinished else { return }
    obey(answer.receive(unwrapInboundIn(data).readableBytesView), context)
  }

  private func obey(_ outcome: WebSocketAnswer.Outcome, _ context: ChannelHandlerContext) {
    switch outcome {
    case .needsMore: break
    case .refused(let refusal): fail(.refused(refusal), context)
    case .fault(let fault): fail(.malformedAnswer(fault), context)
    case .accepted(let subprotocol, let rest): open(isPico: subprotocol == WebSocketHandshake.subprotocol, rest, context)
    }
  }

  private func open(isPico: Bool, _ rest: [UInt8], _ context: ChannelHandlerContext) {
    deadline?.cancel()
    let place = NodePlace(node: answer.value(of: "x-pico-node"), nodes: answer.value(of: "x-pico-nodes"))
    let successor = attempt.makeSuccessor(ServerAnswer(isPico: isPico, place: place))
    do {
      try context.pipeline.syncOperations.addHandler(successor, position: .after(self))
    } catch {
      return fail(.unreachable("\(error)"), context)
    }
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
    attempt.finish(.success(successor))
    if !rest.isEmpty { successor.receive(ByteBuffer(bytes: rest)) }
  }

  private func fail(_ failure: ConnectFailure, _ context: ChannelHandlerContext) {
    deadline?.cancel()
    attempt.finish(.failure(failure))
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    if !attempt.isFinished { obey(answer.finish(), context) }
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard !attempt.isFinished else { return context.close(promise: nil) }
    if let failure = error as? ProxyFailure { return fail(.proxy(failure), context) }
    let text = ConnectErrorText.text(error)
    fail(TLSContext.isTLS(error) ? .tls(text) : .unreachable(text), context)
  }
}
