internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoTransport
internal import PicoTunnel

/// The dialer's side of an introduction on its connection: asks, looks at the answer and its proof, and gives its place to a tunnel.
final class LinkHandshake: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// What the other node has answered, and the secret that it has proved; nil where none is asked for.
  struct Accepted {
    var introduction: LinkIntroduction
    var secret: [UInt8]?
  }

  private var introduction: LinkIntroduction
  private let authority: String
  private let secrets: [[UInt8]]?
  private let timeout: TimeAmount
  private let key = WebSocketHandshake.makeKey()
  private var answer: WebSocketAnswer
  private var deadline: Scheduled<Void>?
  /// Told once; with a success it gives what takes the connection over.
  private var completion: ((Result<Accepted, LinkFault>) -> TunnelHandler?)?

  init(
    _ introduction: LinkIntroduction, authority: String, secrets: [[UInt8]]?, timeout: TimeAmount,
    completion: @escaping (Result<Accepted, LinkFault>) -> TunnelHandler?
  ) {
    self.introduction = introduction
    self.authority = authority
    self.secrets = secrets
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
      ("x-pico-notes", "1"),
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
      var accepted = Accepted(introduction: introduction)
      if let secrets {
        guard LinkIntroduction.isNonce(introduction.acceptorNonce),
          let secret = introduction.secret(provedBy: answer.value(of: "x-pico-proof") ?? "", of: .acceptor, among: secrets)
        else { return fail(.wrongProof, context) }
        accepted.secret = secret
      }
      open(accepted, rest, context)
    }
  }

  private func open(_ accepted: Accepted, _ rest: [UInt8], _ context: ChannelHandlerContext) {
    deadline?.cancel()
    guard let tunnel = completion.take()?(.success(accepted)) else { return context.close(promise: nil) }
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
