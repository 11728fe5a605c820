internal import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import PicoCluster
internal import PicoCore
internal import PicoTransport
internal import PicoTunnel

/// One loop's link to another node: dials, proves who it is, and dials again whenever it is lost, until it is told to stop. Confined to the
/// loop.
///
/// ```
/// waiting ──dial──▶ introducing ──101 and the right proof──▶ open
///    ▲                   │                                    │
///    └────── lost ◀──────┴──────────────────◀─────────────────┘
/// ```
/// When the secret that it was made with is taken out of the file, here or at the other node, it stays open until a new one is; see
/// ``LinkFarewell``.
final class Link: TunnelDelegate, Sweepable {
  private let loop: LoopContext
  private let peer: RemoteNode
  private let settings: LinkSettings
  private var addresses: [HostPort]
  private var next = 0
  // The other node may be back at any moment, and requests wait for it for a second.
  private var backoff = Backoff(initial: .milliseconds(50), maximum: .milliseconds(300))
  private var timer: Scheduled<Void>?
  /// Of the last attempt.
  private var channel: (any Channel)?
  private var isDialling = false
  private var isStopped = false
  /// What the log said last, so that it says nothing twice.
  private var lastFault: String?
  /// Open, and takes hops.
  private(set) var tunnel: TunnelHandler?
  /// That `tunnel` was made with; nil where none is asked for.
  private(set) var secret: [UInt8]?
  /// Set while `tunnel` is to be replaced.
  private var farewell: LinkFarewell?
  /// Those that were, until nothing is open on them.
  private(set) var former: [(tunnel: TunnelHandler, farewell: LinkFarewell)] = []

  init(_ loop: LoopContext, to peer: RemoteNode, at addresses: [HostPort], _ settings: LinkSettings) {
    self.loop = loop
    self.peer = peer
    self.addresses = addresses
    self.settings = settings
  }

  func start() {
    peer.set(self, on: loop.resources)
    loop.resources.startSweeping(self)
    dial()
  }

  func set(_ addresses: [HostPort]) { if !addresses.isEmpty { self.addresses = addresses } }

  /// What is open on it is reset.
  func stop() {
    let open = former.map(\.tunnel) + [tunnel].compactMap { $0 }
    letGo()
    for tunnel in open { tunnel.close() }
  }

  /// The other node has left, or is about to: it finishes what is open and closes.
  func letGo() {
    isStopped = true
    timer?.cancel()
    loop.resources.stopSweeping(self)
    peer.set(nil, on: loop.resources)
    if isDialling { channel?.close(promise: nil) }
  }

  // MARK: Dialling

  private func dial() {
    guard !isStopped, !isDialling, !addresses.isEmpty else { return }
    isDialling = true
    let address = addresses[next % addresses.count]
    next += 1
    let handshake = LinkHandshake(
      LinkIntroduction(
        cluster: settings.cluster, dialer: loop.node.id, acceptor: peer.id, dialerNonce: LinkIntroduction.makeNonce(), acceptorNonce: ""),
      authority: address.description, secrets: settings.secrets?.all, timeout: Self.timeout
    ) { [weak self] result in self?.answered(result) ?? nil }
    let connector: AddressConnector
    do { connector = try AddressConnector(address) } catch { return failed("\(address): \(error)") }
    let bound = NIOLoopBound((self, handshake), eventLoop: loop.resources.eventLoop)
    let (eventLoop, tls, host) = (loop.resources.eventLoop, settings.tls, settings.serverName ?? address.host)
    connector.connect(on: eventLoop) {
      ClientBootstrap(group: eventLoop)
        .connectTimeout(Self.connectTimeout)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            bound.value.0.channel = channel
            if let tls { try channel.pipeline.syncOperations.addHandler(TLSContext.handler(tls, host: host)) }
            try channel.pipeline.syncOperations.addHandler(bound.value.1)
          }
        }
    }.assumeIsolated().whenFailure { error in self.failed("\(address): \(ConnectErrorText.text(error))") }
  }

  private static let timeout = TimeAmount.seconds(2)
  /// Below the second after which a kernel sends a lost SYN again: a new attempt is sooner.
  private static let connectTimeout = TimeAmount.milliseconds(500)
  /// Three pings.
  private static let silence: UInt64 = 750_000_000

  func sweep(now: UInt64) {
    if let tunnel {
      if now > tunnel.lastReceived &+ Self.silence { peer.suspect(now: now) }
      if let secret, settings.secrets?.has(secret) == false { renew() }
      if let farewell, farewell.step(now: now, isIdle: false) != .serves { setAside(now: now) }
    }
    for (tunnel, farewell) in former where farewell.step(now: now, isIdle: tunnel.streamCount == 0) == .ends { tunnel.close() }
  }

  /// The other node answered: what takes the connection over, unless it said no.
  private func answered(_ result: Result<LinkHandshake.Accepted, LinkFault>) -> TunnelHandler? {
    switch result {
    case .failure(let fault):
      failed(fault.description)
      return nil
    case .success(let accepted):
      guard !isStopped else { return nil }
      let tunnel = TunnelHandler(settings: .link(.client), loop: loop.resources, delegate: self)
      loop.resources.eventLoop.assumeIsolated().execute { self.opened(tunnel, accepted) }
      return tunnel
    }
  }

  private func opened(_ tunnel: TunnelHandler, _ accepted: LinkHandshake.Accepted) {
    guard tunnel.isOpen, !isStopped else { return tunnel.close() }
    if let secret = accepted.secret {
      let bytes = HopHeader(.proof).bytes + accepted.introduction.proof(of: .dialer, secret: secret)
      let stream = tunnel.open(ProofSent())
      _ = unsafe bytes.withUnsafeBytes { unsafe stream?.write($0, end: true) }
    }
    isDialling = false
    // Before the other one is closed, so that there is no moment without.
    peer.linkOpened()
    setAside(now: loop.resources.now())
    self.tunnel = tunnel
    secret = accepted.secret
    backoff.reset()
    lastFault = nil
    peer.heard()
    loop.node.logger.debug("link open", metadata: ["node": "\(peer.id)"])
  }

  /// An attempt came to nothing.
  private func failed(_ reason: String) {
    isDialling = false
    channel = nil
    lost(reason)
  }

  private func lost(_ reason: String) {
    guard !isStopped else { return }
    if reason != lastFault {
      lastFault = reason
      let text: Logger.Message = tunnel == nil ? "no link to a node" : "no new link to a node"
      loop.node.logger.warning(text, metadata: ["node": "\(peer.id)", "reason": "\(reason.escapedForDisplay)"])
    }
    var generator = SystemRandomNumberGenerator()
    let delay = backoff.next(using: &generator)
    timer?.cancel()
    timer = loop.resources.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(clamping: delay.inNanoseconds))) { self.dial() }
  }

  // MARK: Another secret

  /// The open link is to be replaced by one that is made with a secret that both nodes have now.
  private func renew() {
    guard tunnel != nil, farewell == nil else { return }
    farewell = LinkFarewell(now: loop.resources.now(), grace: loop.node.configuration.gracePeriod)
    loop.node.logger.debug("a link is made anew", metadata: ["node": "\(peer.id)"])
    dial()
  }

  /// Nothing new goes over the link that is to be replaced.
  private func setAside(now: UInt64) {
    guard var farewell = farewell.take(), let tunnel = tunnel.take() else { return }
    farewell.replace(now: now)
    former.append((tunnel, farewell))
    peer.linkClosed()
  }

  // MARK: Tunnel

  func tunnel(_ tunnel: TunnelHandler, didAccept stream: TunnelStream) -> (any StreamConsumer)? { nil }
  func tunnel(_ tunnel: TunnelHandler, didReceive message: ControlMessage) {}
  func tunnel(_ tunnel: TunnelHandler, didMeasureRoundTrip nanoseconds: UInt64) { peer.heard() }
  /// The other node has taken the link's secret out of its file.
  func tunnelDidReceiveGoAway(_ tunnel: TunnelHandler) { if tunnel === self.tunnel { renew() } }

  func tunnelDidClose(_ tunnel: TunnelHandler, reason: TunnelCloseReason) {
    if let index = former.firstIndex(where: { $0.tunnel === tunnel }) {
      former.remove(at: index)
    } else if self.tunnel === tunnel {
      (self.tunnel, farewell) = (nil, nil)
      peer.linkClosed()
      // Else another one is on its way.
      if !isDialling { lost("\(reason)") }
    } else {
      failed("\(reason)")
    }
  }
}

/// How a node links to the others.
struct LinkSettings: Sendable {
  var cluster: String
  /// nil where certificates alone say who is who.
  var secrets: LinkSecrets?
  var tls: NIOSSLContext?
  /// What the certificates of the other nodes are for, where that is not their address.
  var serverName: String?
}

/// Why a link did not come to be.
enum LinkFault: Error, Equatable, CustomStringConvertible {
  case refused(status: Int, message: String)
  case malformedAnswer
  case wrongProof
  case timeout
  case closed(String)

  var description: String {
    switch self {
    case .refused(let status, let message): "refused with \(status): \(message)"
    case .malformedAnswer: "what answers is no node"
    case .wrongProof: "it does not know the cluster's secret (cluster.secret-file)"
    case .timeout: "no answer in time"
    case .closed(let text): text
    }
  }
}

/// Nothing comes back on the stream of a proof but its end.
private final class ProofSent: StreamConsumer {
  func streamDidReceive(_ bytes: ByteBuffer) {}
  func streamDidEnd() {}
  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {}
  func streamDidBecomeWritable() {}
}
