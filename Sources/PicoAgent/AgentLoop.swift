internal import NIOCore
internal import PicoTunnel

/// Everything of an agent on one event loop: what the loop shares, and the pool of each listener.
final class AgentLoop {
  let resources: LoopResources
  /// In the order of the listeners.
  private(set) var pools: [UpstreamPool] = []

  init(resources: LoopResources) { self.resources = resources }

  func add(_ pool: UpstreamPool) { pools.append(pool) }

  func close() {
    for pool in pools { pool.close() }
  }
}

/// What a listener's pools counted on one loop.
struct PoolReport: Sendable {
  var statistics = RelayStatistics()
  var active = 0
  var idle = 0

  init() {}

  init(_ pool: UpstreamPool) {
    statistics = pool.statistics
    active = pool.activeCount
    idle = pool.idleCount
  }

  mutating func add(_ other: PoolReport) {
    statistics.add(other.statistics)
    active += other.active
    idle += other.idle
  }
}
