internal import PicoStatus

/// What each screen wants of a server.
extension Subscription {
  static let fleetID = "fleet"
  static let listenersID = "listeners"
  static let busiestID = "busiest"
  static let busiestLimit = 12

  /// Always wanted: rows that every screen needs, and events.
  static func fleet(intervalMilliseconds: Int) -> Subscription {
    Subscription(
      id: fleetID, tables: [.nodes, .endpoints, .totals, .blocks], intervalMilliseconds: intervalMilliseconds, eventsSince: [:])
  }

  /// Listeners are many: only while a screen shows them, and of one endpoint where that is enough.
  static func listeners(endpoint: String?, intervalMilliseconds: Int) -> Subscription {
    Subscription(id: listenersID, tables: [.listeners], intervalMilliseconds: intervalMilliseconds, endpoint: endpoint)
  }

  static func busiest(intervalMilliseconds: Int) -> Subscription {
    Subscription(
      id: busiestID, tables: [.endpoints], intervalMilliseconds: intervalMilliseconds, sort: "-request_rate", limit: busiestLimit)
  }

  /// Whether the server sends the same for both; from which event on is no difference.
  func isSame(as other: Subscription) -> Bool {
    var mine = self
    mine.eventsSince = other.eventsSince
    return mine == other
  }
}
