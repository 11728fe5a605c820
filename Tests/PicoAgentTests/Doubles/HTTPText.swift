import NIOCore
import NIOPosix
import PicoCore
import Synchronization

/// A client of a few lines.
enum HTTPText {
  /// Sends a text and gives all that comes back until the other side closes.
  static func exchange(_ request: String, with address: String) async throws -> String {
    let target = try HostPort(text: address)
    let group = MultiThreadedEventLoopGroup.singleton
    let received = Received()
    let channel = try await ClientBootstrap(group: group)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Collector(received)) }
      }
      .connect(host: target.host, port: target.port).get()
    try await channel.writeAndFlush(ByteBuffer(string: request))
    try await channel.closeFuture.get()
    return received.text.withLock { $0 }
  }

  private final class Received: Sendable {
    let text = Mutex("")
  }

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let received: Received
    init(_ received: Received) { self.received = received }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let text = String(buffer: unwrapInboundIn(data))
      received.text.withLock { $0 += text }
    }
  }
}
