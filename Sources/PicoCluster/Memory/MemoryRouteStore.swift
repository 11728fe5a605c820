package import PicoCore
internal import Synchronization

/// Routes of nodes in one process: of one that needs no cluster, or of several in tests. Those that share a `MemoryRoutes` know each other.
package final class MemoryRouteStore: RouteStore {
  package let node: NodeID
  package let changes = ChangeFeed()
  private let routes: MemoryRoutes
  private let leftBell = Doorbell()

  package init(_ routes: MemoryRoutes = MemoryRoutes(), node: NodeID) {
    self.routes = routes
    self.node = node
    routes.join(node, changes)
  }

  /// Nothing is lost that was told.
  package func askAlive(_ isAlive: @escaping @Sendable (NodeID) -> Bool) {}

  package var health: StoreHealth { StoreHealth(hasReadAll: true, staleFor: .zero) }

  package func run() async throws(PicoError) {
    await leftBell.wait()
    routes.leave(node)
    changes.finish()
  }

  package func setRecord(_ record: NodeRecord) { routes.change([.node(node, record)], from: node) }

  package func setListeners(_ count: Int, for route: EndpointID) {
    routes.change([.route(route, node, listeners: count)], from: node)
  }

  package func putBlock(_ id: String, _ value: [UInt8], lasting: Duration) async throws(PicoError) {
    routes.change([.block(id, value)], from: nil)
    Task { [routes] in
      try? await Task.sleep(for: lasting)
      routes.endBlock(id, value)
    }
  }

  package func lookUp(_ route: EndpointID) async -> RouteLookup {
    let found = routes.nodes(of: route).filter { $0.key != node }
    return found.isEmpty ? .missing : .found(found)
  }

  package func leave() async {
    routes.leave(node)
    leftBell.ring()
  }
}

/// What nodes in one process tell each other.
package final class MemoryRoutes: Sendable {
  private struct State {
    var feeds: [NodeID: ChangeFeed] = [:]
    var records: [NodeID: NodeRecord] = [:]
    var listeners: [EndpointID: [NodeID: Int]] = [:]
    var blocks: [String: [UInt8]] = [:]
  }

  private let state = Locked(State())

  package init() {}

  fileprivate func join(_ node: NodeID, _ feed: ChangeFeed) {
    state.withLock { state in
      state.feeds[node] = feed
      feed.post(state.records.map { .node($0.key, $0.value) })
      feed.post(state.listeners.flatMap { route, nodes in nodes.map { .route(route, $0.key, listeners: $0.value) } })
      feed.post(state.blocks.map { .block($0.key, $0.value) })
    }
  }

  fileprivate func nodes(of route: EndpointID) -> [NodeID: Int] { state.withLock { $0.listeners[route] ?? [:] } }

  /// - Parameter node: hears nothing of it; `nil` for what all hear.
  fileprivate func change(_ changes: [ClusterChange], from node: NodeID?) {
    state.withLock { state in
      if let node, state.feeds[node] == nil { return }
      for change in changes { Self.apply(change, to: &state) }
      for (other, feed) in state.feeds where other != node { feed.post(changes) }
    }
  }

  fileprivate func endBlock(_ id: String, _ value: [UInt8]) {
    guard state.withLock({ $0.blocks[id] == value }) else { return }
    change([.block(id, nil)], from: nil)
  }

  fileprivate func leave(_ node: NodeID) {
    let changes = state.withLock { state -> [ClusterChange] in
      let routes = state.listeners.filter { $0.value[node] != nil }.keys
      return routes.map { .route($0, node, listeners: 0) } + (state.records[node] == nil ? [] : [.node(node, nil)])
    }
    change(changes, from: node)
    state.withLock { $0.feeds[node] = nil }
  }

  private static func apply(_ change: ClusterChange, to state: inout State) {
    switch change {
    case .node(let node, let record): state.records[node] = record
    case .route(let route, let node, let listeners):
      state.listeners[route, default: [:]][node] = listeners > 0 ? listeners : nil
      if state.listeners[route]?.isEmpty == true { state.listeners[route] = nil }
    case .block(let id, let value): state.blocks[id] = value
    }
  }
}
