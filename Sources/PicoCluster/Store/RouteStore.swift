package import PicoCore

/// Who is in the cluster and on which nodes each endpoint has listeners, as told by the nodes themselves. Nothing of it stands in the path of
/// a request: what this node has is said in passing and written soon, and what the others have comes as changes.
package protocol RouteStore: AnyObject, Sendable {
  /// Whom this store speaks for.
  var node: NodeID { get }

  /// What the other nodes say: one consumer.
  var changes: ChangeFeed { get }

  var health: StoreHealth { get }

  /// How to find out whether another node can be reached: asked when the store has lost what it held, before what was known of that node is
  /// taken for gone. The answer comes at once and asks this store nothing.
  func askAlive(_ isAlive: @escaping @Sendable (NodeID) -> Bool)

  /// Works until the task is cancelled or the node has left.
  ///
  /// - Throws: `.badConfiguration` if another cluster has this prefix, `.forbidden` if the store will not have this node. A store that cannot
  ///   be reached is no error: it is tried for ever.
  func run() async throws(PicoError)

  /// This node's own record; the last one counts.
  func setRecord(_ record: NodeRecord)

  /// How many listeners this node has for an endpoint; the last number counts and 0 takes the route back.
  func setListeners(_ count: Int, for endpoint: EndpointID)

  /// Makes what is to be known of a block known to every node for so long; the last value counts.
  ///
  /// - Parameter id: 1 to 128 bytes of the grammar of an endpoint.
  /// - Parameter value: a JSON object, read by the nodes as it is.
  func putBlock(_ id: String, _ value: [UInt8], lasting: Duration) async throws(PicoError)

  /// Asks the store itself about an endpoint that no change has told of.
  func lookUp(_ endpoint: EndpointID) async -> RouteLookup

  /// Takes everything back that this node has said, and ends `run`.
  func leave() async
}

/// What the other nodes say, a thing at a time.
package enum ClusterChange: Sendable, Equatable {
  /// `nil`: it has left or its lease ended.
  case node(NodeID, NodeRecord?)
  /// 0: the node has no listener for it any more.
  case route(EndpointID, NodeID, listeners: Int)
  /// `nil`: the store does not hold it any more: its time is over, or the store has lost it.
  case block(String, [UInt8]?)
}

package enum RouteLookup: Sendable, Equatable {
  /// Listeners by node, at least one; this node is left out.
  case found([NodeID: Int])
  /// No other node has it, now or within the last second.
  case missing
  /// The store did not answer in time.
  case unanswered
  /// So many lookups were made that this one was not.
  case limited
}

package struct StoreHealth: Sendable, Equatable {
  /// Everything was read at least once, so that an endpoint that is not known is not there.
  package var hasReadAll: Bool
  /// Since the last proof that what is known is what the store holds. About a second at most while all is well.
  package var staleFor: Duration
  /// What the store last failed with; `nil` while all is well.
  package var fault: String?

  package init(hasReadAll: Bool, staleFor: Duration, fault: String? = nil) {
    self.hasReadAll = hasReadAll
    self.staleFor = staleFor
    self.fault = fault
  }
}
