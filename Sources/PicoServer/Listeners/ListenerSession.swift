internal import Logging
internal import NIOCore
internal import PicoCore
internal import PicoStatus
internal import PicoTunnel
internal import Synchronization

/// The node's side of one registration: what its tunnel reports, and taking the listener out of the routes when it ends. Confined to the
/// tunnel's loop.
final class ListenerSession: TunnelDelegate, Sweepable {
  let listener: Listener
  let loop: LoopContext
  /// Of the tunnel's socket.
  private let descriptor: CInt
  private(set) var tunnel: TunnelHandler?
  /// In whose name it is registered; nil where registering needs no token. Set before it begins.
  var authorization: ListenerAuthorization?
  /// The address that it registered from.
  var peer: IPAddress?
  /// Its place among those of the same identity. Given back when it is to make way for another, so that a move needs no second place.
  var hold: ListenerHold?
  private var isLeaving = false
  /// When the agent was asked last to move because of the node; 0 when it was not.
  var askedAt: UInt64 = 0
  /// It was asked because the node ends.
  var isToldOfEnd = false
  /// Of a plain yamux peer, when the node ends.
  var farewell: PlainFarewell?
  let begunAt: UInt64
  private var isReplaced = false
  /// What the log and the event say of an end that was ours.
  private var endReason: String?
  /// When what is still open is cut; nil while no operator asked for a drain.
  private var drainDeadline: UInt64?
  private var idleSweeps = 0

  /// What the agent is told of the block that keeps it away.
  struct BlockNotice: Sendable {
    var seconds: Int
    var reason: String
  }

  /// A request may have been given to the listener and not yet be counted; and what ended a moment ago is still on its way.
  private static let idleSweepsBeforeClose = 3

  init(listener: Listener, loop: LoopContext, descriptor: CInt) {
    self.listener = listener
    self.descriptor = descriptor
    self.loop = loop
    begunAt = loop.resources.now()
  }

  /// From here on the listener is routable.
  func begin(_ tunnel: TunnelHandler) {
    self.tunnel = tunnel
    unsafe listener.tunnel = tunnel
    unsafe listener.session = self
    loop.tunnels[ObjectIdentifier(self)] = self
    if authorization?.end != nil { loop.resources.startSweeping(self) }
    loop.node.registry.add(listener)
    loop.node.routes.add(listener)
    loop.node.logger.info(
      "listener connected",
      metadata: [
        "endpoint": "\(listener.endpoint)", "listener": "\(listener.id)", "remote": "\(listener.remoteAddress)",
        "protocol": "\(listener.isPico ? "pico.v1" : "yamux")",
      ].merging(listener.identity.map { ["identity": "\($0)"] } ?? [:]) { $1 })
    loop.node.events.record(
      .listenerConnected,
      [
        "endpoint": listener.endpoint.description, "listener": listener.id.description, "remote_address": listener.remoteAddress,
        "agent": listener.agent.withLock { $0.id } ?? "",
      ], shownTo: .tenant(listener.endpoint.tenant))
  }

  // MARK: Tunnel

  func tunnel(_ tunnel: TunnelHandler, didAccept stream: TunnelStream) -> (any StreamConsumer)? { nil }

  func tunnel(_ tunnel: TunnelHandler, didReceive message: ControlMessage) {
    switch message {
    case .hello(let hello):
      listener.weight = hello.weight
      listener.agent.withLock {
        $0.id = hello.agentID
        $0.version = hello.version
        $0.metadata = hello.metadata
      }
      loop.node.registry.note(listener)
      endIfBlocked()
    case .health(let isUp, let reason):
      listener.agent.withLock { $0.isUpstreamUp = isUp }
      guard listener.setHealth(isUp: isUp) else { break }
      loop.node.registry.note(listener)
      loop.node.logger.info(
        "listener health", metadata: ["listener": "\(listener.id)", "state": "\(isUp ? "up" : "down")", "reason": "\(reason)"])
    case .leaving:
      leave()
    case .notSent, .drain, .blocked, .unknown:
      break
    }
  }

  func tunnel(_ tunnel: TunnelHandler, didMeasureRoundTrip nanoseconds: UInt64) {
    if listener.recordRoundTrip(nanoseconds) { loop.node.registry.note(listener) }
    loop.statistics.recordRoundTrip(nanoseconds)
    if tunnel.isWornOut { replace(tunnel) }
  }

  /// The tunnel's stream IDs run out: the agent opens another one. A plain yamux peer does so only when this one ends, which it does once
  /// nothing is open on it.
  private func replace(_ tunnel: TunnelHandler) {
    if !isReplaced {
      isReplaced = true
      drain()
      if !listener.isPico { leave() }
    }
    if isLeaving, !listener.isPico, tunnel.streamCount == 0, !isOwing { close() }
  }

  func tunnelDidReceiveGoAway(_ tunnel: TunnelHandler) { leave() }

  func tunnelDidClose(_ tunnel: TunnelHandler, reason: TunnelCloseReason) {
    remove()
    loop.node.registry.remove(listener)
    loop.resources.stopSweeping(self)
    unsafe listener.tunnel = nil
    unsafe listener.session = nil
    self.tunnel = nil
    loop.tunnels[ObjectIdentifier(self)] = nil
    let level: Logger.Level = reason == .closed || reason == .closedByPeer ? .info : .warning
    let isOurs = reason == .closed || reason == .closedByPeer
    let text = isOurs ? endReason ?? "\(reason)" : "\(reason)"
    loop.node.logger.log(
      level: level, "listener disconnected",
      metadata: ["endpoint": "\(listener.endpoint)", "listener": "\(listener.id)", "reason": "\(text)"])
    loop.node.events.record(
      .listenerDisconnected,
      [
        "endpoint": listener.endpoint.description, "listener": listener.id.description, "remote_address": listener.remoteAddress,
        "agent": listener.agent.withLock { $0.id } ?? "", "reason": text,
      ], shownTo: .tenant(listener.endpoint.tenant))
  }

  /// The agent wants nothing new; what is open finishes.
  private func leave() {
    guard !isLeaving else { return }
    isLeaving = true
    remove()
  }

  private func remove() {
    hold = nil
    // Whoever takes a listener out of the routes marks it, under their lock.
    guard listener.state != .draining else { return }
    loop.node.routes.remove(listener)
    loop.node.registry.note(listener)
  }

  // MARK: Draining

  /// Leave has been taken of a plain yamux peer, or is being.
  var isTakingLeave: Bool { farewell != nil }

  /// Nothing new is given to the listener.
  func withdraw() { loop.node.routes.remove(listener) }

  /// Nothing is open on the tunnel, and everything that was written has been taken.
  var isIdle: Bool { tunnel?.streamCount == 0 && listener.inFlight.load(ordering: .relaxed) == 0 && !isOwing }

  /// Asks the agent to move, or tells a plain yamux peer that nothing more comes.
  func drain() {
    hold = nil
    guard let tunnel else { return }
    if listener.isPico { tunnel.send(.drain(reconnectAfterMilliseconds: 0)) } else { tunnel.goAway() }
  }

  /// An operator ends the listener, which is out of the routes: `drain` lets what is in flight finish within the grace period. Safe to
  /// call again, also to end at once what drains.
  func end(_ mode: Disconnect.Mode, _ block: BlockNotice?) {
    endReason = "ended by an operator"
    leave()
    if let block, listener.isPico {
      tunnel?.send(.blocked(seconds: min(block.seconds, ControlMessage.maximumBlock), reason: block.reason))
    }
    guard mode == .drain else { return close() }
    guard drainDeadline == nil else { return }
    drainDeadline = loop.resources.now() &+ UInt64(clamping: loop.node.configuration.gracePeriod.nanoseconds)
    drain()
    loop.resources.startSweeping(self)
  }

  /// A block may have been set while the agent registered, or hold for an ID that it told only now.
  func endIfBlocked() {
    let now = loop.resources.now()
    guard let block = loop.node.blocks.block(for: listener.registrant, now: now) else { return }
    end(.now, BlockNotice(seconds: block.secondsLeft(now: now), reason: block.reason))
  }

  /// Nobody may speak in the name of the listener's token any more.
  func endUnauthorized(_ reason: String) {
    guard tunnel != nil, endReason != reason else { return }
    endReason = reason
    leave()
    close()
  }

  func sweep(now: UInt64) {
    checkAuthorization(now: now)
    guard tunnel != nil, let drainDeadline else { return }
    let isIdle = isIdle
    idleSweeps = isIdle ? idleSweeps + 1 : 0
    guard idleSweeps >= Self.idleSweepsBeforeClose || now >= drainDeadline else { return }
    if !isIdle {
      loop.node.logger.warning(
        "requests cut at the end of the grace period",
        metadata: [
          "endpoint": "\(listener.endpoint)", "listener": "\(listener.id)",
          "requests": "\(listener.inFlight.load(ordering: .relaxed))",
        ])
    }
    close()
  }

  /// A plain yamux peer has not taken everything that was written for it: the reset that ends its session would throw that away.
  var isOwing: Bool {
    guard !listener.isPico, let channel = tunnel?.channel else { return false }
    let waiting = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    return waiting > 0 || OutputQueue.bytes(of: descriptor) > 0
  }

  /// The end, now: what is still open on the tunnel is reset.
  func close() { tunnel?.close() }
}
