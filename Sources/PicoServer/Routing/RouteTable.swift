package import PicoCore
internal import Synchronization

/// Where each endpoint is, here and on other nodes. A lookup takes one lock of 64; connections keep what they found until it is retired.
package final class RouteTable: Sendable {
  private static let shardCount = 64

  private final class Shard: Sendable {
    let routes = Locked<[EndpointID: EndpointRoutes]>([:])
  }

  private let shards: [Shard] = (0..<shardCount).map { _ in Shard() }
  private let listenerCount = Atomic<Int>(0)
  private let routesCount = Atomic<Int>(0)
  private let observer = Locked<(@Sendable (EndpointID) -> Void)?>(nil)
  /// Endpoints that somebody tails, also those that are not there.
  private let tails = Locked<[EndpointID: TailShare]>([:])

  package init() {}

  private func shard(_ endpoint: EndpointID) -> Shard {
    shards[Int(UInt(bitPattern: endpoint.hashValue) % UInt(Self.shardCount))]
  }

  package var listeners: Int { listenerCount.load(ordering: .relaxed) }

  /// The routes of an endpoint, also while it has no listener for a moment; nil when it is not known.
  package func routes(of endpoint: EndpointID) -> EndpointRoutes? {
    shard(endpoint).routes.withLock { $0[endpoint] }
  }

  /// From here on requests can reach the listener.
  @discardableResult
  package func add(_ listener: Listener) -> EndpointRoutes {
    let routes = shard(listener.endpoint).routes.withLock { table in
      let routes = table[listener.endpoint] ?? create(listener.endpoint)
      table[listener.endpoint] = routes
      routes.add(listener)
      return routes
    }
    listenerCount.add(1, ordering: .relaxed)
    tell(listener.endpoint)
    return routes
  }

  private func create(_ endpoint: EndpointID) -> EndpointRoutes {
    let routes = EndpointRoutes(endpoint: endpoint)
    routesCount.add(1, ordering: .relaxed)
    routes.tailShare = tails.withLock { $0[endpoint] } ?? .none
    return routes
  }

  /// From here on this part of the endpoint's requests is recorded, also when it comes later or again.
  func tail(_ endpoint: EndpointID, _ share: TailShare) {
    shard(endpoint).routes.withLock { table in
      tails.withLock { $0[endpoint] = share == .none ? nil : share }
      table[endpoint]?.tailShare = share
    }
  }

  /// No request is given to the listener any more. An endpoint without listeners is forgotten.
  package func remove(_ listener: Listener) {
    _ = withdraw([listener], from: listener.endpoint, leaving: 0)
  }

  /// No request is given to these listeners of one endpoint any more; those that are out already stay out. False, and nothing is changed, when
  /// the endpoint would have fewer than `minimum` left.
  func withdraw(_ listeners: [Listener], from endpoint: EndpointID, leaving minimum: Int) -> Bool {
    let removed: Int? = shard(endpoint).routes.withLock { table in
      guard let routes = table[endpoint] else { return minimum == 0 ? 0 : nil }
      let removed = routes.remove(listeners, leaving: minimum)
      forgetIfEmpty(routes, in: &table)
      return removed
    }
    guard let removed else { return false }
    listenerCount.subtract(removed, ordering: .relaxed)
    if removed > 0 { tell(endpoint) }
    return true
  }

  private func forgetIfEmpty(_ routes: EndpointRoutes, in table: inout [EndpointID: EndpointRoutes]) {
    guard routes.isEmpty else { return }
    routesCount.subtract(1, ordering: .relaxed)
    routes.retire()
    table[routes.endpoint] = nil
  }

  // MARK: The cluster

  /// Called with each endpoint whose number of listeners on this node changed, on the thread that changed it.
  func observe(_ observer: @escaping @Sendable (EndpointID) -> Void) { self.observer.withLock { $0 = observer } }

  private func tell(_ endpoint: EndpointID) { observer.withLock { $0 }?(endpoint) }

  /// Another node has that many listeners of the endpoint now.
  func set(_ endpoint: EndpointID, on node: RemoteNode, count: Int) {
    shard(endpoint).routes.withLock { table in
      guard table[endpoint] != nil || count > 0 else { return }
      let routes = table[endpoint] ?? create(endpoint)
      table[endpoint] = routes
      routes.setElsewhere(node, count: count)
      forgetIfEmpty(routes, in: &table)
    }
  }

  /// How many endpoints of the scope have a listener on any node.
  func endpointCount(_ scope: TenantScope) -> Int {
    switch scope {
    case .all: routesCount.load(ordering: .relaxed)
    case .only: all.count { scope.contains($0.endpoint.tenant) }
    }
  }

  /// All endpoints with their listeners, in no order.
  package var all: [EndpointRoutes] {
    shards.flatMap { shard in shard.routes.withLock { Array($0.values) } }
  }
}
