internal import PicoCore
internal import PicoStatus

/// What the other nodes of the cluster said of themselves since somebody here wants to know: their rows, and which of them cannot be heard
/// now. A value: it knows no clock and no connection.
struct OtherNodes: Sendable {
  /// A node as the cluster's store and the links to it show it.
  struct Known: Equatable, Sendable {
    var address: String
    var version: String
    var isDraining: Bool
    var listeners: Int
    /// Some link to it is open.
    var isReachable: Bool
  }

  struct Peer: Sendable {
    var known: Known
    /// By the ID of the subscription.
    var subscriptions: [String: PeerRows] = [:]
    var events = PeerEvents()
    /// When something came of it last, by the clock here; nil for never.
    var heardAt: Timestamp?
    /// As it was at the last look: what it says is of now.
    var isHeard = false

    /// What its rows are marked with.
    var asOf: Timestamp? { isHeard ? nil : heardAt }
  }

  /// Longer silent than this, which is three updates, its rows are old.
  private static let patience: Int64 = 3000

  private(set) var peers: [NodeID: Peer] = [:]
  private var touched = PeerRows.Touched()

  mutating func takeTouched() -> PeerRows.Touched {
    defer { touched = PeerRows.Touched() }
    return touched
  }

  // MARK: What is known

  /// - Parameters:
  ///   - nodes: all that are in the cluster. The rows of others are gone.
  ///   - connected: those that a conversation is open with.
  mutating func update(_ nodes: [NodeID: Known], connected: Set<NodeID>, now: Timestamp) {
    for id in peers.keys where nodes[id] == nil {
      touchAll(of: id)
      peers[id] = nil
    }
    for (id, known) in nodes {
      peers[id, default: Peer(known: known)].known = known
      let silence = peers[id]?.heardAt.map { now.milliseconds - $0.milliseconds } ?? .max
      let isHeard = connected.contains(id) && silence <= Self.patience
      guard peers[id]?.isHeard != isHeard else { continue }
      peers[id]?.isHeard = isHeard
      // Its rows are marked from now on, or not any more.
      touchAll(of: id)
    }
  }

  mutating func removeAll() { self = OtherNodes() }

  private mutating func touchAll(of id: NodeID) {
    for rows in peers[id]?.subscriptions.values.map(\.tables.keys) ?? [] { touched.formUnion(rows) }
  }

  // MARK: What it says

  /// A conversation with it began: what it says next does not go on from what it said before.
  mutating func began(_ id: NodeID) {
    for name in peers[id]?.subscriptions.keys.map({ $0 }) ?? [] { peers[id]?.subscriptions[name]?.restart() }
  }

  /// Rows of what is not asked for any more are forgotten.
  mutating func keep(_ wanted: Set<String>, of id: NodeID) {
    for (name, rows) in peers[id]?.subscriptions ?? [:] where !wanted.contains(name) {
      touched.formUnion(rows.tables.keys)
      peers[id]?.subscriptions[name] = nil
    }
    for name in wanted where peers[id]?.subscriptions[name] == nil { peers[id]?.subscriptions[name] = PeerRows() }
  }

  /// What is to be answered.
  mutating func receive(_ message: ServerMessage, from id: NodeID, now: Timestamp) -> ClientMessage? {
    guard peers[id] != nil else { return nil }
    peers[id]?.heardAt = now
    if peers[id]?.isHeard == false {
      peers[id]?.isHeard = true
      touchAll(of: id)
    }
    let (name, outcome): (String, PeerRows.Outcome?)
    switch message {
    case .snapshot(let snapshot): (name, outcome) = (snapshot.id, peers[id]?.subscriptions[snapshot.id]?.receive(snapshot))
    case .update(let update): (name, outcome) = (update.id, peers[id]?.subscriptions[update.id]?.receive(update))
    case .event(let event):
      peers[id]?.events.add(event)
      return nil
    default: return nil
    }
    switch outcome {
    case .applied(let keys): touched.formUnion(keys)
    case .resync: return .resync(id: name)
    case .ignored, nil: break
    }
    return nil
  }

  /// All that was asked for of the node is there.
  func isFilled(_ id: NodeID) -> Bool { peers[id]?.subscriptions.values.allSatisfy(\.isFilled) ?? true }
}

/// The last events of another node, as far as they were heard here. A value.
struct PeerEvents: Sendable {
  private var kept: [(event: StatusEvent, audience: EventLog.Audience)] = []
  /// Of the last one that was heard; 0 for none.
  private(set) var lastNumber: UInt64 = 0

  mutating func add(_ event: StatusEvent) {
    guard event.number > lastNumber else { return }
    lastNumber = event.number
    var event = event
    let audience = EventLog.Audience(member: event.details.removeValue(forKey: EventLog.Audience.member))
    // An eighth goes at a time, so that most cost no move.
    if kept.count >= EventLog.capacity + EventLog.capacity / 8 { kept.removeFirst(kept.count - EventLog.capacity) }
    kept.append((event, audience))
  }

  /// Those for the scope with a higher number, the oldest first.
  func events(after number: UInt64, _ scope: TenantScope) -> [StatusEvent] {
    guard number < lastNumber else { return [] }
    return kept.lazy.filter { $0.event.number > number && $0.audience.includes(scope) }.map(\.event)
  }
}

extension EventLog.Audience {
  /// Of an event that goes to another node: who may be told.
  static let member = "audience"

  var text: String {
    switch self {
    case .everybody: "everybody"
    case .fleet: "fleet"
    case .tenant(let tenant): "tenant \(tenant)"
    }
  }

  /// Whoever sees everything, where it is not said.
  init(member text: String?) {
    let tenant = text.flatMap { $0.hasPrefix("tenant ") ? $0.dropFirst("tenant ".count) : nil }
    self =
      text == "everybody" ? .everybody : tenant.flatMap { $0.isEmpty ? TenantID.default : TenantID($0) }.map { .tenant($0) } ?? .fleet
  }
}
