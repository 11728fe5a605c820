internal import PicoHTTP
internal import PicoTunnel
internal import Synchronization

/// What the handlers of one loop share beside ``LoopResources``: the node, statistics, parsed heads. Confined to that loop.
final class LoopContext {
  let resources: LoopResources
  let node: Node
  let statistics = LoopStatistics()
  var retryBudget: RetryBudget
  /// Tunnels of this loop, by the identity of their listener.
  var tunnels: [ObjectIdentifier: ListenerSession] = [:]
  /// Downstream connections of this loop, for a drain.
  var connections: [ObjectIdentifier: ProxyHandler] = [:]
  /// All loops of the node, this one among them, by index.
  var neighbours: [NodeLoops.Loop] = []
  private var spareHeads: [HeadStorage] = []
  private var heldBytes = 0
  private var publishedBytes = 0

  init(resources: LoopResources, node: Node) {
    self.resources = resources
    self.node = node
    retryBudget = RetryBudget(loops: node.loopCount)
  }

  // MARK: Memory

  /// `count` more bytes of a session wait for their reader, or fewer when negative. The node is told in steps, not each time.
  func hold(_ count: Int) {
    heldBytes &+= count
    let change = heldBytes &- publishedBytes
    guard change.magnitude >= node.settings.bufferedStep else { return }
    publishedBytes = heldBytes
    node.buffered.add(change, ordering: .relaxed)
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
