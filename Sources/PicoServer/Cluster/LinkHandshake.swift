internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoTransport
internal import PicoTunnel

/// The dialer's side of an introduction on its connection: asks, looks at the answer and its proof, and gives its place to a tunnel.
final class LinkHandshake: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private var introduction: LinkIntroduction
  private let authority: String
  private let secret: [UInt8]?
  private let timeout: TimeAmount
  private let key = WebSocketHandshake.makeKey()
  private var answer: WebSocketAnswer
  private var deadline: Scheduled<Void>?
  /// Told once; with a success it gives what takes the connection over.
  private var completion: ((Result<LinkIntroduction, LinkFault>) -> TunnelHandler?)?

  init(
    _ introduction: LinkIntroduction, authority: String, secret: [UInt8]?, timeout: TimeAmount,
    completion: @escaping (Result<LinkIntroduction, LinkFault>) -> TunnelHandler?
  ) {
    self.introduction = introduction
    self.authority = authority
    self.secret = secret
    self.timeout = timeout
    self.completion = completion
    answer = WebSocketAnswer(key: key, offered: LinkIntroduction.subprotocol)
  }

  func channelActive(context: ChannelHandlerContext) {
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { self.fail(.timeout, context) }
    var request = WebSocketRequest(
      authority: authority, path: LinkIntroduction.path, key: key, subprotocol: LinkIntroduction.subprotocol)
    request.fields = [
      ("x-pico-cluster", introduction.cluster), ("x-pico-node", introduction.dialer.text), ("x-pico-peer", introduction.acceptor.text),
      ("x-pico-nonce", introduction.dialerNonce), ("x-pico-version", PicoVersion.current),
    ]
    // Names of clusters and nodes were looked at when they were read.
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: request.encoded() ?? [])), promise: nil)
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    obey(answer.receive(unwrapInboundIn(data).readableBytesView), context)
  }

  private func obey(_ outcome: WebSocketAnswer.Outcome, _ context: ChannelHandlerContext) {
    switch outcome {
    case .needsMore: break
    case .refused(let refusal): fail(.refused(status: refusal.status, message: refusal.message), context)
    case .fault: fail(.malformedAnswer, context)
    case .accepted(let subprotocol, let rest):
      guard subprotocol == LinkIntroduction.subprotocol else { return fail(.malformedAnswer, context) }
      introduction.acceptorNonce = answer.value(of: "x-pico-nonce") ?? ""
      if let secret {
        guard LinkIntroduction.isNonce(introduction.acceptorNonce),
          let proof = Hexadecimal.bytes(answer.value(of: "x-pico-proof") ?? ""),
          introduction.isProof(proof, of: .acceptor, secret: secret)
        else { return fail(.wrongProof, context) }
      }
      open(rest, context)
    }
  }

  private func open(_ rest: [UInt8], _ context: ChannelHandlerContext) {
    deadline?.cancel()
    guard let tunnel = completion.take()?(.success(introduction)) else { return context.close(promise: nil) }
    do {
      try context.pipeline.syncOperations.addHandler(tunnel, position: .after(self))
    } catch {
      return context.close(promise: nil)
    }
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
    if !rest.isEmpty { tunnel.receive(ByteBuffer(bytes: rest)) }
  }

  private func fail(_ fault: LinkFault, _ context: ChannelHandlerContext) {
    deadline?.cancel()
    _ = completion.take()?(.failure(fault))
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    if completion != nil { obey(answer.finish(), context) }
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { fail(.closed(ConnectErrorText.text(error)), context) }
}
