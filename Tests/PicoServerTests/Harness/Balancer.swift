import NIOCore
import NIOPosix
import PicoCore
import Synchronization

/// A load balancer of TCP in this process: each connection goes to the port that is chosen for it.
final class Balancer: Sendable {
  private let choose: Locked<@Sendable (Int) -> Int>
  private let accepted = Atomic<Int>(0)
  private let channel = Locked<(any Channel)?>(nil)

  private init(_ choose: @escaping @Sendable (Int) -> Int) { self.choose = Locked(choose) }

  /// - Parameter choose: the port for the connection of that number, which begins with 0.
  static func with(_ choose: @escaping @Sendable (Int) -> Int, _ body: (Balancer) async throws -> Void) async throws {
    let balancer = Balancer(choose)
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 1024)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { channel in balancer.join(channel) }
      .bind(host: "127.0.0.1", port: 0).get()
    balancer.channel.withLock { $0 = channel }
    do { try await body(balancer) } catch {
      try? await channel.close()
      throw error
    }
    try? await channel.close()
  }

  var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }
  var connections: Int { accepted.load(ordering: .relaxed) }

  /// From here on connections go elsewhere.
  func set(_ choose: @escaping @Sendable (Int) -> Int) { self.choose.withLock { $0 = choose } }

  private func join(_ client: any Channel) -> EventLoopFuture<Void> {
    let number = accepted.add(1, ordering: .relaxed).oldValue
    let port = choose.withLock { $0 }(number)
    let connect = ClientBootstrap(group: client.eventLoop)
      .channelOption(.autoRead, value: false)
      .connect(host: "127.0.0.1", port: port)
    return connect.flatMap { server in
      client.eventLoop.makeCompletedFuture {
        try client.pipeline.syncOperations.addHandler(Pipe(to: server))
        try server.pipeline.syncOperations.addHandler(Pipe(to: client))
        for channel in [client, server] { try channel.syncOptions?.setOption(.autoRead, value: true) }
      }
    }.flatMapErrorThrowing { error in
      client.close(promise: nil)
      throw error
    }
  }

  private final class Pipe: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel

    init(to other: any Channel) { self.other = other }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { other.writeAndFlush(unwrapInboundIn(data), promise: nil) }
    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }
}
