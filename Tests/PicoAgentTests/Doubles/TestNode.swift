import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

@testable import PicoTunnel

/// A node of a few lines: accepts registrations and opens streams, nothing else.
final class TestNode: Sendable {
  /// What a registration is answered.
  enum Answer: Sendable {
    case accept
    case refuse(status: Int, headers: String)
  }

  struct State {
    var requests: [String] = []
    var sessions: [NIOLoopBound<TestSession>] = []
    var answer = Answer.accept
    var isPico = true
    /// What the answers say of the node, one after the other, the last one again and again; none is nothing.
    var places: [Place] = []
  }

  /// A node's ID, and how many nodes there are.
  struct Place: Sendable {
    var node: String
    var nodes: Int
  }

  let group: MultiThreadedEventLoopGroup
  let state = Mutex(State())
  let channel: any Channel
  let eventLoop: any EventLoop

  private init(_ group: MultiThreadedEventLoopGroup, _ channel: any Channel) {
    self.group = group
    self.channel = channel
    eventLoop = group.next()
  }

  /// - Parameter isPico: agrees on `pico.v1`; else it is a plain yamux peer.
  static func start(
    isPico: Bool = true, port: Int = 0, answer: Answer = .accept, tls: NIOSSLContext? = nil
  ) async throws -> TestNode {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let box = Mutex<TestNode?>(nil)
    let holder = Holder(box)
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
          try channel.pipeline.syncOperations.addHandler(TestRegistration(holder))
        }
      }
      .bind(host: "127.0.0.1", port: port).get()
    let node = TestNode(group, channel)
    node.state.withLock {
      $0.isPico = isPico
      $0.answer = answer
    }
    holder.node = node
    return node
  }

  final class Holder: Sendable {
    private let box: Mutex<TestNode?>
    init(_ box: consuming Mutex<TestNode?>) { self.box = box }
    var node: TestNode? {
      get { box.withLock { $0 } }
      set { box.withLock { $0 = newValue } }
    }
  }

  var port: Int { channel.localAddress?.port ?? 0 }
  var requests: [String] { state.withLock { $0.requests } }
  var sessionCount: Int { state.withLock { $0.sessions.count } }

  /// Runs on the loop with a session; the latest by default.
  func with<T: Sendable>(_ index: Int? = nil, _ body: @escaping @Sendable (TestSession) -> T) async throws -> T {
    let session = state.withLock { state in index.map { state.sessions[$0] } ?? state.sessions.last }
    return try await eventLoop.submit {
      guard let session else { throw ChannelError.alreadyClosed }
      return body(session.value)
    }.get()
  }

  /// Opens a stream and writes to it.
  func open(_ text: String, end: Bool? = nil, consumes: Bool = true, session: Int? = nil) async throws -> TestExchange {
    let isPico = state.withLock { $0.isPico }
    return try await with(session) { session in
      let exchange = TestExchange(eventLoop: session.tunnel.loop.eventLoop, consumes: consumes)
      session.open(exchange, text, end: end ?? isPico)
      return exchange
    }
  }

  /// Opens a stream with a whole request and compares what comes back.
  func expect(_ request: String, gives expected: String, sourceLocation: SourceLocation = #_sourceLocation) async {
    do {
      let outcome = try await open(request).outcome()
      #expect(outcome == expected, sourceLocation: sourceLocation)
    } catch {
      Issue.record(error, sourceLocation: sourceLocation)
    }
  }

  func stop() async throws {
    try? await channel.close()
    for index in 0..<sessionCount { try? await with(index) { $0.tunnel.close() } }
    try await group.shutdownGracefully()
  }
}

/// Reads the registration by hand, as a node written by someone else would.
private final class TestRegistration: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let holder: TestNode.Holder
  private var text = ""

  init(_ holder: TestNode.Holder) { self.holder = holder }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    text += String(buffer: unwrapInboundIn(data))
    guard text.hasSuffix("\r\n\r\n"), let node = holder.node else { return }
    let (answer, isPico, place) = node.state.withLock { state in
      state.requests.append(text)
      return (state.answer, state.isPico, state.places.count > 1 ? state.places.removeFirst() : state.places.first)
    }
    switch answer {
    case .refuse(let status, let headers):
      let response = "HTTP/1.1 \(status) No\r\n\(headers)content-length: 0\r\n\r\n"
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: response)), promise: nil)
    case .accept:
      let key = text.split(separator: "\r\n").first { $0.hasPrefix("Sec-WebSocket-Key: ") }?.dropFirst(19) ?? ""
      let accept = String(decoding: WebSocketHandshake.acceptKey(for: key.utf8), as: UTF8.self)
      let protocolLine = isPico ? "Sec-WebSocket-Protocol: pico.v1\r\n" : ""
      let response =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\(protocolLine)"
        + (place.map { "x-pico-node: \($0.node)\r\nx-pico-nodes: \($0.nodes)\r\n" } ?? "")
        + "Sec-WebSocket-Accept: \(accept)\r\n\r\n"
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: response)), promise: nil)
      let session = TestSession(isPico: isPico, loop: LoopResources(eventLoop: context.eventLoop, index: 0))
      try? context.pipeline.syncOperations.addHandler(session.tunnel, position: .after(self))
      context.pipeline.syncOperations.removeHandler(self, promise: nil)
      node.state.withLock { $0.sessions.append(NIOLoopBound(session, eventLoop: context.eventLoop)) }
    }
  }
}

/// The node's end of one tunnel.
final class TestSession: TunnelDelegate {
  private(set) var messages: [ControlMessage] = []
  private(set) var closeReason: TunnelCloseReason?
  private(set) var isGoAwayReceived = false
  private var handler: TunnelHandler?

  init(isPico: Bool, loop: LoopResources) {
    handler = TunnelHandler(settings: TunnelSettings(role: .server, isPico: isPico), loop: loop, delegate: self)
  }

  var tunnel: TunnelHandler {
    guard let handler else { preconditionFailure("made by init") }
    return handler
  }

  func open(_ exchange: TestExchange, _ text: String, end: Bool) {
    guard let stream = tunnel.open(exchange) else { return exchange.refuse() }
    exchange.stream = stream
    if !text.isEmpty || end { exchange.write(text, end: end) }
  }

  func isAcknowledged(_ exchange: TestExchange) -> Bool {
    exchange.stream.map { tunnel.machine.isAcknowledged($0.slot) } ?? false
  }

  func tunnel(_ tunnel: TunnelHandler, didAccept stream: TunnelStream) -> (any StreamConsumer)? { nil }
  func tunnel(_ tunnel: TunnelHandler, didReceive message: ControlMessage) { messages.append(message) }
  func tunnel(_ tunnel: TunnelHandler, didMeasureRoundTrip nanoseconds: UInt64) {}
  func tunnelDidReceiveGoAway(_ tunnel: TunnelHandler) { isGoAwayReceived = true }
  func tunnelDidClose(_ tunnel: TunnelHandler, reason: TunnelCloseReason) { closeReason = reason }
}
