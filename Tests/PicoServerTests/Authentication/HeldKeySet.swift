import NIOCore
import NIOHTTP1
import NIOPosix
import PicoCore
import Synchronization

/// A key set on a port of this process, that answers when the test says so.
final class HeldKeySet: Sendable {
  private struct State {
    var body = ""
    var isHeld = true
    var waiting: [any Channel] = []
    var requests = 0
  }

  private let state = Locked(State())
  private let listener = Locked<(any Channel)?>(nil)

  init(_ body: String) async throws {
    state.withLock { $0.body = body }
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { [self] channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Handler(self))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    listener.withLock { $0 = channel }
  }

  deinit { listener.withLock { $0?.close(promise: nil) } }

  var port: Int { listener.withLock { $0?.localAddress?.port } ?? 0 }
  var requests: Int { state.withLock { $0.requests } }

  /// Answers those that wait, and from now on at once.
  func release() {
    let (waiting, body) = state.withLock { state in
      state.isHeld = false
      defer { state.waiting = [] }
      return (state.waiting, state.body)
    }
    for channel in waiting { Self.answer(channel, body) }
  }

  fileprivate func take(_ channel: any Channel) {
    let body: String? = state.withLock { state in
      state.requests += 1
      if state.isHeld { state.waiting.append(channel) }
      return state.isHeld ? nil : state.body
    }
    if let body { Self.answer(channel, body) }
  }

  private static func answer(_ channel: any Channel, _ body: String) {
    let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-length": "\(body.utf8.count)"])
    channel.write(HTTPServerResponsePart.head(head), promise: nil)
    channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil)
    channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    private let owner: HeldKeySet

    init(_ owner: HeldKeySet) { self.owner = owner }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      if case .end = Self.unwrapInboundIn(data) { owner.take(context.channel) }
    }
  }
}
