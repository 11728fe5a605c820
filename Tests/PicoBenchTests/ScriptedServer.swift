import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server that does with each request what a script says. Heads are found by their blank line, bodies by `Content-Length`.
final class ScriptedServer: Sendable {
  enum Action: Sendable {
    case reply(String)
    case replyThenClose(String)
    case replyAfter(TimeAmount, String)
    case close
    case silence
  }

  static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

  let port: Int
  private let listener: any Channel
  private let state: State

  final class State: Sendable {
    let heads = Mutex<[String]>([])
    let connections = Atomic(0)
  }

  /// `script` is called with the number of the request, from zero over all connections.
  /// `tls` is called with the number of the connection, from zero; without it they are in the clear.
  init(tls: @escaping @Sendable (Int) -> NIOSSLContext? = { _ in nil }, _ script: @escaping @Sendable (Int) -> Action) async throws {
    let state = State()
    self.state = state
    listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .serverChannelOption(.backlog, value: 256)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        let number = state.connections.add(1, ordering: .relaxed).oldValue
        return channel.eventLoop.makeCompletedFuture {
          if let tls = tls(number) { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
          try channel.pipeline.syncOperations.addHandler(Handler(state: state, script: script))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    port = listener.localAddress?.port ?? 0
  }

  /// The heads that came, each with its blank line.
  var heads: [String] { state.heads.withLock { $0 } }
  var connections: Int { state.connections.load(ordering: .relaxed) }

  func close() async throws { try await listener.close() }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let state: State
    private let script: @Sendable (Int) -> Action
    private var received = ""
    private var bodyLeft = 0

    init(state: State, script: @escaping @Sendable (Int) -> Action) {
      self.state = state
      self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      var buffer = Self.unwrapInboundIn(data)
      if bodyLeft > 0 {
        let taken = min(bodyLeft, buffer.readableBytes)
        bodyLeft -= taken
        buffer.moveReaderIndex(forwardBy: taken)
        if bodyLeft == 0 { act(context) }
      }
      received += String(buffer: buffer)
      while bodyLeft == 0, let end = received.firstRange(of: "\r\n\r\n") {
        let head = String(received[..<end.upperBound])
        let rest = received[end.upperBound...]
        let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }?.split(separator: " ").last
        bodyLeft = length.flatMap { Int($0) } ?? 0
        let taken = min(bodyLeft, rest.utf8.count)
        bodyLeft -= taken
        received = String(rest.dropFirst(taken))
        state.heads.withLock { $0.append(head) }
        if bodyLeft == 0 { act(context) }
      }
    }

    private func act(_ context: ChannelHandlerContext) {
      let number = state.heads.withLock { $0.count } - 1
      switch script(number) {
      case .reply(let text): write(text, context)
      case .replyThenClose(let text):
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: text))).assumeIsolated().whenComplete { _ in
          context.close(promise: nil)
        }
      case .replyAfter(let delay, let text):
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) { self.write(text, context) }
      case .close: context.close(promise: nil)
      case .silence: break
      }
    }

    private func write(_ text: String, _ context: ChannelHandlerContext) {
      context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }
}
