import NIOCore
import NIOPosix
import Synchronization

/// A proxy that answers CONNECT as a script says, and joins the connection to a port of this machine, whatever was asked for.
final class ScriptedProxy: Sendable {
  enum Answer: Sendable {
    /// Connects to the port and sends this head.
    case open(String, port: Int)
    /// Sends this and nothing more.
    case reply(String)
    case silence
    case close
  }

  private let listener: any Channel
  private let asked: Mutex<[String]>

  private init(_ listener: any Channel, _ asked: consuming Mutex<[String]>) {
    self.listener = listener
    self.asked = asked
  }

  static func start(_ answer: Answer) async throws -> ScriptedProxy {
    let state = State()
    let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Handler(answer: answer, state: state))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let proxy = ScriptedProxy(listener, Mutex([]))
    state.proxy.withLock { $0 = proxy }
    return proxy
  }

  var port: Int { listener.localAddress?.port ?? 0 }
  /// The heads that came, with their blank lines.
  var heads: [String] { asked.withLock { $0 } }

  func stop() async throws { try await listener.close() }

  private final class State: Sendable {
    let proxy = Mutex<ScriptedProxy?>(nil)
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: Answer
    private let state: State
    private var head = ""
    private var other: (any Channel)?

    init(answer: Answer, state: State) {
      self.answer = answer
      self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let buffer = unwrapInboundIn(data)
      if let other { return other.writeAndFlush(buffer, promise: nil) }
      head += String(buffer: buffer)
      guard head.hasSuffix("\r\n\r\n") else { return }
      let (head, proxy) = (head, state.proxy.withLock { $0 })
      proxy?.asked.withLock { $0.append(head) }
      switch answer {
      case .silence: break
      case .close: context.close(promise: nil)
      case .reply(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
      case .open(let text, let port): join(context, port, text)
      }
    }

    private func join(_ context: ChannelHandlerContext, _ port: Int, _ text: String) {
      let channel = context.channel
      ClientBootstrap(group: context.eventLoop)
        .channelInitializer { other in
          other.eventLoop.makeCompletedFuture { try other.pipeline.syncOperations.addHandler(Back(channel)) }
        }
        .connect(host: "127.0.0.1", port: port).assumeIsolated().whenComplete { result in
          guard case .success(let other) = result else { return context.close(promise: nil) }
          self.other = other
          channel.closeFuture.whenComplete { _ in other.close(promise: nil) }
          context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        }
    }
  }

  /// What the server sends.
  private final class Back: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let client: any Channel
    init(_ client: any Channel) { self.client = client }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { client.writeAndFlush(unwrapInboundIn(data), promise: nil) }
    func channelInactive(context: ChannelHandlerContext) { client.close(promise: nil) }
  }
}
