internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoTracing
internal import PicoTunnel
internal import Synchronization

/// The side of a hop that has the listener.
extension HopRelay {
  /// Gives what came so far to a listener of this node that has not had it; false when there is none.
  func connect() -> Bool {
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
      if session.takesNotes { downstream?.note(next.id.bits) }
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
  final class Far: StreamConsumer {
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
  static func status(_ bytes: ByteBuffer) -> Int {
    guard let digits = bytes.getBytes(at: bytes.readerIndex + 9, length: 3), digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return 502
    }
    return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  func count(status: Int, isError: Bool, now: UInt64) {
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

  func upstreamDidBecomeWritable() {
    isUpstreamPaused = false
    let count = heldFromDownstream
    heldFromDownstream = 0
    loop.hold(-count)
    downstream?.consumed(count)
  }
}
