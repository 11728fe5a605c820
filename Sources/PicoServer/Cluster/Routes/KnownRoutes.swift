internal import PicoCore

/// Which endpoints the other nodes have: as the store says, and above that what each says itself while the store cannot be relied on. A value.
struct KnownRoutes: Sendable {
  private var stored: [NodeID: PeerRoutes] = [:]
  /// 0: it has none, whatever the store says.
  private var told: [NodeID: [EndpointID: Int]] = [:]

  init() {}

  /// Listeners of the endpoint that the node has, as far as is known.
  func count(of endpoint: EndpointID, on node: NodeID) -> Int { told[node]?[endpoint] ?? stored[node]?.counts[endpoint] ?? 0 }

  /// All that the node has.
  func routes(of node: NodeID) -> [EndpointID: Int] {
    (stored[node]?.counts ?? [:]).merging(told[node] ?? [:]) { $1 }.filter { $0.value > 0 }
  }

  /// Nodes that said something themselves.
  var tellers: [NodeID] { Array(told.keys) }

  /// As the store says; false when that changes nothing.
  mutating func store(_ count: Int, of endpoint: EndpointID, on node: NodeID) -> Bool {
    stored[node, default: PeerRoutes()].tell(count, of: endpoint)
  }

  /// The node's record is gone from the store, and the node is not.
  mutating func unlist(_ node: NodeID) { stored[node, default: PeerRoutes()].unlist() }

  /// The node's record is in the store.
  mutating func list(_ node: NodeID, now: ContinuousClock.Instant) { stored[node, default: PeerRoutes()].list(now: now) }

  func isUnlisted(_ node: NodeID) -> Bool { stored[node]?.isUnlisted == true }

  /// Endpoints that the node was believed to have, and did not write again in time.
  mutating func endDoubt(of node: NodeID, now: ContinuousClock.Instant) -> [EndpointID] { stored[node]?.endDoubt(now: now) ?? [] }

  mutating func tell(_ count: Int, of endpoint: EndpointID, on node: NodeID) { told[node, default: [:]][endpoint] = count }

  /// The node has said all that it has; the endpoints that it does not have, though something else was known.
  mutating func tellRest(of node: NodeID, heard: Set<EndpointID>) -> [EndpointID] {
    let gone = routes(of: node).keys.filter { !heard.contains($0) }
    for endpoint in gone { tell(0, of: endpoint, on: node) }
    return gone
  }

  /// From here on the store's word counts again; the endpoints that it says something else of.
  mutating func forgetTold(of node: NodeID) -> [EndpointID] {
    (told.removeValue(forKey: node) ?? [:]).filter { $0.value != stored[node]?.counts[$0.key] ?? 0 }.map(\.key)
  }

  /// The node is gone; the endpoints that it had.
  mutating func remove(_ node: NodeID) -> [EndpointID] {
    let had = routes(of: node).keys
    stored[node] = nil
    told[node] = nil
    return Array(had)
  }
}
