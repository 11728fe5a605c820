package import PicoCore

/// Which lookups of a node reach those that it asks, the store or the other nodes: one at a time for each route, none for what was missing a second ago, at most 100 a second in all.
package struct LookupLimits: Sendable {
  package typealias Instant = ContinuousClock.Instant

  package enum Decision: Sendable, Equatable {
    case read
    /// Another lookup of the same route is under way.
    case join
    case missing
    case limited
  }

  package static let memory = Duration.seconds(1)
  package static let perSecond = 100

  private var underWay: Set<EndpointID> = []
  /// Until when; there are never more than the reads of a second, as each comes from one.
  private var missed: [EndpointID: Instant] = [:]
  private var allowance = Double(perSecond)
  private var counted: Instant?

  package init() {}

  package mutating func decide(_ route: EndpointID, now: Instant) -> Decision {
    if underWay.contains(route) { return .join }
    if let until = missed[route] {
      if now < until { return .missing }
      missed[route] = nil
    }
    if let counted {
      allowance = min(Double(Self.perSecond), allowance + (now - counted) / .seconds(1) * Double(Self.perSecond))
    }
    counted = now
    guard allowance >= 1 else { return .limited }
    allowance -= 1
    underWay.insert(route)
    return .read
  }

  /// - Parameter isMissing: the store answered that there is none.
  package mutating func finished(_ route: EndpointID, isMissing: Bool, now: Instant) {
    underWay.remove(route)
    if missed.count > Self.perSecond { missed = missed.filter { now < $0.value } }
    if isMissing { missed[route] = now + Self.memory }
  }

  /// A change told of it.
  package mutating func appeared(_ route: EndpointID) { if !missed.isEmpty { missed[route] = nil } }
}
