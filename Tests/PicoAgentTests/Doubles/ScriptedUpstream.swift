import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A service that answers whatever its script says: it is called with all that a connection received so far, whenever more came.
final class ScriptedUpstream: Sendable {
  /// - Returns: what to do; called again when more arrives. What it returns for is taken off the connection's text.
  typealias Script = @Sendable (_ received: String) -> Step?

  struct Step: Sendable {
    var write = ""
    var closes = false
    /// Ends with RST instead of FIN.
    var resets = false
  }

  struct State {
    var connections = 0
    var open = 0
    var requests: [String] = []
    var bytes = 0
    var inputEnds = 0
    var channels: [any Channel] = []
  }

  let state = Mutex(State())
  let script: Script
  private let group: MultiThreadedEventLoopGroup
  private let listening = Mutex<(any Channel)?>(nil)

  private init(_ group: MultiThreadedEventLoopGroup, _ script: @escaping Script) {
    self.group = group
    self.script = script
  }

  static func start(
    unixSocket: String? = nil, readsNothing: Bool = false, endsFirst: Bool = false, tls: NIOSSLContext? = nil, _ script: @escaping Script
  ) async throws -> ScriptedUpstream {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let upstream = ScriptedUpstream(group, script)
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.autoRead, value: !readsNothing)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
          try channel.pipeline.syncOperations.addHandler(ScriptHandler(upstream, endsFirst: endsFirst))
        }
      }
    let channel =
      if let unixSocket {
        try await bootstrap.bind(unixDomainSocketPath: unixSocket, cleanupExistingSocketFile: true).get()
      } else { try await bootstrap.bind(host: "127.0.0.1", port: 0).get() }
    upstream.listening.withLock { $0 = channel }
    return upstream
  }

  var port: Int { listening.withLock { $0?.localAddress?.port } ?? 0 }
  var connections: Int { state.withLock { $0.connections } }
  var open: Int { state.withLock { $0.open } }
  var requests: [String] { state.withLock { $0.requests } }

  /// Closes the connections that are open, as a service that restarts.
  func closeConnections() async {
    for channel in state.withLock({ $0.channels }) { try? await channel.close() }
  }

  func stop() async throws {
    try? await listening.withLock { $0 }?.close()
    try await group.shutdownGracefully()
  }
}

private final class ScriptHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let upstream: ScriptedUpstream
  private var text = ""

  /// Ends its output at once and reads on.
  private let endsFirst: Bool

  init(_ upstream: ScriptedUpstream, endsFirst: Bool) {
    self.upstream = upstream
    self.endsFirst = endsFirst
  }

  func channelActive(context: ChannelHandlerContext) {
    let channel = context.channel
    upstream.state.withLock {
      $0.connections += 1
      $0.open += 1
      $0.channels.append(channel)
    }
    if endsFirst { context.close(mode: .output, promise: nil) }
    step(context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    upstream.state.withLock { $0.open -= 1 }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    upstream.state.withLock { $0.bytes += bytes.readableBytes }
    text += String(buffer: bytes)
    step(context)
  }

  private func step(_ context: ChannelHandlerContext) {
    guard let step = upstream.script(text) else { return }
    upstream.state.withLock { $0.requests.append(text) }
    text = ""
    if step.resets { _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)) }
    if !step.write.isEmpty { context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: step.write)), promise: nil) }
    if step.closes || step.resets { context.close(promise: nil) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return }
    upstream.state.withLock { $0.inputEnds += 1 }
    if let step = upstream.script("\(text)<end>"), !step.write.isEmpty {
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: step.write)), promise: nil)
    }
    context.close(promise: nil)
  }
}
