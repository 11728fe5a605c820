internal import PicoCore

/// Which endpoints the other nodes have: as the store says, and above that what each says itself while the store cannot be relied on. A value.
struct KnownRoutes: Sendable {
  private var stored: [NodeID: [EndpointID: Int]] = [:]
  /// 0: it has none, whatever the store says.
  private var told: [NodeID: [EndpointID: Int]] = [:]

  init() {}

  /// Listeners of the endpoint that the node has, as far as is known.
  func count(of endpoint: EndpointID, on node: NodeID) -> Int { told[node]?[endpoint] ?? stored[node]?[endpoint] ?? 0 }

  /// All that the node has.
  func routes(of node: NodeID) -> [EndpointID: Int] {
    (stored[node] ?? [:]).merging(told[node] ?? [:]) { $1 }.filter { $0.value > 0 }
  }

  /// Nodes that said something themselves.
  var tellers: [NodeID] { Array(told.keys) }

  mutating func store(_ count: Int, of endpoint: EndpointID, on node: NodeID) {
    stored[node, default: [:]][endpoint] = count == 0 ? nil : count
  }

  mutating func tell(_ count: Int, of endpoint: EndpointID, on node: NodeID) { told[node, default: [:]][endpoint] = count }

  /// The node has said all that it has; the endpoints that it does not have, though something else was known.
  mutating func tellRest(of node: NodeID, heard: Set<EndpointID>) -> [EndpointID] {
    let gone = routes(of: node).keys.filter { !heard.contains($0) }
    for endpoint in gone { tell(0, of: endpoint, on: node) }
    return gone
  }

  /// From here on the store's word counts again; the endpoints that it says something else of.
  mutating func forgetTold(of node: NodeID) -> [EndpointID] {
    (told.removeValue(forKey: node) ?? [:]).filter { $0.value != stored[node]?[$0.key] ?? 0 }.map(\.key)
  }

  /// The node is gone; the endpoints that it had.
  mutating func remove(_ node: NodeID) -> [EndpointID] {
    let had = routes(of: node).keys
    stored[node] = nil
    told[node] = nil
    return Array(had)
  }
}
