internal import Logging
internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoTunnel

/// The accepting side of a link: each stream becomes a hop, once the other node has proved who it is. Confined to its loop.
///
/// When the secret that was proved is taken out of this node's file, the other node is asked by a go-away to make another link
/// (``LinkFarewell``).
final class LinkSession: TunnelDelegate, Sweepable {
  private let loop: LoopContext
  private let introduction: LinkIntroduction
  private let secrets: [[UInt8]]?
  /// The other node wants to know which listeners have its requests; one of an older version would not understand.
  let takesNotes: Bool
  /// Steady nanoseconds until when the proof has to be there.
  private let deadline: UInt64
  private(set) var isProved: Bool
  /// That the other node has proved.
  private var secret: [UInt8]?
  private var farewell: LinkFarewell?
  private var tunnel: TunnelHandler?
  /// The node leaves.
  private var isLeaving = false
  /// Steady nanoseconds; a ping that was sent later has to come back.
  private var askedAt: UInt64 = 0
  /// The other node has read all that was written before it was asked.
  private(set) var hasAnswered = false

  private static let patience: UInt64 = 2_000_000_000

  init(loop: LoopContext, introduction: LinkIntroduction, secrets: [[UInt8]]?, takesNotes: Bool) {
    self.loop = loop
    self.introduction = introduction
    self.secrets = secrets
    self.takesNotes = takesNotes
    isProved = secrets == nil
    deadline = loop.resources.now() &+ Self.patience
    if !isProved { loop.resources.startSweeping(self) }
  }

  /// What takes the connection over.
  func makeTunnel() -> TunnelHandler {
    let tunnel = TunnelHandler(settings: .link(.server), loop: loop.resources, delegate: self)
    self.tunnel = tunnel
    loop.links[ObjectIdentifier(self)] = self
    return tunnel
  }

  // MARK: Leaving

  /// Takes no more hops. What the other node sends until it knows is refused before a byte is looked at, so that it goes elsewhere.
  func leave() {
    isLeaving = true
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
    guard let secret = secrets?.first(where: { introduction.isProof(proof, of: .dialer, secret: $0) }) else {
      loop.node.logger.warning("link refused", metadata: ["reason": "wrong proof", "node": "\(introduction.dialer)"])
      return tunnel.close()
    }
    isProved = true
    self.secret = secret
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
    guard let secret else { return endUnproved(now: now) }
    guard let tunnel else { return }
    if farewell == nil, loop.node.link?.secrets?.has(secret) == false {
      farewell = LinkFarewell(now: now, grace: loop.node.configuration.gracePeriod)
      tunnel.goAway()
    }
    if farewell?.step(now: now, isIdle: tunnel.streamCount == 0) == .ends { tunnel.close() }
  }

  private func endUnproved(now: UInt64) {
    guard now >= deadline else { return }
    loop.resources.stopSweeping(self)
    tunnel?.close()
  }

  func tunnel(_ tunnel: TunnelHandler, didAccept stream: TunnelStream) -> (any StreamConsumer)? {
    if isLeaving { return nil }
    if let farewell, farewell.step(now: loop.resources.now(), isIdle: false) != .serves { return nil }
    return HopRelay(stream, of: tunnel, session: self, loop: loop)
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
