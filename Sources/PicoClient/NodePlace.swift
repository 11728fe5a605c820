internal import PicoCore

/// The node that a tunnel is at, and how many nodes take listeners (docs/protocol.md, "Registration").
struct NodePlace: Equatable, Sendable {
  var node: NodeID
  /// At least 1: this one.
  var nodes: Int

  init(node: NodeID, nodes: Int) {
    self.node = node
    self.nodes = max(1, nodes)
  }

  /// From the fields of an answer; nil unless the first is a node's ID. A number that makes no sense is 1: there is nowhere else to go.
  init?(node: String?, nodes: String?) {
    guard let id = node.flatMap({ NodeID($0) }) else { return nil }
    self.init(node: id, nodes: min(nodes.flatMap { Int($0) } ?? 1, Self.most))
  }

  private static let most = 10_000
}
