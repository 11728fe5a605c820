internal import Logging
internal import NIOCore
internal import PicoCore
internal import PicoStatus
internal import PicoTunnel
internal import Synchronization

/// The node's side of one registration: what its tunnel reports, and taking the listener out of the routes when it ends. Confined to the
/// tunnel's loop.
final class ListenerSession: TunnelDelegate {
  let listener: Listener
  private let loop: LoopContext
  private(set) var tunnel: TunnelHandler?
  private var isLeaving = false
  private var isRemoved = false
  private var isReplaced = false

  init(listener: Listener, loop: LoopContext) {
    self.listener = listener
    self.loop = loop
  }

  /// From here on the listener is routable.
  func begin(_ tunnel: TunnelHandler) {
    self.tunnel = tunnel
    unsafe listener.tunnel = tunnel
    loop.tunnels[ObjectIdentifier(self)] = self
    loop.node.routes.add(listener)
    loop.node.logger.info(
      "listener connected",
      metadata: [
        "endpoint": "\(listener.endpoint)", "listener": "\(listener.id)", "remote": "\(listener.remoteAddress)",
        "protocol": "\(listener.isPico ? "pico.v1" : "yamux")",
      ])
    loop.node.events.record(
      .listenerConnected,
      [
        "endpoint": listener.endpoint.name, "listener": listener.id.description, "remote_address": listener.remoteAddress,
        "agent": listener.agent.withLock { $0.id } ?? "",
      ])
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
    case .health(let isUp, let reason):
      listener.agent.withLock { $0.isUpstreamUp = isUp }
      guard !isRemoved else { break }
      listener.state = isUp ? .active : .unhealthy
      loop.node.logger.info(
        "listener health", metadata: ["listener": "\(listener.id)", "state": "\(isUp ? "up" : "down")", "reason": "\(reason)"])
    case .leaving:
      leave()
    case .notSent, .drain, .blocked, .unknown:
      break
    }
  }

  func tunnel(_ tunnel: TunnelHandler, didMeasureRoundTrip nanoseconds: UInt64) {
    listener.roundTrip.store(nanoseconds, ordering: .relaxed)
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
    if isLeaving, !listener.isPico, tunnel.streamCount == 0 { close() }
  }

  func tunnelDidReceiveGoAway(_ tunnel: TunnelHandler) { leave() }

  func tunnelDidClose(_ tunnel: TunnelHandler, reason: TunnelCloseReason) {
    remove()
    unsafe listener.tunnel = nil
    self.tunnel = nil
    loop.tunnels[ObjectIdentifier(self)] = nil
    let level: Logger.Level = reason == .closed || reason == .closedByPeer ? .info : .warning
    loop.node.logger.log(
      level: level, "listener disconnected",
      metadata: ["endpoint": "\(listener.endpoint)", "listener": "\(listener.id)", "reason": "\(reason)"])
    loop.node.events.record(
      .listenerDisconnected,
      [
        "endpoint": listener.endpoint.name, "listener": listener.id.description, "remote_address": listener.remoteAddress,
        "agent": listener.agent.withLock { $0.id } ?? "", "reason": "\(reason)",
      ])
  }

  /// The agent wants nothing new; what is open finishes.
  private func leave() {
    guard !isLeaving else { return }
    isLeaving = true
    remove()
  }

  private func remove() {
    guard !isRemoved else { return }
    isRemoved = true
    listener.state = .draining
    loop.node.routes.remove(listener)
  }

  // MARK: Draining

  /// Asks the agent to move, or takes leave of a plain yamux peer, which knows only the end.
  func drain() {
    guard let tunnel else { return }
    if listener.isPico { tunnel.send(.drain(reconnectAfterMilliseconds: 0)) } else { tunnel.goAway() }
  }

  /// The end, now: what is still open on the tunnel is reset.
  func close() {
    guard let tunnel else { return }
    let channel = tunnel.channel
    if !listener.isPico {
      // Agents of that kind come back only after a reset; they take an orderly close for the end of their work.
      channel?.closeByReset()
    }
    tunnel.close()
  }
}
