internal import Logging
internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel

extension ProxyHandler {
  /// `GET /pico/v1/link`: another node introduces itself, and the connection becomes a link.
  func openLink(_ head: borrowing RequestHead, _ bytes: ByteBuffer, _ rest: ByteBuffer) {
    let span = bytes.readableBytesSpan
    guard let link = node.link else { return fail(.notFound, behind: rest) }
    if let refusal = refusalOfHandshake(head, span) { return fail(refusal, behind: rest) }
    func field(_ name: StaticString) -> String { head.value(named: name, in: span)?.text(in: span) ?? "" }
    // A browser that was led here sends an Origin.
    guard head.value(named: "origin", in: span) == nil else { return refuseLink("a browser", "", rest) }
    guard field("sec-websocket-protocol") == LinkIntroduction.subprotocol else {
      return refuseLink("it speaks \(field("sec-websocket-protocol").prefix(64)), this node \(LinkIntroduction.subprotocol)", "", rest)
    }
    guard let dialer = NodeID(field("x-pico-node")), LinkIntroduction.isNonce(field("x-pico-nonce")) else {
      return fail(.malformedRequest, behind: rest)
    }
    guard field("x-pico-cluster") == link.cluster else {
      return refuseLink("it is of the cluster \(field("x-pico-cluster").prefix(64))", dialer.text, rest)
    }
    guard field("x-pico-peer") == node.id.text else {
      return refuseLink("it asks for the node \(field("x-pico-peer").prefix(80))", dialer.text, rest)
    }
    guard let context else { return }
    let introduction = LinkIntroduction(
      cluster: link.cluster, dialer: dialer, acceptor: node.id, dialerNonce: field("x-pico-nonce"),
      acceptorNonce: LinkIntroduction.makeNonce())
    var answer = ByteBuffer()
    answer.writeString(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: \(LinkIntroduction.subprotocol)\r\n"
        + "x-pico-nonce: \(introduction.acceptorNonce)\r\n")
    let secrets = link.secrets?.all
    if let secrets { answer.writeString("x-pico-proof: \(introduction.proofs(of: .acceptor, secrets: secrets))\r\n") }
    answer.writeStaticString("Sec-WebSocket-Accept: ")
    answer.writeBytes(WebSocketHandshake.acceptKey(for: field("sec-websocket-key").utf8))
    answer.writeStaticString("\r\n\r\n")
    let session = LinkSession(loop: loop, introduction: introduction, secrets: secrets)
    let tunnel = TunnelHandler(settings: .link(.server), loop: loop.resources, delegate: session)
    session.begin(tunnel)
    takeOver(tunnel, answer: answer, rest, context)
  }

  /// One line of the log says why, and the other node is told no more than that.
  private func refuseLink(_ reason: String, _ dialer: String, _ rest: ByteBuffer) {
    node.logger.warning(
      "link refused",
      metadata: ["reason": "\(reason.escapedForDisplay)", "node": "\(dialer)", "remote": "\(forwarding.clientAddress.text)"])
    fail(.linkNotPermitted, behind: rest)
  }

  private func takeOver(_ tunnel: TunnelHandler, answer: ByteBuffer, _ rest: ByteBuffer, _ context: ChannelHandlerContext) {
    exchange.status = 101
    finishRecords()
    let waiting = input.take()
    if isReadPaused { resumeReading() }
    leave()
    do {
      try context.pipeline.syncOperations.addHandler(tunnel, position: .after(self))
    } catch {
      return context.close(promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
    _ = context.pipeline.syncOperations.removeHandler(self)
    for bytes in [waiting, rest] { if let bytes, bytes.readableBytes > 0 { tunnel.receive(bytes) } }
  }
}

/// The accepting side of a link: each stream becomes a hop, once the other node has proved who it is. Confined to its loop.
final class LinkSession: TunnelDelegate, Sweepable {
  private let loop: LoopContext
  private let introduction: LinkIntroduction
  private let secrets: [[UInt8]]?
  /// Steady nanoseconds until when the proof has to be there.
  private let deadline: UInt64
  private(set) var isProved: Bool
  private var tunnel: TunnelHandler?
  /// Steady nanoseconds; a ping that was sent later has to come back.
  private var askedAt: UInt64 = 0
  /// The other node has read all that was written before it was asked.
  private(set) var hasAnswered = false

  private static let patience: UInt64 = 2_000_000_000

  init(loop: LoopContext, introduction: LinkIntroduction, secrets: [[UInt8]]?) {
    self.loop = loop
    self.introduction = introduction
    self.secrets = secrets
    isProved = secrets == nil
    deadline = loop.resources.now() &+ Self.patience
    if !isProved { loop.resources.startSweeping(self) }
  }

  func begin(_ tunnel: TunnelHandler) {
    self.tunnel = tunnel
    loop.links[ObjectIdentifier(self)] = self
  }

  // MARK: Leaving

  /// Takes no more hops; the other node is asked whether it knows. What it sends until then is refused before a byte is looked at, so that it
  /// goes elsewhere.
  func leave() {
    tunnel?.goAway()
    ask()
  }

  func ask() {
    hasAnswered = false
    askedAt = loop.resources.now()
    tunnel?.ping()
  }

  func close() { tunnel?.close() }

  // MARK: Proof

  /// Its first stream held this. Anything but the proof ends the link.
  func prove(_ proof: [UInt8], on tunnel: TunnelHandler) {
    guard secrets?.contains(where: { introduction.isProof(proof, of: .dialer, secret: $0) }) == true else {
      loop.node.logger.warning("link refused", metadata: ["reason": "wrong proof", "node": "\(introduction.dialer)"])
      return tunnel.close()
    }
    isProved = true
    loop.resources.stopSweeping(self)
  }

  /// Who answers when the other node talks about something; nil where nobody does.
  func partner(about topic: LinkTopic) -> (any ConversationDelegate)? {
    switch topic {
    case .status: statusPartner()
    case .actions, .routes: loop.node.membership?.partner(about: topic, of: introduction.dialer, on: loop)
    }
  }

  private func statusPartner() -> (any ConversationDelegate)? {
    guard let publisher = loop.node.publisher else { return nil }
    let line = ConversationLine(on: loop)
    let dialer = introduction.dialer
    Task { await publisher.serve(line, of: dialer) }
    return line
  }

  func sweep(now: UInt64) {
    guard now >= deadline else { return }
    loop.resources.stopSweeping(self)
    tunnel?.close()
  }

  func tunnel(_ tunnel: TunnelHandler, didAccept stream: TunnelStream) -> (any StreamConsumer)? {
    HopRelay(stream, of: tunnel, session: self, loop: loop)
  }

  func tunnel(_ tunnel: TunnelHandler, didReceive message: ControlMessage) {}
  func tunnel(_ tunnel: TunnelHandler, didMeasureRoundTrip nanoseconds: UInt64) {
    if tunnel.lastReceived &- nanoseconds >= askedAt { hasAnswered = true }
  }
  func tunnelDidReceiveGoAway(_ tunnel: TunnelHandler) {}

  func tunnelDidClose(_ tunnel: TunnelHandler, reason: TunnelCloseReason) {
    self.tunnel = nil
    loop.links[ObjectIdentifier(self)] = nil
    loop.resources.stopSweeping(self)
  }
}
