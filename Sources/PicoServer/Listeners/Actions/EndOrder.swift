internal import PicoCore
internal import PicoStatus

/// What a node is told to do about listeners of its own: decided by the node that was asked, for the whole cluster.
struct EndOrder: Equatable, Sendable {
  struct Listener: Equatable, Sendable {
    var id: ListenerID
    /// Its endpoint keeps so many on that node, or the listener stays.
    var leaving = 0
  }

  /// Of the disconnect, for the log.
  var id: String
  var listeners: [Listener]
  var mode: Disconnect.Mode
  /// Ends every listener that it covers as well.
  var block: Block?
  var by: String
  var reason: String
  /// Whose listeners there are for who asks.
  var scope: TenantScope
  /// The node that was asked.
  var asked: NodeID

  /// The same for these.
  func naming(_ listeners: [Listener]) -> EndOrder {
    var order = self
    order.listeners = listeners
    return order
  }

  /// What became of it.
  struct Outcome: Equatable, Sendable {
    /// Those that end now, in no order: of the order, and others that the block covers.
    var ended: [ListenerID] = []
  }
}
