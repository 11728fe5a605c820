package import PicoCore

/// What `GET /status/v1` answers: the state of a node, or of all of them, at one moment.
///
/// Names on the wire are in snake case. Rates are per second over the last second, latencies in milliseconds of the
/// requests whose response head came within the last 10 s. A reader ignores members that it does not know.
package struct StatusSnapshot: Equatable, Sendable {
  /// When the snapshot was taken, by the clock of the node that answers.
  package var now: Timestamp
  /// The ID of the node that answers.
  package var node: String
  /// The version of the node that answers.
  package var version: String
  /// Sorted by ID.
  package var nodes: [NodeRow]
  /// Sorted by tenant, then ID; only endpoints with at least one listener.
  package var endpoints: [EndpointRow]
  /// Sorted by endpoint, then ID.
  package var listeners: [ListenerRow]
  package var totals: TotalsRow

  package init(
    now: Timestamp, node: String, version: String, nodes: [NodeRow] = [], endpoints: [EndpointRow] = [], listeners: [ListenerRow] = [],
    totals: TotalsRow = TotalsRow()
  ) {
    self.now = now
    self.node = node
    self.version = version
    self.nodes = nodes
    self.endpoints = endpoints
    self.listeners = listeners
    self.totals = totals
  }
}
