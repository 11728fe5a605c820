internal import NIOCore
internal import PicoHTTP
internal import PicoTracing
internal import PicoTunnel

/// Joins one stream of a tunnel to the service: one HTTP exchange, or raw bytes. Confined to its loop, used again for later streams.
///
/// ```
///          ┌──────────────────────── raw service ───────────────────────┐
/// begin ───┤                                                            ▼
///          └─▶ head ── whole ─▶ connecting ─▶ exchange ── 101 ────────▶ raw ── both sides ended ─▶ released
///                      └── idle connection ──▶   │
///                                                └─ response ended ─▶ lingering ── FIN ─────────▶ released
/// ```
/// A reset by the node and a failure of the service end it from every state. The request's side is here, the response's in
/// `UpstreamRelay+Response.swift`, failures in `UpstreamRelay+Failure.swift`.
final class UpstreamRelay: StreamConsumer {
  enum Phase {
    case free
    case head
    case connecting
    case exchange
    case raw
    /// The response is out; what is left of the request is thrown away.
    case lingering
  }

  let pool: UpstreamPool
  /// In the pool's list of relays at work.
  var position = 0

  var phase = Phase.free
  var stream: TunnelStream?
  var connection: UpstreamConnection?
  /// Without `pico.v1` a failure is a response of ours, and a FIN means that the node gave up.
  var isPico = true

  var request = RequestHead()
  var response = ResponseHead()
  var question = ResponseHead.Question(method: .get, asksForUpgrade: false)
  var requestBody = BodyFraming.none
  var responseBody = BodyFraming.none
  /// Of the request: an incomplete head, or what waits for a connection.
  var held: ByteBuffer?
  /// Of the response: an incomplete head.
  var heldResponse: ByteBuffer?
  /// Passed to the connection and not yet given back to the stream's window.
  var untaken = 0
  var isRequestEnded = false
  /// The node's FIN was seen.
  var isStreamEnded = false
  /// Our FIN was given to the stream.
  var isOutputEnded = false
  var isResponseHeadRead = false
  var keepsConnection = false
  var keepAliveSeconds: Int?
  /// A byte went to the service: from here on the request counts as delivered.
  var isDelivered = false
  /// A byte of the response went to the node.
  var isAnswered = false

  /// Nil where there is no access log.
  var record: RelayRecord?
  /// Where the request is recorded for its trace.
  var span: RecordedSpan?
  /// Takes the place of what the request says of its trace.
  var trace: TraceContext?

  private var isAcknowledged = false
  private var hasProgressed = false
  /// When the sweep last saw progress; 0 before the first sweep.
  private var progressAt: UInt64 = 0

  static let maximumHead = 64 << 10
  /// A request this short needs no window back: it ends with its stream.
  private static let shortRequest = 16 << 10
  /// How long everything may take until a service can be written to. Nanoseconds.
  private static let connecting: UInt64 = 10_000_000_000
  /// How long a node may send nothing of a head, or of the rest of a request once its response is out. Nanoseconds.
  private static let lingering: UInt64 = 30_000_000_000

  init(pool: UpstreamPool) { self.pool = pool }

  func begin(_ stream: TunnelStream, isPico: Bool) {
    self.stream = stream
    self.isPico = isPico
    pool.statistics.streams &+= 1
    if pool.accessLog != nil { record = RelayRecord(startedAt: pool.resources.now()) }
    if pool.service.isRaw {
      phase = .connecting
      pool.connect(for: self)
    } else {
      phase = .head
      request.reset()
    }
  }

  /// Lets everything go; the relay may serve again.
  func release() {
    if let log = pool.accessLog, let record = record.take() {
      record.write(to: log, endpoint: pool.service.configuration.endpoint, now: pool.resources.now())
    }
    if let span = span.take() { end(span) }
    trace = nil
    // A stream that still drains what was written must not call whoever uses this relay next.
    stream?.consumer = nil
    stream = nil
    connection = nil
    if let buffer = held.take() { pool.resources.giveBack(buffer) }
    if let buffer = heldResponse.take() { pool.resources.giveBack(buffer) }
    phase = .free
    untaken = 0
    isRequestEnded = false
    isStreamEnded = false
    isOutputEnded = false
    isResponseHeadRead = false
    keepsConnection = false
    keepAliveSeconds = nil
    isDelivered = false
    isAnswered = false
    isAcknowledged = false
    hasProgressed = false
    progressAt = 0
    pool.release(self)
  }

  // MARK: The stream's events

  func streamDidReceive(_ bytes: ByteBuffer) {
    hasProgressed = true
    switch phase {
    case .free: break
    case .head: receiveHead(bytes)
    case .connecting: hold(bytes)
    case .exchange: forwardBody(bytes)
    case .raw: forward(bytes)
    case .lingering: stream?.consumed(bytes.readableBytes)
    }
  }

  private func receiveHead(_ bytes: ByteBuffer) {
    guard var head = held.take() else {
      switch request.parse(bytes.readableBytesSpan, limit: Self.maximumHead) {
      case .complete(let headBytes): begin(bytes, headBytes: headBytes)
      case .incomplete: hold(bytes)
      case .failed(let fault): refuseRequest(fault)
      }
      return
    }
    head.writeImmutableBuffer(bytes)
    switch request.parse(head.readableBytesSpan, limit: Self.maximumHead) {
    case .complete(let headBytes):
      begin(head, headBytes: headBytes)
      if held == nil { pool.resources.giveBack(head) }
    case .incomplete: held = head
    case .failed(let fault): refuseRequest(fault)
    }
  }

  private func hold(_ bytes: ByteBuffer) {
    var buffer = held.take() ?? pool.resources.takeBuffer()
    buffer.writeImmutableBuffer(bytes)
    held = buffer
  }

  /// The head is whole: `bytes` begins with it.
  private func begin(_ bytes: ByteBuffer, headBytes: Int) {
    record?.take(request, bytes.readableBytesSpan)
    if let tracer = pool.tracer { joinTrace(bytes, tracer) }
    question = .init(method: request.method, asksForUpgrade: request.isUpgrade)
    requestBody = request.framing
    response.reset()
    if let idle = pool.take(mayRepeat: request.method.isIdempotent) {
      connection = idle
      idle.relay = self
      send(bytes, headBytes: headBytes, on: idle)
    } else {
      // A body that comes meanwhile waits in the window: nothing is given back before the service is there.
      phase = .connecting
      held = bytes
      requestHeadBytes = headBytes
      pool.connect(for: self)
    }
  }

  private var requestHeadBytes = 0

  func upstreamDidConnect(_ connection: UpstreamConnection) {
    if pool.service.isRaw {
      stream?.acknowledge()
      isAcknowledged = true
      enterRaw()
    } else if let bytes = held.take() {
      send(bytes, headBytes: requestHeadBytes, on: connection)
      pool.resources.giveBack(bytes)
    }
  }

  private func send(_ bytes: ByteBuffer, headBytes: Int, on connection: UpstreamConnection) {
    phase = .exchange
    isDelivered = true
    connection.write { out in
      request.writeToUpstream(bytes.readableBytesSpan, host: pool.service.hostHeader, trace: trace, into: &out)
    }
    untaken &+= headBytes
    let rest = bytes.readableBytes &- headBytes
    if rest > 0, let body = bytes.getSlice(at: bytes.readerIndex &+ headBytes, length: rest) {
      forwardBody(body)
    } else {
      isRequestEnded = requestBody.isComplete
    }
    pool.statistics.bytesToUpstream &+= UInt64(headBytes)
    record?.bytesIn &+= UInt64(headBytes)
    if isRequestEnded, untaken < Self.shortRequest { untaken = 0 }
  }

  /// Passes on what belongs to the body. More than that is only right where the protocol may change.
  private func forwardBody(_ bytes: ByteBuffer) {
    guard let connection else { return }
    guard !isRequestEnded else { return holdBeyondRequest(bytes) }
    switch requestBody.consume(bytes.readableBytesSpan) {
    case .more:
      pass(bytes, to: connection)
    case .ended(let count):
      isRequestEnded = true
      if count == bytes.readableBytes { return pass(bytes, to: connection) }
      if count > 0, let body = bytes.getSlice(at: bytes.readerIndex, length: count) { pass(body, to: connection) }
      if let rest = bytes.getSlice(at: bytes.readerIndex &+ count, length: bytes.readableBytes &- count) { holdBeyondRequest(rest) }
    case .failed(let fault):
      refuseRequest(fault)
    }
  }

  private func holdBeyondRequest(_ bytes: ByteBuffer) {
    if question.asksForUpgrade { hold(bytes) } else { breakOff() }
  }

  private func pass(_ bytes: ByteBuffer, to connection: UpstreamConnection) {
    untaken &+= bytes.readableBytes
    pool.statistics.bytesToUpstream &+= UInt64(bytes.readableBytes)
    record?.bytesIn &+= UInt64(bytes.readableBytes)
    connection.write(bytes)
  }

  private func forward(_ bytes: ByteBuffer) {
    guard let connection else { return }
    pass(bytes, to: connection)
  }

  /// From here on bytes go both ways as they are.
  func enterRaw() {
    phase = .raw
    isDelivered = true
    if let waiting = held.take() {
      forward(waiting)
      pool.resources.giveBack(waiting)
    }
    if isStreamEnded { connection?.closeOutput() }
  }

  /// The connection took what was passed to it.
  func upstreamDidTake() {
    guard untaken > 0 else { return }
    let count = untaken
    untaken = 0
    stream?.consumed(count)
  }

  func streamDidEnd() {
    isStreamEnded = true
    switch phase {
    case .free: break
    case .lingering: release()
    case .raw:
      if isOutputEnded { return finishAndRelease() }
      connection?.closeOutput()
    case .connecting where pool.service.isRaw: break
    case .head: breakOff()
    case .connecting, .exchange:
      // Half of a request is none; and without `pico.v1` this is how a node says that its client is gone.
      if !isPico || !isRequestComplete { breakOff() }
    }
  }

  /// Whether all of the request is here, sent or not.
  private var isRequestComplete: Bool {
    guard phase == .connecting, let held else { return isRequestEnded }
    var body = requestBody
    if body.isComplete { return true }
    let rest = held.readableBytes &- requestHeadBytes
    guard rest > 0, let slice = held.getSlice(at: held.readerIndex &+ requestHeadBytes, length: rest) else { return false }
    _ = body.consume(slice.readableBytesSpan)
    return body.isComplete
  }

  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {
    pool.statistics.cancelled &+= 1
    note(code)
    stream = nil
    discardAndRelease()
  }

  func streamDidBecomeWritable() { connection?.resume() }

  /// Ends the connection, which nothing can follow on, and the relay.
  func discardAndRelease() {
    let connection = connection
    if let connection, !connection.isReady, !pool.service.isRaw, !pool.service.usesTLS {
      // It was asked for by this request alone and may well serve the next one; its time to connect is limited.
      connection.relay = nil
    } else {
      // A service that speaks in raw bytes must not take what was cut for the whole.
      connection?.discard(byReset: phase == .raw)
    }
    release()
  }

  /// Both sides ended; what was written last still goes out.
  func finishAndRelease() {
    connection?.finish()
    release()
  }

  // MARK: Time

  func sweep(now: UInt64) {
    if !isAcknowledged {
      // Nothing answered within this sweep's interval: the node must not take a slow service for a dead agent.
      isAcknowledged = true
      if phase != .head, !isAnswered { stream?.acknowledge() }
    }
    if (hasProgressed && phase != .connecting) || progressAt == 0 {
      hasProgressed = false
      progressAt = now
    }
    switch phase {
    case .lingering where now &- progressAt > Self.lingering:
      fail(.cancelled)
    case .connecting where now &- progressAt > Self.connecting:
      // The connection is there and its TLS is not, or a name server is silent.
      fail(.connectTimeout)
    case .head where now &- progressAt > Self.lingering:
      fail(.cancelled)
    case .exchange:
      guard !isResponseHeadRead, pool.service.timeout > 0, now &- progressAt > pool.service.timeout else { return }
      pool.statistics.timeouts &+= 1
      fail(.upstreamTimeout)
    default: break
    }
  }
}
