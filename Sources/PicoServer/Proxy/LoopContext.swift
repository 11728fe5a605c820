internal import NIOCore
internal import PicoAuth
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel
internal import Synchronization

/// What the handlers of one loop share beside ``LoopResources``: the node, statistics, parsed heads. Confined to that loop.
final class LoopContext {
  let resources: LoopResources
  let node: Node
  let statistics = LoopStatistics()
  /// As they are now: a reload changes them between two events of the loop.
  var limits: ProxyLimits
  var access: PortAccess
  var retryBudget: RetryBudget
  /// Tunnels of this loop, by the identity of their listener.
  var tunnels: [ObjectIdentifier: ListenerSession] = [:]
  /// Links that other nodes have opened to this loop.
  var links: [ObjectIdentifier: LinkSession] = [:]
  /// Downstream connections of this loop, for a drain.
  var connections: [ObjectIdentifier: ProxyHandler] = [:]
  /// Downstream connections that speak HTTP/2; their streams are among the ones above.
  var http2Connections: [ObjectIdentifier: HTTP2Connection] = [:]
  /// Downstream connections that carry TCP.
  var rawConnections: [ObjectIdentifier: TCPHandler] = [:]
  /// All loops of the node, this one among them, by index.
  var neighbours: [NodeLoops.Loop] = []
  /// Of the proxy port: tokens that requests of this loop had lately.
  var tokens = TokenCache()
  private var turns = RegistrationTurns()
  private var registering: ContiguousArray<ProxyHandler> = []
  private var isPausing = false
  private var spareHeads: [HeadStorage] = []
  private var heldBytes = 0
  private var publishedBytes = 0

  init(resources: LoopResources, node: Node, limits: ProxyLimits) {
    self.resources = resources
    self.node = node
    self.limits = limits
    access = node.access.withLock { $0 }
    retryBudget = RetryBudget(loops: node.loopCount)
  }

  // MARK: Registrations

  /// False when the registration waits: it begins anew in its turn.
  func takesRegistration(of handler: ProxyHandler) -> Bool {
    if !isPausing { pause() }
    if turns.come() { return true }
    registering.append(handler)
    return false
  }

  /// Everything else that the loop has to do comes first.
  private func pause() {
    isPausing = true
    resources.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { self.takeRegistrations() }
  }

  private func takeRegistrations() {
    guard let count = turns.next() else { return isPausing = false }
    let taken = registering.prefix(count)
    registering.removeFirst(count)
    for handler in taken { handler.answerCame() }
    // From now on: a pause that is over when they are registered would be none.
    pause()
  }

  // MARK: Memory

  /// `count` more bytes of a session wait for their reader, or fewer when negative. The node is told in steps, not each time.
  func hold(_ count: Int) {
    heldBytes &+= count
    let change = heldBytes &- publishedBytes
    guard change.magnitude >= limits.bufferedStep else { return }
    publishedBytes = heldBytes
    node.buffered.add(change, ordering: .relaxed)
  }

  // MARK: Statistics

  /// This loop's cell of a listener that has traffic now.
  @inline(__always)
  func cell(of listener: Listener) -> TrafficCell {
    let cell = listener.cell(resources)
    if cell.listedAt == 0 { list(listener, cell) }
    return cell
  }

  private func list(_ listener: Listener, _ cell: TrafficCell) {
    statistics.list(listener, cell, now: resources.now())
    node.activeCells.add(1, ordering: .relaxed)
  }

  /// Traffic that ended is no more looked at.
  func unlistIdle(now: UInt64) {
    let count = statistics.unlistIdle(resources, now: now)
    if count > 0 { node.activeCells.subtract(count, ordering: .relaxed) }
  }

  func takeHead() -> HeadStorage { spareHeads.popLast() ?? HeadStorage() }

  func giveBack(_ storage: HeadStorage) {
    storage.request.reset()
    storage.response.reset()
    if spareHeads.count < 16 { spareHeads.append(storage) }
  }
}

/// Parsed heads keep arrays; a connection borrows them only while it parses.
final class HeadStorage {
  var request = RequestHead()
  var response = ResponseHead()
}
