import Logging
import NIOCore
import NIOPosix
import PicoAgent
import PicoCore
import PicoServer
import PicoTransport
import Support
import Synchronization
import Testing

/// A node in this process whose proxy port encrypts, an agent with the endpoint `e`, and a service behind it.
struct EncryptedNode {
  let server: Server
  let service: RecordingService
  let directory: TemporaryDirectory
  let authority: TestAuthority
  /// Of clients.
  let clients: TestAuthority
  /// Where the node reads its certificate.
  let files: TestAuthority.Credentials

  var port: Int { server.proxyAddresses.first?.port ?? 0 }
  var upstreamPort: Int { server.upstreamAddresses.first?.port ?? 0 }
  var adminPort: Int { server.adminAddresses.first?.port ?? 0 }

  /// - Parameter change: may set anything; the agent comes in the clear, at an address of its own, unless there is none for listeners.
  static func with(
    isRSA: Bool = false, _ change: (inout ServerConfiguration, TestAuthority, TestAuthority) throws -> Void = { _, _, _ in },
    _ body: (EncryptedNode) async throws -> Void
  ) async throws {
    let directory = try TemporaryDirectory()
    let authority = try TestAuthority(in: directory)
    let clients = try TestAuthority("Pico test clients", in: directory)
    let files = try authority.issue("node", isRSA: isRSA)
    var configuration = ServerConfiguration()
    configuration.proxy.listen = HostPort(host: "127.0.0.1", port: 0)
    configuration.upstream.listen = HostPort(host: "127.0.0.1", port: 0)
    configuration.admin.listen = HostPort(host: "127.0.0.1", port: 0)
    configuration.server.threads = 1
    configuration.proxy.tls.certificate = files.certificate
    configuration.proxy.tls.key = files.key
    try change(&configuration, authority, clients)
    let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let server = Server(configuration: configuration, logger: silent)
    let service = try await RecordingService.start()
    try await server.start()
    let node = EncryptedNode(
      server: server, service: service, directory: directory, authority: authority, clients: clients, files: files)
    let agent = Agent(configuration: agentConfiguration(node, service), logger: silent)
    var failure: (any Error)?
    do {
      if configuration.upstream.listen != nil {
        try await agent.start()
        try await eventually("the listener") { server.listenerCount == 1 }
      }
      try await body(node)
    } catch { failure = error }
    await agent.shutdown(graceful: false)
    await server.shutdown(graceful: false)
    try await service.stop()
    if let failure { throw failure }
  }

  private static func agentConfiguration(_ node: EncryptedNode, _ service: RecordingService) -> AgentConfiguration {
    var configuration = AgentConfiguration()
    configuration.server.url = BaseURL(isTLS: false, address: HostPort(host: "127.0.0.1", port: node.upstreamPort))
    if let endpoint = EndpointID("e") {
      configuration.listeners = [
        ListenerConfiguration(endpoint: endpoint, upstream: .http(HostPort(host: "127.0.0.1", port: service.port)))
      ]
    }
    return configuration
  }

  /// A client of a port, the proxy's by default, that trusts the node.
  func client(port: Int? = nil, _ change: (inout OpenSSLClient.Options) -> Void = { _ in }) throws -> OpenSSLClient {
    var options = OpenSSLClient.Options()
    options.authority = authority.file
    change(&options)
    return try OpenSSLClient(port: port ?? self.port, options)
  }

  /// The body and head of an answer of the admin port, which is in the clear.
  func admin(_ path: String) async throws -> String {
    let socket = try LoopbackSocket(port: adminPort)
    try await socket.send("GET \(path) HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    return try await socket.receiveAll()
  }
}

/// A service that answers each request once it is whole, and remembers what came on each connection.
final class RecordingService: Sendable {
  struct Seen: Sendable {
    var text = ""
    /// The other side said that nothing more comes.
    var isEnded = false
    var isClosed = false
  }

  let port: Int
  private let channel: any Channel
  private let connections: Connections

  private final class Connections: Sendable {
    let all = Locked<[Seen]>([])
  }

  private init(_ channel: any Channel, _ connections: Connections) {
    self.channel = channel
    self.connections = connections
    port = channel.localAddress?.port ?? 0
  }

  static func start() async throws -> RecordingService {
    let connections = Connections()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Recorder(connections)) }
      }.bind(host: "127.0.0.1", port: 0).get()
    return RecordingService(channel, connections)
  }

  func stop() async throws { try await channel.close() }

  var seen: [Seen] { connections.all.withLock { $0 } }

  private final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let connections: Connections
    private let index: Int
    private var request = ""
    private var isUpgraded = false

    init(_ connections: Connections) {
      self.connections = connections
      index = connections.all.withLock {
        $0.append(Seen())
        return $0.count - 1
      }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let text = String(buffer: Self.unwrapInboundIn(data))
      connections.all.withLock { $0[index].text += text }
      guard !isUpgraded else { return }
      request += text
      let isChunked = request.lowercased().contains("transfer-encoding: chunked")
      guard request.hasSuffix(isChunked ? "0\r\n\r\n" : "\r\n\r\n") else { return }
      isUpgraded = request.lowercased().contains("\r\nupgrade: x")
      request = ""
      let answer =
        isUpgraded
        ? "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello"
        : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
      context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return }
      connections.all.withLock { $0[index].isEnded = true }
      if isUpgraded { context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: "bye")), promise: nil) }
      context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { connections.all.withLock { $0[index].isClosed = true } }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }
}

/// Tests whose nodes listen, one after the other.
@Suite(.serialized, .timeLimit(.minutes(5))) enum OpenSSLTests {}
