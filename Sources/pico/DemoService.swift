internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import PicoCore

/// A sample service of `pico demo` and `pico bench --self`: says which service it is and what it was asked.
final class DemoService: Sendable {
  let address: HostPort
  private let listener: any Channel

  /// Listens on a free port of the loopback interface. Each answer waits for a random time of `delay` milliseconds.
  init(name: String, delay: ClosedRange<Int64>, group: any EventLoopGroup) async throws {
    listener = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(DemoHandler(name: name, delay: delay))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    address = HostPort(host: "127.0.0.1", port: listener.localAddress?.port ?? 0)
  }

  func shutdown() async {
    try? await listener.close()
  }
}

private final class DemoHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let name: String
  private let delay: ClosedRange<Int64>
  private var head: HTTPRequestHead?
  private var bodyBytes = 0

  init(name: String, delay: ClosedRange<Int64>) {
    self.name = name
    self.delay = delay
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch Self.unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      bodyBytes = 0
    case .body(let part):
      bodyBytes += part.readableBytes
    case .end:
      guard let head else { return }
      self.head = nil
      let bytes = bodyBytes
      let wait = Int64.random(in: delay)
      guard wait > 0 else { return answer(head, bytes, context) }
      context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(wait)) {
        self.answer(head, bytes, context)
      }
    }
  }

  private func answer(_ head: HTTPRequestHead, _ bodyBytes: Int, _ context: ChannelHandlerContext) {
    let body = ByteBuffer(string: "\(name) got \(head.method.rawValue) \(head.uri) with a body of \(bodyBytes) bytes\n")
    let headers = HTTPHeaders([("content-type", "text/plain; charset=utf-8"), ("content-length", String(body.readableBytes))])
    context.write(Self.wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers))), promise: nil)
    if head.method != .HEAD { context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
    let isLast = !head.isKeepAlive
    context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
      if isLast { context.close(promise: nil) }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
