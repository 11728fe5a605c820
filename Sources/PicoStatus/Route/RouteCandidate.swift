internal import PicoCore

/// What a request could be given to: one listener of the node that was asked, or all that another node has of the endpoint. The ID is the
/// listener's or that node's.
package struct RouteCandidate: Equatable, Sendable {
  package var id: String
  package var node: String
  /// As the agent says; of another node's listeners nothing is known.
  package var agent: String?
  /// `HOST:PORT`.
  package var remoteAddress: String?
  package var weight: Int
  package var inFlight: Int
  package var takes: RouteShare
  /// Why it does not take its share.
  package var reason: RouteObstacle?
  /// For how long it is left out yet.
  package var leftOutMilliseconds: Int?

  package init(
    id: String, node: String, agent: String? = nil, remoteAddress: String? = nil, weight: Int = 1, inFlight: Int = 0,
    takes: RouteShare = .share, reason: RouteObstacle? = nil, leftOutMilliseconds: Int? = nil
  ) {
    self.id = id
    self.node = node
    self.agent = agent
    self.remoteAddress = remoteAddress
    self.weight = weight
    self.inFlight = inFlight
    self.takes = takes
    self.reason = reason
    self.leftOutMilliseconds = leftOutMilliseconds
  }
}

extension RouteCandidate: StatusRow {
  package init(blank id: String) { self.init(id: id, node: "") }

  package static let members: [StatusMember<RouteCandidate>] = [
    .init("node", \.node),
    .init(optional: "agent", \.agent),
    .init(optional: "remote_address", \.remoteAddress),
    .init("weight", \.weight),
    .init("in_flight", \.inFlight),
    .init("takes", \.takes),
    .init(optional: "reason", \.reason),
    .init(optional: "left_out_ms", \.leftOutMilliseconds),
  ]
}

/// Which requests a candidate gets.
package struct RouteShare: OpenText {
  package var rawValue: String

  package init(rawValue: String) { self.rawValue = rawValue }

  /// By weight and what it has in flight.
  package static let share = RouteShare(rawValue: "share")
  /// Those that no other candidate can take.
  package static let rest = RouteShare(rawValue: "rest")
  package static let nothing = RouteShare(rawValue: "nothing")
}

/// Why a candidate does not get its share.
package struct RouteObstacle: OpenText {
  package var rawValue: String

  package init(rawValue: String) { self.rawValue = rawValue }

  package static let draining = RouteObstacle(rawValue: "draining")
  /// Its agent says that the service is down.
  package static let unhealthy = RouteObstacle(rawValue: "unhealthy")
  /// Its agent could not connect to the service lately.
  package static let connectFailures = RouteObstacle(rawValue: "connect-failures")
  package static let nodeDraining = RouteObstacle(rawValue: "node-draining")
  /// No link to the node is open.
  package static let nodeUnreachable = RouteObstacle(rawValue: "node-unreachable")
  /// The node left a request unanswered, and its link has not been heard of since.
  package static let nodeSuspect = RouteObstacle(rawValue: "node-suspect")
}
