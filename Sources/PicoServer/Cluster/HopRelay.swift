internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoHTTP
internal import PicoTracing
internal import PicoTunnel
internal import Synchronization
internal import Tracing

/// One hop at the node that has the listener: joins a stream of a link to a stream of a listener of this node, byte for byte. Confined to the
/// link's loop.
///
/// The link's stream is acknowledged when a listener was found, before a byte leaves for an upstream. Until the listener's first byte
/// what came is kept, so that a listener whose agent reached no upstream costs the request nothing; when none is left the other node is told
/// `not-sent`, and goes on elsewhere.
final class HopRelay: StreamConsumer {
  private let loop: LoopContext
  private unowned let tunnel: TunnelHandler
  private let session: LinkSession
  /// Towards the node that has the client; nil when it is over.
  private var downstream: TunnelStream?
  private var upstream: (any ByteStream)?
  private var far: Far?
  private var header: HopHeader?
  /// Bytes of a header that is not whole, or of a proof.
  private var early: ByteBuffer?
  private var routes: EndpointRoutes?
  private var listener: Listener?
  private var tried = InlineArray<3, ListenerID?>(repeating: nil)
  private var attempts = 0
  /// All that came so far; nil while that is nothing.
  private var replay: ByteBuffer?
  private var canReplay = true
  private var isDownstreamEnded = false
  private var isUpstreamEnded = false
  /// Both ends of the listener's stream are not for it yet: it is a plain yamux peer, which takes an end for a cancel.
  private var isEndHeld = false
  /// Received and not passed on, by side.
  private var heldFromDownstream = 0
  private var heldFromUpstream = 0
  private var isDownstreamPaused = false
  private var isUpstreamPaused = false
  private var bytesIn = 0
  private var bytesOut = 0
  private let startedAt: UInt64
  private var isCounted = false
  private var isInFlight = false
  /// For a listener that is about to be back.
  private var isWaiting = false
  /// The request may be part of a trace that is recorded: its first field says so.
  private var isTraceAwaited = false
  private var span: RecordedSpan?
  /// Of the answer; 0 while there is none.
  private var status = 0

  init(_ stream: TunnelStream, of tunnel: TunnelHandler, session: LinkSession, loop: LoopContext) {
    downstream = stream
    self.tunnel = tunnel
    self.session = session
    self.loop = loop
    startedAt = loop.resources.now()
  }

  // MARK: From the other node

  func streamDidReceive(_ bytes: ByteBuffer) {
    guard header != nil else { return readHeader(bytes) }
    guard header?.kind != .proof else { return readProof(bytes) }
    take(bytes)
  }

  private func take(_ bytes: ByteBuffer) {
    if isTraceAwaited { joinTrace(bytes) } else { forward(bytes) }
  }

  private func readHeader(_ bytes: ByteBuffer) {
    var all = early.take() ?? loop.resources.takeBuffer()
    all.writeImmutableBuffer(bytes)
    switch HopHeader.read(all) {
    case .needsMore: early = all
    case .malformed: refuse()
    case .whole(let header, let length):
      all.moveReaderIndex(forwardBy: length)
      self.header = header
      downstream?.consumed(length)
      begin(header, all)
    }
  }

  private func begin(_ header: HopHeader, _ rest: ByteBuffer) {
    guard header.kind != .proof else { return readProof(rest) }
    guard session.isProved else { return refuse() }
    if header.kind == .conversation { return converse(header, rest) }
    guard let endpoint = header.endpoint else { return refuse() }
    // One hop at most: only what is here counts.
    routes = loop.node.routes.routes(of: endpoint)
    let isFound = connect()
    guard isFound || loop.node.membership?.expects(endpoint) == true else { return refuse() }
    downstream?.acknowledge()
    isInFlight = true
    loop.statistics.inFlight &+= 1
    loop.statistics.hopsInFlight &+= 1
    if !isFound { waitForReturn(of: endpoint) }
    // What is not HTTP has no fields, and may look as if it had.
    isTraceAwaited = loop.node.tracer != nil && header.kind == .exchange
    if rest.readableBytes > 0 { take(rest) }
  }

  /// Waits for the first field of the request. Where it names a span that is recorded, the span of this hop takes its place.
  private func joinTrace(_ bytes: ByteBuffer) {
    var all = early.take() ?? loop.resources.takeBuffer()
    all.writeImmutableBuffer(bytes)
    switch TraceContext.firstField(of: all.readableBytesSpan) {
    case .undecided where all.readableBytes <= loop.limits.maxHead:
      early = all
      return
    case .context(let parent, let place) where parent.isSampled:
      guard let span = loop.node.tracer?.span("hop", .server, in: parent, attributes: ["pico.node": .string(loop.node.id.text)]) else {
        break
      }
      all.setBytes(TraceContext.digits(ofSpan: span.traceContext.spanID), at: all.readerIndex + place)
      self.span = span
    case .undecided, .other, .context: break
    }
    isTraceAwaited = false
    forward(all)
    loop.resources.giveBack(all)
  }

  /// Not a hop at all: the other node has something to say.
  private func converse(_ header: HopHeader, _ rest: ByteBuffer) {
    guard let topic = header.topic.flatMap(LinkTopic.init(rawValue:)), let stream = downstream,
      let partner = session.partner(about: topic)
    else { return refuse() }
    downstream = nil
    finish()
    _ = Conversation(stream, rest, partner)
  }

  /// The endpoint's only listener left this node a moment ago and will be at another. The node that the request came from is told `not-sent` when it
  /// is there, and not before, so that it finds it.
  private func waitForReturn(of endpoint: EndpointID) {
    guard let membership = loop.node.membership, membership.expects(endpoint) else { return refuse() }
    isWaiting = true
    let eventLoop = loop.resources.eventLoop
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.makeFutureWithTask {
      // The other node hears of it about when this one does.
      if await membership.awaitReturn(of: endpoint) { try? await Task.sleep(for: .milliseconds(50)) }
    }.whenComplete { _ in bound.value.goOn() }
  }

  private func goOn() {
    guard isWaiting else { return }
    isWaiting = false
    routes = header?.endpoint.flatMap { loop.node.routes.routes(of: $0) }
    guard canReplay, connect() else { return refuse() }
    if !isUpstreamPaused { upstreamDidBecomeWritable() }
  }

  private func readProof(_ bytes: ByteBuffer) {
    var all = early.take() ?? loop.resources.takeBuffer()
    all.writeImmutableBuffer(bytes)
    guard all.readableBytes <= 32, !session.isProved else { return refuse() }
    early = all
  }

  /// Nothing of the stream reached an upstream.
  private func refuse() {
    downstream?.reset(.notSent)
    downstream = nil
    finish()
  }

  private func forward(_ bytes: ByteBuffer) {
    guard upstream != nil || isWaiting else { return }
    let count = bytes.readableBytes
    bytesIn += count
    if canReplay { keep(bytes) }
    guard let upstream else {
      heldFromDownstream += count
      return loop.hold(count)
    }
    if unsafe !bytes.withUnsafeReadableBytes({ unsafe upstream.write($0, end: false) }) { isUpstreamPaused = true }
    if isUpstreamPaused {
      heldFromDownstream += count
      loop.hold(count)
    } else {
      downstream?.consumed(count)
    }
  }

  private func keep(_ bytes: ByteBuffer) {
    var kept = replay.take() ?? loop.resources.takeBuffer()
    kept.writeImmutableBuffer(bytes)
    replay = kept
    if kept.readableBytes > loop.limits.retryBuffer { endReplay() }
  }

  private func endReplay() {
    canReplay = false
    if let kept = replay.take() { loop.resources.giveBack(kept) }
  }

  func streamDidEnd() {
    isDownstreamEnded = true
    if header?.kind == .proof {
      session.prove(early.map { Array($0.readableBytesView) } ?? [], on: tunnel)
      _ = unsafe downstream?.write(UnsafeRawBufferPointer(start: nil, count: 0), end: true)
      downstream = nil
      return finish()
    }
    guard header != nil else { return refuse() }
    if isTraceAwaited, let bytes = early.take() {
      isTraceAwaited = false
      forward(bytes)
    }
    endUpstream()
  }

  /// Passes on that nothing more comes, when the listener's agent understands it.
  private func endUpstream() {
    guard let upstream, let listener else { return }
    guard listener.isPico || header?.kind == .raw || isUpstreamEnded else {
      isEndHeld = true
      return
    }
    isEndHeld = false
    _ = unsafe upstream.write(UnsafeRawBufferPointer(start: nil, count: 0), end: true)
    if isUpstreamEnded {
      self.upstream = nil
      finish()
    }
  }

  /// The client left, or its node waits no longer.
  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {
    downstream = nil
    if upstream != nil { count(status: code == .upstreamTimeout ? 504 : 499, isError: false, now: loop.resources.now()) }
    finish()
  }

  func streamDidBecomeWritable() {
    isDownstreamPaused = false
    let count = heldFromUpstream
    heldFromUpstream = 0
    loop.hold(-count)
    upstream?.consumed(count)
  }

  // MARK: The listener

  /// Gives what came so far to a listener of this node that has not had it; false when there is none.
  private func connect() -> Bool {
    guard var routes else { return false }
    let now = loop.resources.now()
    if routes.isRetired, let current = loop.node.routes.routes(of: routes.endpoint) {
      self.routes = current
      routes = current
    }
    while attempts < ExchangeState.maximumAttempts, let next = routes.pickHere(excluding: tried, caller: loop.resources, now: now) {
      tried[attempts] = next.id
      attempts += 1
      let far = Far(self)
      guard let stream = next.open(far, .exchange, from: loop.resources, mailboxes: loop.node.mailboxes) else {
        far.relay = nil
        continue
      }
      releaseListener()
      next.inFlight.add(1, ordering: .relaxed)
      listener = next
      _ = loop.cell(of: next)
      self.far?.relay = nil
      self.far = far
      upstream = stream
      isUpstreamPaused = false
      let bytes = replay ?? ByteBuffer()
      if bytes.readableBytes > 0 { isUpstreamPaused = unsafe !bytes.withUnsafeReadableBytes { unsafe stream.write($0, end: false) } }
      if isDownstreamEnded { endUpstream() }
      return true
    }
    return false
  }

  /// Hears the listener's stream. One for each attempt, so that what a former one still says is not heard. A stream may outlive its hop, while
  /// its own end waits to be sent: then nobody hears it.
  private final class Far: StreamConsumer {
    /// Until the relay turns to another one or ends.
    var relay: HopRelay?

    init(_ relay: HopRelay) { self.relay = relay }

    func streamDidReceive(_ bytes: ByteBuffer) { relay?.upstreamDidReceive(bytes) }
    func streamDidEnd() { relay?.upstreamDidEnd() }
    func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) { relay?.upstreamDidReset(code, wasAcknowledged: wasAcknowledged) }
    func streamDidBecomeWritable() { relay?.upstreamDidBecomeWritable() }
  }

  private func upstreamDidReceive(_ bytes: ByteBuffer) {
    if canReplay { noteAnswer(bytes) }
    let count = bytes.readableBytes
    bytesOut += count
    guard let downstream else { return }
    if unsafe !bytes.withUnsafeReadableBytes({ unsafe downstream.write($0, end: false) }) { isDownstreamPaused = true }
    if isDownstreamPaused {
      heldFromUpstream += count
      loop.hold(count)
    } else {
      upstream?.consumed(count)
    }
  }

  /// The first byte: the upstream has what was sent, and of HTTP the status is near.
  private func noteAnswer(_ bytes: ByteBuffer) {
    endReplay()
    let now = loop.resources.now()
    listener?.recordSuccess(now: now)
    count(status: header?.kind == .exchange ? Self.status(bytes) : 101, isError: false, now: now)
  }

  /// Of `HTTP/1.1 200 …`; what is none was found to be so by the node that has the client.
  private static func status(_ bytes: ByteBuffer) -> Int {
    guard let digits = bytes.getBytes(at: bytes.readerIndex + 9, length: 3), digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return 502
    }
    return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  private func count(status: Int, isError: Bool, now: UInt64) {
    self.status = status
    guard let listener, !isCounted else { return }
    isCounted = true
    loop.cell(of: listener).recordResponse(
      status: status, latency: now &- startedAt, now: now, isError: isError || status >= 500)
  }

  /// The response broke off behind its first byte.
  private func noteCut(now: UInt64) {
    if isCounted, let listener { loop.cell(of: listener).recordCut(now: now) }
  }

  private func upstreamDidEnd() {
    if canReplay { noteAnswer(ByteBuffer()) }
    isUpstreamEnded = true
    if isEndHeld { endUpstream() }
    _ = unsafe downstream?.write(UnsafeRawBufferPointer(start: nil, count: 0), end: true)
    if isDownstreamEnded {
      upstream = nil
      downstream = nil
      finish()
    }
  }

  private func upstreamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {
    upstream = nil
    releaseFar()
    let now = loop.resources.now()
    if let listener, code == .connectTimeout || code == .notSent && wasAcknowledged {
      let isHalfFailing = loop.cell(of: listener).recordConnectFailure(now: now)
      if listener.recordConnectFailure(isHalfFailing: isHalfFailing, now: now) { loop.node.logLeftOut(listener) }
    }
    if canReplay, code == .notSent || code == .connectTimeout, connect() { return loop.statistics.recordRetry() }
    if canReplay { count(status: 502, isError: true, now: now) } else { noteCut(now: now) }
    span?.fail("\(code.name)", isError: true)
    // What could not be kept may have gone to the agent that then said it sent nothing; only a whole replay may go elsewhere.
    // An agent that does not reach its upstream is none that is leaving: only of the latter the other node may hope to find it elsewhere.
    downstream?.reset(code == .notSent && wasAcknowledged ? .connectTimeout : code)
    downstream = nil
    finish()
  }

  private func upstreamDidBecomeWritable() {
    isUpstreamPaused = false
    let count = heldFromDownstream
    heldFromDownstream = 0
    loop.hold(-count)
    downstream?.consumed(count)
  }

  // MARK: The end

  private func releaseFar() {
    far?.relay = nil
    far = nil
  }

  private func releaseListener() {
    listener?.inFlight.subtract(1, ordering: .relaxed)
    listener = nil
  }

  /// Safe to call twice.
  private func finish() {
    if let upstream {
      self.upstream = nil
      upstream.reset(.cancelled)
    }
    isWaiting = false
    releaseFar()
    loop.hold(-(heldFromDownstream + heldFromUpstream))
    (heldFromDownstream, heldFromUpstream) = (0, 0)
    if let kept = replay.take() { loop.resources.giveBack(kept) }
    if let kept = early.take() { loop.resources.giveBack(kept) }
    canReplay = false
    if isInFlight {
      isInFlight = false
      loop.statistics.inFlight &-= 1
      loop.statistics.hopsInFlight &-= 1
      loop.statistics.recordBytes(in: bytesIn, out: bytesOut)
    }
    if let listener { loop.cell(of: listener).recordBytes(in: bytesIn, out: bytesOut, now: loop.resources.now()) }
    if let span = span.take() { end(span) }
    releaseListener()
  }

  private func end(_ span: RecordedSpan) {
    span.updateAttributes { attributes in
      if status > 0 { attributes["http.response.status_code"] = status }
      attributes["pico.retries"] = max(0, attempts - 1)
      if let endpoint = header?.endpoint { attributes.name(endpoint) }
      if let listener { attributes["pico.listener"] = listener.id.description }
    }
    if status >= 500, span.attributes.get("error.type") == nil { span.fail("\(status)", isError: true) }
    span.end()
  }
}
