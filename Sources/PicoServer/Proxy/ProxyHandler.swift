internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoTracing
internal import PicoTunnel

/// One downstream connection: reads requests, gives each a stream of a listener, and relays the response. Confined to its loop.
///
/// The life of a request, in the order of its files: here its bytes arrive; `ProxyHandler+Request` finds the endpoint and the listener and
/// writes the request to a stream; `ProxyHandler+Response` relays what comes back; `ProxyHandler+Failure` retries or answers with an error;
/// `ProxyHandler+Output` gathers what goes downstream and ends the exchange at the end of the tick.
final class ProxyHandler: StreamConsumer, ChannelDuplexHandler, TickFlushing, Sweepable {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  enum Phase: Equatable {
    /// Between requests, or in the middle of a head.
    case head
    case exchange
    /// After a 101: bytes both ways.
    case upgraded
    /// Our side ended; what still comes is thrown away for a moment, so that the client can read our answer.
    case lingering
    /// A tunnel, or nothing, took over.
    case left
  }

  let loop: LoopContext
  let node: Node
  /// Which of the ports this connection came in on.
  let port: ProxyPort
  var context: ChannelHandlerContext?
  var phase = Phase.head
  var exchange = ExchangeState()
  var forwarding: ForwardingContext
  var peer = DownstreamPeer()
  /// The client's rate has the next request already.
  var isCountedAhead = false
  /// Address and port of the client for people, where a load balancer told it; else the connection's own are.
  var statedClient: String?
  /// Bytes of a head that is not whole, or of requests behind the one that is served.
  var input: ByteBuffer?
  var partialRequest: HeadStorage?
  var partialResponse: HeadStorage?
  var responseInput: ByteBuffer?
  var stream: (any ByteStream)?
  var listener: Listener?
  /// Of the last request; most clients stay with one endpoint.
  var routes: EndpointRoutes?
  /// What was sent of the request so far, until the first byte of the response.
  var replay: ByteBuffer?
  var out: ByteBuffer?
  var isFlushRequested = false
  var isWritable = true
  var isReadPaused = false
  var isReadHeld = false
  var isInputClosed = false
  /// Response bytes that wait for the client to read, and that the stream was not told of.
  var unconsumed = 0
  /// Bytes in the channel that count against the node's memory.
  var held = 0
  /// All bytes that were handed to the channel.
  var written = 0
  /// Of these, what the client had taken when ``deadline`` was set for a slow reader.
  var takenAtDeadline = 0
  /// Everything was written, and the kernel has not taken it yet.
  var isFlushingLast = false
  /// Steady nanoseconds; 0 is none.
  var deadline: UInt64 = 0
  /// Since when the connection waits for the first byte of a request.
  var idleSince: UInt64 = 0
  var accessRecord: AccessRecord?
  /// Where the request is recorded for its trace.
  var span: RecordedSpan?
  /// That the last request had.
  var knownToken: KnownToken?
  /// A request waits for a key set to be fetched, for the store to say where its endpoint is, or for its turn to register.
  var isAwaitingAnswer = false
  /// Whether the connection is for more than to see whether the node is ready.
  var isVisit = false
  /// For the request at the front the store was asked.
  var hasLookedUp = false
  /// The registration at the front has waited for its turn.
  var hasTurn = false

  static let pipelineLimit = 64 << 10
  static let lingerTime: UInt64 = 1_000_000_000
  static let drainTime: UInt64 = 500_000_000

  /// Of the channel's socket, for a move.
  let descriptor: CInt
  /// Nil when the connection is in the clear. One that is encrypted stays on its loop: its keys are with its handlers.
  private(set) var edge: TLSEdge?
  /// Where the connection is a stream of HTTP/2: what stands for it.
  var http2: HTTP2StreamHandler?
  /// Requests in a row for listeners of other loops.
  var crossings = 0
  var moves = 0
  /// What a connection from another loop brought along.
  var arrived: ByteBuffer?

  init(loop: LoopContext, port: ProxyPort, descriptor: CInt) {
    self.loop = loop
    self.descriptor = descriptor
    node = loop.node
    self.port = port
    forwarding = ForwardingContext(clientAddress: HeaderText())
    forwarding.addsVia = loop.node.settings.addsVia
  }

  /// Puts TLS in front of this handler, which is not part of the channel yet.
  func secure(_ channel: any Channel, with tls: PortTLS) throws {
    edge = try tls.secure(channel)
    forwarding.isSecure = true
  }

  /// Whose the client's certificate is, where the port asks for one.
  var clientIdentity: String? { edge == nil ? nil : context.flatMap { CertificateIdentity.text(of: $0.channel) } }

  // MARK: Channel events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    loop.connections[ObjectIdentifier(self)] = self
    loop.resources.startSweeping(self)
    idleSince = loop.resources.now()
    deadline = idleSince &+ loop.limits.headTimeout
  }

  func channelActive(context: ChannelHandlerContext) {
    context.fireChannelActive()
    readArrived()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    leave()
  }

  /// Nothing of this handler is needed any more.
  func leave() {
    guard self.context != nil else { return }
    self.context = nil
    phase = .left
    stopAwaitingAnswer()
    loop.connections[ObjectIdentifier(self)] = nil
    loop.resources.stopSweeping(self)
    releaseHeld()
    for storage in [partialRequest.take(), partialResponse.take()] { if let storage { loop.giveBack(storage) } }
    for buffer in [input.take(), responseInput.take(), replay.take(), out.take()] { if let buffer { loop.resources.giveBack(buffer) } }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    switch phase {
    case .head where isWritable && !isAwaitingAnswer: readHead(bytes)
    case .head: readLater(bytes)
    case .exchange: readBody(bytes)
    case .upgraded: relayUpstream(bytes)
    case .lingering, .left: break
    }
  }

  /// Back-pressure: a paused reader lets the socket fill instead of memory.
  func read(context: ChannelHandlerContext) {
    if isReadPaused {
      isReadHeld = true
    } else {
      context.read()
    }
  }

  func pauseReading() {
    isReadPaused = true
    http2?.holdWindow()
  }

  func resumeReading() {
    isReadPaused = false
    http2?.releaseWindow()
    if isReadHeld {
      isReadHeld = false
      context?.read()
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    isWritable = context.channel.isWritable
    let now = loop.resources.now()
    guard isWritable else {
      if phase == .exchange, exchange.response == .body { expectReading(now) }
      return
    }
    releaseHeld()
    let count = unconsumed
    unconsumed = 0
    stream?.consumed(count)
    switch phase {
    case .exchange where exchange.response == .body:
      deadline = exchange.requestBody.isComplete ? 0 : now &+ loop.limits.bodyIdleTimeout
    case .head:
      if partialRequest == nil { deadline = now &+ loop.limits.idleTimeout }
      readPipelined()
    case .exchange, .upgraded, .lingering, .left:
      break
    }
  }

  /// Counts bytes that the client does not take against the node's memory, until it does.
  func hold(_ count: Int) {
    held &+= count
    loop.hold(count)
  }

  private func releaseHeld() {
    guard held > 0 else { return }
    loop.hold(-held)
    held = 0
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case ChannelEvent.inputClosed? = event as? ChannelEvent else {
      if agreesOnHTTP2(event) { return becomeHTTP2(with: nil) }
      return context.fireUserInboundEventTriggered(event)
    }
    isInputClosed = true
    switch phase {
    case .left: context.close(promise: nil)
    case .head: closeAfterFlush()
    // What is still on its way to the client goes out first.
    case .lingering: if !isFlushingLast { context.close(promise: nil) }
    case .upgraded: endUpgradedRequest()
    case .exchange: cancel()
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    // Where our side ended before, the channel tells the client's orderly end in this way.
    if phase == .upgraded, exchange.isStreamEndReceived { endUpgradedRequest() }
    lose()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    lose()
    context.close(promise: nil)
  }

  /// The connection is gone or useless.
  private func lose() {
    if phase == .exchange || phase == .upgraded {
      if let stream {
        self.stream = nil
        // A stream of HTTP/2 is over as soon as its last byte is out, within the tick.
        if phase == .exchange, exchange.response == .done { letGo(stream) } else { stream.reset(.cancelled) }
      }
      if phase == .exchange, exchange.response != .done { recordCancel() }
      finishRecords()
    }
    leave()
  }

  /// The client went away, or ended its side, before the response ended.
  private func cancel() {
    // Its last byte is on the way already: let it go out.
    guard exchange.response != .done else { return }
    let context = context
    lose()
    context?.close(promise: nil)
  }

  // MARK: Reading

  func readHead(_ received: ByteBuffer) {
    var bytes = received
    var isOurs = false
    if var waiting = input.take() {
      waiting.writeImmutableBuffer(received)
      bytes = waiting
      isOurs = true
    }
    let isBeginning = partialRequest == nil
    let storage = partialRequest.take() ?? loop.takeHead()
    switch storage.request.parse(bytes.readableBytesSpan, limit: loop.limits.maxHead) {
    case .incomplete:
      // The clock of a head starts with its first byte and is not put back by more.
      if isBeginning { deadline = loop.resources.now() &+ loop.limits.headTimeout }
      partialRequest = storage
      if isOurs { input = bytes } else { keep(bytes) }
    case .failed(let fault):
      loop.giveBack(storage)
      if isPrefaceOfHTTP2(bytes) { return becomeHTTP2(with: bytes) }
      node.logFault(fault, of: forwarding.clientAddress)
      refuseHead(fault.requestError)
    case .complete(let headBytes):
      if let tracer = node.tracer { joinTrace(&storage.request, bytes, tracer) }
      begin(storage.request, bytes, headBytes: headBytes)
      loop.giveBack(storage)
    }
  }

  /// The head cannot be used, so nothing behind it can: answer, and read no more of this connection.
  func refuseHead(_ code: ErrorCode) {
    startExchange(now: loop.resources.now())
    exchange.keepsAlive = false
    exchange.lingers = true
    forwarding.requestID = HeaderText(hexadecimal: loop.resources.fastRandom(), loop.resources.fastRandom())
    if node.isAccessLogged { accessRecord = AccessRecord(method: "-", target: "-", host: "", client: forwarding.clientAddress.text) }
    fail(code)
  }

  func startExchange(now: UInt64) {
    phase = .exchange
    exchange = ExchangeState()
    exchange.startedAt = now
    exchange.isHTTP2 = http2 != nil
    loop.statistics.inFlight &+= 1
  }

  /// Keeps bytes that cannot be handled yet, in a buffer of ours: the channel's own goes back to the channel.
  func keep(_ bytes: ByteBuffer) {
    var buffer = input.take() ?? loop.resources.takeBuffer()
    buffer.writeImmutableBuffer(bytes)
    input = buffer
  }

  /// The client did not take the last response yet, or a request waits for keys: the next one waits too, so that no client can make them pile up.
  private func readLater(_ bytes: ByteBuffer) {
    keep(bytes)
    if input?.readableBytes ?? 0 > Self.pipelineLimit { pauseReading() }
  }

  /// Requests behind the one that just ended.
  func readPipelined() {
    if isReadPaused { resumeReading() }
    guard let waiting = input.take() else { return }
    readHead(waiting)
  }

  // MARK: Time

  func sweep(now: UInt64) {
    if listener?.remote != nil { checkHop(now) }
    if phase == .exchange, exchange.awaitsRoute {
      exchange.awaitsRoute = false
      dispatch(now)
    }
    guard deadline != 0, now >= deadline else { return }
    switch phase {
    case .head where !isWritable:
      endSlowReader(now)
    case .head:
      if let storage = partialRequest.take() {
        loop.giveBack(storage)
        refuseHead(.requestTimeout)
      } else {
        context?.close(promise: nil)
      }
    case .exchange:
      expire(now)
    case .lingering where isFlushingLast:
      endSlowReader(now)
    case .lingering:
      context?.close(promise: nil)
    case .upgraded, .left:
      deadline = 0
    }
  }

  /// From now on the client has to take something within the time for an idle body.
  func expectReading(_ now: UInt64) {
    deadline = now &+ loop.limits.bodyIdleTimeout
    takenAtDeadline = taken
  }

  /// Bytes that reached the client's kernel: neither in the channel nor in the queue of our kernel, which may hold megabytes.
  private var taken: Int {
    if let http2 { return http2.taken }
    let waiting = (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    return (edge?.written ?? written) &- waiting &- OutputQueue.bytes(of: descriptor)
  }

  /// The time is over for a client that does not read, unless it did read a little.
  func endSlowReader(_ now: UInt64) {
    if taken != takenAtDeadline { return expectReading(now) }
    cutShort(byReset: true)
  }
}

/// What a listening socket serves. One socket may serve both.
struct ProxyPort: OptionSet, Sendable {
  let rawValue: UInt8
  static let requests = ProxyPort(rawValue: 1)
  static let listeners = ProxyPort(rawValue: 2)
  /// Of other nodes.
  static let links = ProxyPort(rawValue: 4)

  /// As the metrics call it.
  var counted: RefusedConnections.Port { contains(.requests) ? .proxy : .upstream }
}
