package import PicoCore

/// What `GET /status/v1` answers: the state of a node, or of all of them, at one moment.
///
/// Names on the wire are in snake case. Rates are per second over the last second, latencies in milliseconds of the
/// requests whose response head came within the last 10 s. A reader ignores members that it does not know.
package struct StatusSnapshot: Codable, Equatable, Sendable {
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

/// Latencies in milliseconds, within 5 %; all zero when no request ended in the window.
package struct LatencySummary: Codable, Equatable, Sendable {
  package var p50: Double
  package var p90: Double
  package var p99: Double
  package var max: Double

  package init(p50: Double = 0, p90: Double = 0, p99: Double = 0, max: Double = 0) {
    self.p50 = p50
    self.p90 = p90
    self.p99 = p99
    self.max = max
  }
}

/// Responses counted by the first digit of their status, since the row came to be.
package struct StatusClasses: Codable, Equatable, Sendable {
  package var informational: UInt64
  package var successful: UInt64
  package var redirection: UInt64
  package var clientError: UInt64
  package var serverError: UInt64

  package init(
    informational: UInt64 = 0, successful: UInt64 = 0, redirection: UInt64 = 0, clientError: UInt64 = 0, serverError: UInt64 = 0
  ) {
    self.informational = informational
    self.successful = successful
    self.redirection = redirection
    self.clientError = clientError
    self.serverError = serverError
  }

  package enum CodingKeys: String, CodingKey {
    case informational = "1xx"
    case successful = "2xx"
    case redirection = "3xx"
    case clientError = "4xx"
    case serverError = "5xx"
  }
}

/// Whether a listener is given requests. A text that this version does not know is kept as it came.
package struct ListenerState: RawRepresentable, Hashable, Codable, Sendable {
  package var rawValue: String

  package init(rawValue: String) {
    self.rawValue = rawValue
  }

  package static let active = ListenerState(rawValue: "active")
  /// Finishes what it has and gets nothing new.
  package static let draining = ListenerState(rawValue: "draining")
  /// Failed its ping or its upstream, and gets nothing new for a while.
  package static let unhealthy = ListenerState(rawValue: "unhealthy")
}

/// Where a node is in its life. A text that this version does not know is kept as it came.
package struct NodeState: RawRepresentable, Hashable, Codable, Sendable {
  package var rawValue: String

  package init(rawValue: String) {
    self.rawValue = rawValue
  }

  package static let active = NodeState(rawValue: "active")
  package static let draining = NodeState(rawValue: "draining")
}
