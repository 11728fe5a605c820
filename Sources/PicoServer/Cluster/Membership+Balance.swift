internal import Logging
internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoTunnel
internal import Synchronization

extension Membership {
  /// A cluster that has just grown has more news to come.
  private static let settling: UInt64 = 5_000_000_000
  /// What is known of others has to be as fresh as that.
  private static let freshness = Duration.seconds(10)

  /// Gives listeners away that had better be at other nodes, until it is cancelled: each second a part of what this node has too many of, and
  /// when nodes have come one of two tunnels of the same agent.
  func balance() async {
    var rebalance = Rebalance()
    var nodes = 0
    var grownAt: UInt64?
    while (try? await Task.sleep(for: .seconds(1))) != nil {
      let now = NIODeadline.now().uptimeNanoseconds
      let others = listenersOfOthers
      if others.count > nodes { grownAt = now }
      nodes = others.count
      guard !node.isLeaving, !others.isEmpty, store.health.hasReadAll, store.health.staleFor < Self.freshness else { continue }
      let count = rebalance.step(own: node.routes.listeners, others: others, now: now)
      if count > 0 { await moveSurplus(count, others) }
      if let grown = grownAt, now &- grown >= Self.settling {
        grownAt = nil
        await separateTwins(nodes: nodes + 1)
      }
    }
  }

  private func moveSurplus(_ count: Int, _ others: [Int]) async {
    var left = count
    for loop in loops.loops.shuffled() where left > 0 {
      let most = left
      left -= (try? await loop.eventLoop.submit { loop.context.moveSurplus(most) }.get()) ?? 0
    }
    node.logger.debug(
      "more listeners than its share: some are asked to move",
      metadata: ["asked": "\(count - left)", "listeners": "\(node.routes.listeners)", "others": "\(others)"])
  }

  private struct Owner: Hashable {
    var agent: String
    var endpoint: EndpointID
  }

  private func separateTwins(nodes: Int) async {
    let listeners = node.registry.all.filter { $0.isPico && $0.state != .draining }
    let surplus = Twins.surplus(of: listeners, nodes: nodes) { listener in
      listener.agent.withLock { $0.id }.map { Owner(agent: $0, endpoint: listener.endpoint) }
    }
    guard !surplus.isEmpty else { return }
    // A hundredth of all a second, as with any other surplus.
    let spread = min(60_000, 1000 * surplus.count / max(1, listeners.count / 100))
    _ = await loops.gather { context in
      let now = context.resources.now()
      for listener in surplus where listener.loop === context.resources {
        // `session` belongs to the loop that this runs on.
        unsafe listener.session?.askToMove(within: spread, now: now)
      }
    }
    node.logger.debug("agents with several tunnels here are asked to move one", metadata: ["asked": "\(surplus.count)"])
  }
}
