/// What fills the screen.
package enum Screen: Hashable, Sendable {
  case overview, endpoints
  case endpoint(RowKey)
  case listeners
  /// The requests of an endpoint as they end.
  case live(RowKey)
  case nodes, events, blocks

  /// The action that goes there.
  var action: Action {
    switch self {
    case .overview: .overview
    case .endpoints: .endpoints
    case .endpoint: .endpoint
    case .listeners: .listeners
    case .live: .live
    case .nodes: .nodes
    case .events: .events
    case .blocks: .blocks
    }
  }

  static let actions: [Action] = [.overview, .endpoints, .endpoint, .listeners, .live, .nodes, .events, .blocks]

  var title: String { action.rawValue.prefix(1).uppercased() + action.rawValue.dropFirst() }

  /// From the outermost screen to this one.
  var path: [String] {
    switch self {
    case .endpoint(let key): ["Endpoints", key.key]
    case .live(let key): ["Endpoints", key.key, "Live"]
    default: [title]
    }
  }

  var isLive: Bool { if case .live = self { true } else { false } }

  var endpoint: RowKey? {
    switch self {
    case .endpoint(let key), .live(let key): key
    default: nil
    }
  }

  /// The same endpoint as another server tells of it.
  mutating func follow(_ key: RowKey) {
    switch self {
    case .endpoint: self = .endpoint(key)
    case .live: self = .live(key)
    default: break
    }
  }
}

/// What a press of the mouse means, by where it was.
struct HitMap: Sendable {
  enum Target: Equatable, Sendable {
    /// Of the table on screen, by place in the order.
    case row(Int)
    /// A column's header.
    case header(String)
    case action(Action)
    /// Of the panel that is open.
    case control(Int)
  }

  private var areas: [(area: Area, target: Target)] = []

  mutating func add(_ area: Area, _ target: Target) {
    if !area.isEmpty { areas.append((area, target)) }
  }

  /// What was drawn last lies on top.
  func target(at position: Grid.Position) -> Target? { areas.last { $0.area.contains(position) }?.target }

  /// What lies below can no longer be pressed.
  mutating func cover() { areas = [] }
}
