import NIOCore
import NIOPosix
import PicoCore
import PicoTunnel
import Support
import Synchronization

@testable import PicoServer

/// A listener whose every answer is written by the test: the client's end of a tunnel without an upstream.
final class ScriptedAgent: Sendable {
  enum Event: Equatable {
    /// The head of the request is whole.
    case head
    /// More bytes came behind it.
    case bytes
    /// The node ended its side.
    case end
    case reset(StreamResetCode)
  }

  /// Called on the agent's loop for each event of each stream.
  typealias Script = @Sendable (AgentStream, Event) -> Void

  /// What the test may look at of a stream.
  struct Seen: Sendable {
    var text = ""
    var count = 0
    var isEnded = false
    var reset: StreamResetCode?
  }

  private let state: NIOLoopBound<State>
  private let eventLoop: any EventLoop
  let seen: SeenStreams

  final class SeenStreams: Sendable {
    private let streams = Locked<[Seen]>([])
    var all: [Seen] { streams.withLock { $0 } }
    func add() -> Int {
      streams.withLock {
        $0.append(Seen())
        return $0.count - 1
      }
    }
    func change(_ index: Int, _ body: (inout Seen) -> Void) { streams.withLock { body(&$0[index]) } }
  }

  final class State: TunnelDelegate {
    var tunnel: TunnelHandler?
    let script: Script
    let seen: SeenStreams
    var messages: [ControlMessage] = []
    var closeReason: TunnelCloseReason?
    var streams: [AgentStream] = []

    init(script: @escaping Script, seen: SeenStreams) {
      self.script = script
      self.seen = seen
    }

    func tunnel(_ tunnel: TunnelHandler, didAccept stream: TunnelStream) -> (any StreamConsumer)? {
      let consumer = AgentStream(stream, index: seen.add(), seen: seen, script: script)
      streams.append(consumer)
      return consumer
    }
    func tunnel(_ tunnel: TunnelHandler, didReceive message: ControlMessage) { messages.append(message) }
    func tunnel(_ tunnel: TunnelHandler, didMeasureRoundTrip nanoseconds: UInt64) {}
    func tunnelDidReceiveGoAway(_ tunnel: TunnelHandler) {}
    func tunnelDidClose(_ tunnel: TunnelHandler, reason: TunnelCloseReason) { closeReason = reason }
  }

  private init(_ state: NIOLoopBound<State>, _ eventLoop: any EventLoop, _ seen: SeenStreams) {
    self.state = state
    self.eventLoop = eventLoop
    self.seen = seen
  }

  /// Registers and waits for the 101. Throws ``WebSocketAnswer/Refusal`` when the node says no.
  static func connect(
    to node: RunningNode, endpoint: String = "e", isPico: Bool = true, path: String = "/pico/v1/listener/",
    preamble: String = "", agentID: String? = "a-1", token: String? = nil, _ script: @escaping Script
  ) async throws -> ScriptedAgent {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let seen = SeenStreams()
    let opened = eventLoop.makePromise(of: NIOLoopBound<State>.self)
    _ = try await ClientBootstrap(group: eventLoop).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(
          Registration(
            preamble: preamble, path: path + endpoint, isPico: isPico, agentID: agentID, token: token,
            state: State(script: script, seen: seen), opened: opened))
      }
    }.connect(host: "127.0.0.1", port: node.upstreamPort).get()
    return ScriptedAgent(try await opened.futureResult.get(), eventLoop, seen)
  }

  @discardableResult
  func onLoop<T: Sendable>(_ body: @escaping @Sendable (State) -> T) async throws -> T {
    let state = state
    return try await eventLoop.submit { body(state.value) }.get()
  }

  func send(_ message: ControlMessage) async throws { try await onLoop { $0.tunnel?.send(message) } }

  /// The connection ends without a word.
  func vanish() async throws { try await onLoop { _ = $0.tunnel?.channel?.close(mode: .all) } }

  /// Waits until that many streams were given to the agent, and tells what came on the last.
  @discardableResult
  func streams(_ count: Int, where condition: (Seen) -> Bool = { _ in true }) async throws -> Seen {
    try await eventually("\(count) streams; seen \(seen.all)") { seen.all.count >= count && condition(seen.all[count - 1]) }
    return seen.all[count - 1]
  }

  func act(_ index: Int, _ body: @escaping @Sendable (AgentStream) -> Void) async throws { try await onLoop { body($0.streams[index]) } }

  /// Gives each request the same answer and ends the stream.
  static func answering(_ response: String) -> Script {
    { stream, event in if event == .head { stream.send(response, end: true) } }
  }

  static func refusing(_ code: StreamResetCode) -> Script {
    { stream, event in if event == .head { stream.reset(code) } }
  }

  static let ok = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
}

/// One stream at the agent. Confined to its loop.
final class AgentStream: StreamConsumer {
  let index: Int
  private let stream: TunnelStream
  private let seen: ScriptedAgent.SeenStreams
  private let script: ScriptedAgent.Script
  private var isOver = false
  private var isEnded = false
  private var hasHead = false
  private var tail: [UInt8] = []
  /// Off: received bytes stay in the window.
  var consumes = true
  private var waiting = 0
  private var body: [UInt8] = []
  /// How often the body's chunk is still to be sent.
  private(set) var left = 0

  init(_ stream: TunnelStream, index: Int, seen: ScriptedAgent.SeenStreams, script: @escaping ScriptedAgent.Script) {
    self.stream = stream
    self.index = index
    self.seen = seen
    self.script = script
  }

  func send(_ text: String, end: Bool = false) { send(Array(text.utf8), end: end) }

  func send(_ bytes: [UInt8], end: Bool = false) {
    guard !isOver, !isEnded else { return }
    isEnded = end
    let isLast = end && seen.all[index].isEnded
    unsafe bytes.withUnsafeBytes { unsafe _ = stream.write($0, end: end) }
    if isLast { isOver = true }
  }

  func reset(_ code: StreamResetCode) {
    guard !isOver else { return }
    isOver = true
    stream.reset(code)
  }

  /// Sends the chunk that many times, as the other side takes it, and ends.
  func send(_ chunk: [UInt8], times: Int) {
    body = chunk
    left = times
    pump()
  }

  private func pump() {
    while left > 0, !isOver {
      left -= 1
      let goesOn = unsafe body.withUnsafeBytes { unsafe stream.write($0, end: false) }
      if left == 0 { return send("", end: true) }
      guard goesOn else { return }
    }
  }

  /// Bytes that came, with the head.
  var received: Int { seen.all[index].count }
  var text: String { seen.all[index].text }

  func consumeAll() {
    consumes = true
    let count = waiting
    waiting = 0
    if !isOver { stream.consumed(count) }
  }

  func streamDidReceive(_ bytes: ByteBuffer) {
    seen.change(index) {
      $0.count += bytes.readableBytes
      if $0.text.utf8.count < 1 << 16 { $0.text += String(buffer: bytes) }
    }
    if consumes { stream.consumed(bytes.readableBytes) } else { waiting += bytes.readableBytes }
    if hasHead { return script(self, .bytes) }
    tail += bytes.readableBytesView
    guard String(decoding: tail, as: UTF8.self).contains("\r\n\r\n") else { return }
    hasHead = true
    script(self, .head)
  }

  func streamDidEnd() {
    seen.change(index) { $0.isEnded = true }
    if isEnded { isOver = true }
    script(self, .end)
  }

  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {
    isOver = true
    seen.change(index) { $0.reset = code }
    script(self, .reset(code))
  }

  func streamDidBecomeWritable() { pump() }
}

/// Asks the node for a tunnel, and gives its place to one when the node agrees.
private final class Registration: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let preamble: String
  private let path: String
  private let isPico: Bool
  private let agentID: String?
  private let token: String?
  private let state: ScriptedAgent.State
  private let opened: EventLoopPromise<NIOLoopBound<ScriptedAgent.State>>
  private let key: [UInt8]
  private var answer: WebSocketAnswer

  init(
    preamble: String, path: String, isPico: Bool, agentID: String?, token: String?, state: ScriptedAgent.State,
    opened: EventLoopPromise<NIOLoopBound<ScriptedAgent.State>>
  ) {
    self.preamble = preamble
    self.path = path
    self.isPico = isPico
    self.agentID = agentID
    self.token = token
    self.state = state
    self.opened = opened
    key = WebSocketHandshake.makeKey()
    answer = WebSocketAnswer(key: key, offered: isPico ? WebSocketHandshake.subprotocol : nil)
  }

  func channelActive(context: ChannelHandlerContext) {
    var request = WebSocketRequest(authority: "localhost", path: path, key: key, subprotocol: isPico ? "pico.v1" : nil, agentID: agentID)
    request.token = token
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: Array(preamble.utf8) + (request.encoded() ?? []))), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch answer.receive(unwrapInboundIn(data).readableBytesView) {
    case .needsMore: break
    case .accepted(_, let rest): open(context, rest)
    case .refused(let refusal): fail(context, refusal)
    case .fault(let fault): fail(context, fault)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    if case .refused(let refusal) = answer.finish() { opened.fail(refusal) } else { opened.fail(ChannelError.eof) }
  }

  private func fail(_ context: ChannelHandlerContext, _ error: any Error) {
    opened.fail(error)
    context.close(promise: nil)
  }

  private func open(_ context: ChannelHandlerContext, _ rest: [UInt8]) {
    let tunnel = TunnelHandler(
      settings: TunnelSettings(role: .client, isPico: isPico), loop: LoopResources(eventLoop: context.eventLoop, index: 0), delegate: state)
    state.tunnel = tunnel
    do {
      try context.pipeline.syncOperations.addHandler(tunnel, position: .after(self))
    } catch { return fail(context, error) }
    let pipeline = context.pipeline
    _ = pipeline.syncOperations.removeHandler(self)
    opened.succeed(NIOLoopBound(state, eventLoop: context.eventLoop))
    if !rest.isEmpty { tunnel.receive(ByteBuffer(bytes: rest)) }
  }
}

extension ScriptedAgent {
  /// Runs on the loop that calls, later: for an upstream that takes its time.
  static func after(milliseconds: Int64, _ body: @escaping @Sendable () -> Void) {
    MultiThreadedEventLoopGroup.currentEventLoop?.scheduleTask(in: .milliseconds(milliseconds), body)
  }
}
