internal import PicoStatus

/// What is known of one subscription: whether its rows are whole, and which message comes next.
///
///     waiting ──part 1 of n──▶ collecting ──part n──▶ live ──gap──▶ waiting (resync asked)
///        ▲                         │ part missing                     │
///        └─────────────────────────┴──────────────────────────────────┘
struct SubscriptionState: Sendable {
  enum Phase: Sendable {
    case waiting
    case collecting(TableChanges, part: Int, parts: Int)
    case live
  }

  enum Outcome: Equatable, Sendable {
    /// Nothing to show yet, or nothing of this subscription.
    case nothing
    /// All rows that there are; others are gone.
    case replace(TableChanges)
    /// The changes of the update apply.
    case apply
    /// Ask for a snapshot.
    case resync
  }

  let subscription: Subscription
  private(set) var phase = Phase.waiting
  private var sequence: UInt64 = 0
  /// When a snapshot was last asked for, since the start.
  private var askedAt: Duration

  init(_ subscription: Subscription, at now: Duration) {
    self.subscription = subscription
    askedAt = now
  }

  /// Parts that came of those that were announced, from 0 to 1; nil when all is there.
  var progress: Double? {
    switch phase {
    case .waiting: 0
    case .collecting(_, let part, let parts): Double(part) / Double(max(1, parts))
    case .live: nil
    }
  }

  var isLive: Bool { progress == nil }

  mutating func receive(_ snapshot: Snapshot, at now: Duration) -> Outcome {
    var tables = TableChanges()
    if snapshot.part != 1 {
      guard case .collecting(let collected, let part, let parts) = phase, snapshot.part == part + 1, snapshot.parts == parts else {
        return askAgain(at: now)
      }
      tables = collected
    }
    tables.append(snapshot.tables)
    sequence = snapshot.sequence
    askedAt = now
    guard snapshot.part >= snapshot.parts else {
      phase = .collecting(tables, part: snapshot.part, parts: snapshot.parts)
      return .nothing
    }
    phase = .live
    return .replace(tables)
  }

  mutating func receive(_ update: Update, at now: Duration) -> Outcome {
    switch phase {
    case .waiting: return .nothing
    case .collecting: return askAgain(at: now)
    case .live:
      guard update.sequence == sequence &+ 1 else { return askAgain(at: now) }
      sequence = update.sequence
      return .apply
    }
  }

  /// Whether a snapshot is so late that it has to be asked for again.
  mutating func isOverdue(at now: Duration) -> Bool {
    if case .live = phase { return false }
    guard now - askedAt > Self.patience else { return false }
    askedAt = now
    return true
  }

  private static let patience = Duration.seconds(15)

  private mutating func askAgain(at now: Duration) -> Outcome {
    phase = .waiting
    askedAt = now
    return .resync
  }
}

extension TableChanges {
  fileprivate mutating func append(_ other: TableChanges) {
    nodes += other.nodes
    endpoints += other.endpoints
    listeners += other.listeners
    totals += other.totals
    blocks += other.blocks
  }
}
