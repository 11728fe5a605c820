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

  /// Listeners are many: only while they are shown, and of the endpoints of these keys where that is enough; of all when there is none.
  static func listeners(endpoints keys: [String], intervalMilliseconds: Int) -> Subscription {
    var subscription = Subscription(id: listenersID, tables: [.listeners], intervalMilliseconds: intervalMilliseconds)
    if keys.count == 1 {
      subscription.endpoint = keys[0]
    } else if keys.count <= maximumNames {
      subscription.endpoints = keys.sorted()
    }
    return subscription
  }

  /// What a server takes; of more endpoints all listeners are looked at.
  private static let maximumNames = 1000

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
