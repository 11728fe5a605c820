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
  let loop: LoopContext
  private unowned let tunnel: TunnelHandler
  let session: LinkSession
  /// Towards the node that has the client; nil when it is over.
  var downstream: TunnelStream?
  var upstream: (any ByteStream)?
  var far: Far?
  var header: HopHeader?
  /// Bytes of a header that is not whole, or of a proof.
  private var early: ByteBuffer?
  var routes: EndpointRoutes?
  var listener: Listener?
  var tried = InlineArray<3, ListenerID?>(repeating: nil)
  var attempts = 0
  /// All that came so far; nil while that is nothing.
  var replay: ByteBuffer?
  var canReplay = true
  var isDownstreamEnded = false
  var isUpstreamEnded = false
  /// Both ends of the listener's stream are not for it yet: it is a plain yamux peer, which takes an end for a cancel.
  var isEndHeld = false
  /// Received and not passed on, by side.
  var heldFromDownstream = 0
  var heldFromUpstream = 0
  var isDownstreamPaused = false
  var isUpstreamPaused = false
  private var bytesIn = 0
  var bytesOut = 0
  let startedAt: UInt64
  var isCounted = false
  private var isInFlight = false
  /// For a listener that is about to be back.
  private var isWaiting = false
  /// The request may be part of a trace that is recorded: its first field says so.
  private var isTraceAwaited = false
  var span: RecordedSpan?
  /// Of the answer; 0 while there is none.
  var status = 0

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
    guard isFound || routes == nil && loop.node.membership?.expects(endpoint) == true else { return refuse() }
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

  func endReplay() {
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
  func endUpstream() {
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

  // MARK: The end

  func releaseFar() {
    far?.relay = nil
    far = nil
  }

  func releaseListener() {
    listener?.inFlight.subtract(1, ordering: .relaxed)
    listener = nil
  }

  /// Safe to call twice.
  func finish() {
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

  func end(_ span: RecordedSpan) {
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
