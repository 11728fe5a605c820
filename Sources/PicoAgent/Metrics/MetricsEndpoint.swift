internal import NIOCore
internal import NIOPosix
internal import PicoCore
internal import PicoHTTP

/// The agent's own port: `GET /metrics`, `/health` and `/ready`, one answer for each connection.
final class MetricsEndpoint: Sendable {
  typealias Source = @Sendable () async -> AgentReport?

  private let channels: [any Channel]

  private init(_ channels: [any Channel]) { self.channels = channels }

  var addresses: [String] { channels.compactMap { $0.localAddress.flatMap { "\($0.ipAddress ?? ""):\($0.port ?? 0)" } } }

  /// - Throws: `addressInUse` or `badConfiguration`, naming the address.
  static func start(on address: HostPort, group: any EventLoopGroup, source: @escaping Source) async throws -> MetricsEndpoint {
    var channels: [any Channel] = []
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(MetricsHandler(source: source)) }
      }
    var failure: (any Error)?
    for host in address.bindHosts {
      // With port 0 both addresses of localhost get the port that the first one was given.
      let port = address.port == 0 ? channels.first?.localAddress?.port ?? 0 : address.port
      do {
        channels.append(try await bootstrap.bind(host: host, port: port).get())
      } catch {
        failure = failure ?? error
        // The machine may have no IPv6, and one wildcard socket may serve both families.
        if channels.isEmpty, host == address.bindHosts.first { continue }
      }
    }
    guard channels.isEmpty, let failure else { return MetricsEndpoint(channels) }
    let isInUse = (failure as? IOError)?.errnoCode == 98
    throw PicoError(
      isInUse ? .addressInUse : .badConfiguration,
      "metrics.listen: \(address) \(isInUse ? "is in use" : "cannot be listened on")", side: .internal, cause: isInUse ? nil : failure)
  }

  func close() async {
    for channel in channels { try? await channel.close().get() }
  }
}

/// Reads one request and answers it.
private final class MetricsHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let source: MetricsEndpoint.Source
  private var received = ByteBuffer()
  private var head = RequestHead()
  private var isAnswered = false
  private var deadline: Scheduled<Void>?

  private static let limit = 8 << 10
  private static let patience = TimeAmount.seconds(10)

  init(source: @escaping MetricsEndpoint.Source) { self.source = source }

  func channelActive(context: ChannelHandlerContext) {
    let channel = context.channel
    deadline = context.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isAnswered else { return }
    received.writeImmutableBuffer(unwrapInboundIn(data))
    switch head.parse(received.readableBytesSpan, limit: Self.limit) {
    case .incomplete: return
    case .failed(let fault): answer(context.channel, fault.requestError.status, "\(fault.requestError.text)\n")
    case .complete: route(context)
    }
  }

  private func route(_ context: ChannelHandlerContext) {
    let channel = context.channel
    let path = head.path.text(in: received.readableBytesSpan)
    guard head.method == .get || head.method == .head else { return answer(channel, 405, "method not allowed\n") }
    let (source, isHead) = (source, head.method == .head)
    isAnswered = true
    switch path {
    case "/health": answer(channel, 200, "ok\n", isHead: isHead)
    case "/metrics": Self.report(to: channel, source, isHead: isHead) { (200, $0.prometheus()) }
    case "/ready": Self.report(to: channel, source, isHead: isHead) { $0.isReady ? (200, "ready\n") : (503, "a listener has no tunnel\n") }
    default: answer(channel, 404, "not found\n", isHead: isHead)
    }
  }

  private static func report(
    to channel: any Channel, _ source: @escaping MetricsEndpoint.Source, isHead: Bool,
    answer: @escaping @Sendable (AgentReport) -> (status: Int, text: String)
  ) {
    Task {
      let (status, text) = await source().map(answer) ?? (503, "closing\n")
      Self.answer(channel, status, text, isHead: isHead)
    }
  }

  private func answer(_ channel: any Channel, _ status: Int, _ text: String, isHead: Bool = false) {
    isAnswered = true
    Self.answer(channel, status, text, isHead: isHead)
  }

  private static func answer(_ channel: any Channel, _ status: Int, _ text: String, isHead: Bool) {
    let reason = [200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"][status] ?? "Bad Request"
    let head =
      "HTTP/1.1 \(status) \(reason)\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: \(text.utf8.count)\r\n"
      + "Connection: close\r\n\r\n"
    channel.writeAndFlush(ByteBuffer(string: isHead ? head : head + text)).whenComplete { _ in channel.close(promise: nil) }
  }
}
