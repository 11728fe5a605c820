import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import PicoCore
import PicoStatus
import Support
import Synchronization

/// An admin port that says what a test wants it to say. Each connection is given to `serve`, on its event loop.
final class WatchServer: Sendable {
  let port: Int
  private let channel: any Channel
  private let connections: WatchConnections

  /// - Parameter serve: sends what the connection of that number, from 0, begins with.
  init(serve: @escaping @Sendable (any Channel, Int) -> Void) async throws {
    let connections = WatchConnections()
    let upgrader = NIOWebSocketServerUpgrader(
      shouldUpgrade: { channel, head in
        channel.eventLoop.makeSucceededFuture(head.uri == "/status/v1/watch" ? HTTPHeaders() : nil)
      },
      upgradePipelineHandler: { channel, _ in
        let number = connections.add(channel)
        // What comes from the client is dropped.
        return channel.eventLoop.makeCompletedFuture { serve(channel, number) }
      })
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.pipeline.configureHTTPServerPipeline(withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
      }
      .bind(host: "127.0.0.1", port: 0).get()
    port = channel.localAddress?.port ?? 0
    self.connections = connections
  }

  func end() {
    channel.close(promise: nil)
    for connection in connections.all { connection.close(promise: nil) }
  }

  static func hello() -> ServerMessage {
    .hello(Hello(node: "n-1", version: "1", role: .operator, now: Timestamp(seconds: 1)))
  }

  static func update(_ sequence: UInt64) -> ServerMessage {
    .update(Update(id: "u", sequence: sequence, now: Timestamp(seconds: 1), total: 0))
  }
}

private final class WatchConnections: Sendable {
  private let channels = Mutex<[any Channel]>([])

  func add(_ channel: any Channel) -> Int {
    channels.withLock {
      $0.append(channel)
      return $0.count - 1
    }
  }

  var all: [any Channel] { channels.withLock { $0 } }
}

extension Channel {
  /// A text frame, without waiting for anything.
  func say(_ message: ServerMessage, padding: Int = 0) {
    let blanks = [UInt8](repeating: 0x20, count: padding)
    writeAndFlush(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(bytes: message.json + blanks)), promise: nil)
  }
}
