internal import PicoCore
internal import Synchronization

/// Where the tunnels of one listener are. Two at one node are lost together, so each had better be at a node of its own; and a tunnel that was asked
/// to move is not to come back to the node that it left. Of the two the first counts more.
struct Placement: Equatable, Sendable {
  /// Tunnels that the listener keeps open.
  private let connections: Int
  /// By connection.
  private var nodes: [Int: NodeID] = [:]

  init(connections: Int) { self.connections = max(1, connections) }

  mutating func settle(_ connection: Int, at place: NodePlace?) { nodes[connection] = place?.node }

  mutating func leave(_ connection: Int) { nodes[connection] = nil }

  /// How bad it is for a connection to be at a place; 0 could not be better.
  func cost(of connection: Int, at place: NodePlace, after former: NodeID?) -> Int {
    let others = nodes.count { $0.key != connection && $0.value == place.node }
    let share = (connections + place.nodes - 1) / place.nodes
    return 2 * max(0, others + 1 - share) + (place.node == former && place.nodes > 1 ? 1 : 0)
  }

  /// Two of its tunnels are at one node and need not be.
  func isCrowded(_ connection: Int, at place: NodePlace) -> Bool { cost(of: connection, at: place, after: nil) > 0 }

  /// Nodes that would be no better for a connection than the place that it is at, as far as they are known.
  func avoided(by connection: Int, at place: NodePlace, after former: NodeID?) -> [NodeID] {
    let cost = cost(of: connection, at: place, after: former)
    var known = Set(nodes.values)
    known.insert(place.node)
    if let former { known.insert(former) }
    return known.filter { self.cost(of: connection, at: NodePlace(node: $0, nodes: place.nodes), after: former) >= cost }.sorted()
  }

  /// Moves a connection if the new place is better than the one that it is at; else nothing changes.
  mutating func moves(_ connection: Int, from current: NodePlace, to place: NodePlace, after former: NodeID?) -> Bool {
    // The number of nodes is what was heard last.
    let here = NodePlace(node: current.node, nodes: place.nodes)
    guard cost(of: connection, at: place, after: former) < cost(of: connection, at: here, after: former) else { return false }
    settle(connection, at: place)
    return true
  }
}

/// The placement of a listener, shared by its connections, whatever loops they are on.
final class SharedPlacement: Sendable {
  private let placement: Locked<Placement>

  init(connections: Int) { placement = Locked(Placement(connections: connections)) }

  func withLock<T: Sendable>(_ body: (inout Placement) -> T) -> T { placement.withLock { body(&$0) } }
}
