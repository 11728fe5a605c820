internal import PicoCore
internal import PicoStatus

/// The rows of one subscription to another node, put together from what it sends. A value.
///
/// ```
/// awaiting ──part 1──▶ filling ──last part──▶ whole ──update──▶ whole
///    ▲                    │                     │
///    └── a gap in the sequence: resync ◀────────┘
/// ```
/// Until a new snapshot is there with all its parts the rows of the one before stay.
struct PeerRows: Sendable {
  /// What may be new for those who merge.
  struct Touched: Equatable, Sendable {
    var endpoints: Set<EndpointID> = []
    var listeners: Set<ListenerID> = []

    mutating func formUnion(_ other: Touched) {
      endpoints.formUnion(other.endpoints)
      listeners.formUnion(other.listeners)
    }
  }

  enum Outcome: Equatable, Sendable {
    case applied(Touched)
    /// Nothing is to be done about it.
    case ignored
    /// Something was missed: ask for a snapshot.
    case resync
  }

  struct Tables: Sendable {
    var nodes: [String: NodeRow] = [:]
    var totals: [String: TotalsRow] = [:]
    var endpoints: [EndpointID: EndpointRow] = [:]
    var listeners: [ListenerID: ListenerRow] = [:]

    var keys: Touched { Touched(endpoints: Set(endpoints.keys), listeners: Set(listeners.keys)) }
  }

  private enum State {
    case awaiting
    case filling(Tables, nextPart: Int)
    case whole
  }

  private(set) var tables = Tables()
  private var state = State.awaiting
  private var sequence: UInt64 = 0

  /// A snapshot of this conversation is there.
  private(set) var isFilled = false

  mutating func receive(_ snapshot: Snapshot) -> Outcome {
    var filling: Tables
    switch state {
    case .filling(let tables, let nextPart) where snapshot.part == nextPart && snapshot.sequence == sequence + 1: filling = tables
    case _ where snapshot.part == 1: filling = Tables()
    case .filling, .whole: return lost()
    case .awaiting: return .ignored
    }
    sequence = snapshot.sequence
    var touched = Touched()
    filling.apply(snapshot.tables, &touched)
    guard snapshot.part == snapshot.parts else {
      state = .filling(filling, nextPart: snapshot.part + 1)
      return .ignored
    }
    touched = tables.keys
    touched.formUnion(filling.keys)
    tables = filling
    state = .whole
    isFilled = true
    return .applied(touched)
  }

  mutating func receive(_ update: Update) -> Outcome {
    guard case .whole = state else { return .ignored }
    guard update.sequence == sequence + 1 else { return lost() }
    sequence = update.sequence
    var touched = Touched()
    tables.apply(update.tables, &touched)
    tables.remove(update.removed, &touched)
    return .applied(touched)
  }

  /// What comes from here on is of another conversation.
  mutating func restart() {
    state = .awaiting
    isFilled = false
  }

  private mutating func lost() -> Outcome {
    state = .awaiting
    return .resync
  }
}

extension PeerRows.Tables {
  fileprivate mutating func apply(_ changes: TableChanges, _ touched: inout PeerRows.Touched) {
    for change in changes.nodes { change.apply(to: &nodes[change.key, default: NodeRow(blank: change.row.id)]) }
    for change in changes.totals { change.apply(to: &totals[change.key, default: TotalsRow(blank: change.row.id)]) }
    for change in changes.endpoints {
      guard let id = EndpointID(qualified: change.key) else { continue }
      change.apply(to: &endpoints[id, default: EndpointRow(blank: change.row.id)])
      touched.endpoints.insert(id)
    }
    for change in changes.listeners {
      guard let id = ListenerID(change.row.id) else { continue }
      change.apply(to: &listeners[id, default: ListenerRow(blank: change.row.id)])
      touched.listeners.insert(id)
    }
  }

  fileprivate mutating func remove(_ removed: [StatusTable: [String]], _ touched: inout PeerRows.Touched) {
    for key in removed[.nodes] ?? [] { nodes[key] = nil }
    for key in removed[.totals] ?? [] { totals[key] = nil }
    for key in removed[.endpoints] ?? [] {
      guard let id = EndpointID(qualified: key) else { continue }
      endpoints[id] = nil
      touched.endpoints.insert(id)
    }
    for key in removed[.listeners] ?? [] {
      guard let id = ListenerID(key) else { continue }
      listeners[id] = nil
      touched.listeners.insert(id)
    }
  }
}
