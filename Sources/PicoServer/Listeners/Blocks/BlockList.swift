internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// The blocks that hold, as far as this node knows. In a cluster every node keeps the same, whatever it hears first.
///
/// A subject is in one block at most: a later block takes it over, so that the last word counts and lifting a block is the end of it. What was
/// lifted, or taken over as a whole, is remembered for the block's time, as another node may still tell of it. `now` is always in steady
/// nanoseconds.
final class BlockList: Sendable {
  private struct State {
    var blocks: [String: Block] = [:]
    var bySubject: [BlockSubject: String] = [:]
    /// The end of each, for people and in steady nanoseconds.
    var lifted: [String: (until: Timestamp, deadline: UInt64)] = [:]

    mutating func removeExpired(now: UInt64) {
      for block in blocks.values where block.deadline <= now { forget(block) }
      for (id, end) in lifted where end.deadline <= now { lifted[id] = nil }
    }

    private mutating func forget(_ block: Block) {
      blocks[block.id] = nil
      for subject in block.subjects where bySubject[subject] == block.id { bySubject[subject] = nil }
    }

    mutating func lift(_ block: Block) {
      forget(block)
      lifted[block.id] = (block.until, block.deadline)
    }

    /// Nothing refuses the subject in the name of that block any more.
    mutating func take(_ subject: BlockSubject, from id: String) {
      bySubject[subject] = nil
      guard var block = blocks[id] else { return }
      block.subjects.removeAll { $0 == subject }
      blocks[id] = block
      if block.subjects.isEmpty { lift(block) }
    }

    /// Gives a block those of its subjects that no later one has; the IDs of earlier blocks that had some of them.
    mutating func add(_ block: Block) -> Set<String> {
      let told = block
      var block = block
      var earlier: Set<String> = []
      block.subjects.removeAll { subject in bySubject[subject].flatMap { blocks[$0] }?.isLater(than: told) == true }
      for subject in block.subjects {
        if let id = bySubject[subject] {
          earlier.insert(id)
          take(subject, from: id)
        }
        bySubject[subject] = block.id
      }
      blocks[block.id] = block
      if block.subjects.isEmpty { lift(block) }
      return earlier
    }
  }

  /// Subjects that are refused at once, of all blocks.
  static let capacity = 10_000
  private let state = Locked(State())

  /// Whether a block of that many subjects fits.
  func hasRoom(for subjects: Int, now: UInt64) -> Bool {
    state.withLock { state in
      state.removeExpired(now: now)
      return state.bySubject.count + subjects <= Self.capacity
    }
  }

  /// When a block begins that is to be the last word: now, unless one is known whose node has a clock that is ahead.
  func nextSince(_ now: Timestamp) -> Timestamp {
    let last = state.withLock { $0.blocks.values.map(\.since.milliseconds).max() } ?? 0
    return Timestamp(milliseconds: max(now.milliseconds, last + 1))
  }

  /// From here on nobody whom the block refuses registers. The blocks that it took something over from.
  @discardableResult func set(_ block: Block, now: UInt64) -> Set<String> {
    state.withLock { state in
      state.removeExpired(now: now)
      return state.add(block)
    }
  }

  /// What another node or the store tells of a block. The block with what it refuses here from now on; nil where that is nothing new.
  ///
  /// - Parameter isFirstHand: of the node that set it, at once: what it says is left counts more than what the store made this node believe.
  func take(_ record: BlockRecord, isFirstHand: Bool = false, now: UInt64) -> Block? {
    state.withLock { state in
      state.removeExpired(now: now)
      guard state.lifted[record.id] == nil else { return nil }
      switch record {
      case .lifted(let id, let until, let deadline):
        if let block = state.blocks[id] { state.lift(block) } else { state.lifted[id] = (until, deadline) }
        return nil
      case .holds(let block):
        guard var known = state.blocks[block.id] else {
          _ = state.add(block)
          return state.blocks[block.id]
        }
        // What a later block took over it never gets back.
        for subject in known.subjects where !block.subjects.contains(subject) { state.take(subject, from: block.id) }
        if isFirstHand, state.blocks[block.id] != nil {
          known = state.blocks[block.id] ?? known
          known.deadline = block.deadline
          state.blocks[block.id] = known
        }
        return nil
      }
    }
  }

  /// Lifts a block; nil when it does not hold, or no longer, or is not within the scope.
  func remove(_ id: String, _ scope: TenantScope = .all, now: UInt64) -> Block? {
    state.withLock { state in
      state.removeExpired(now: now)
      guard let block = state.blocks[id], block.isWithin(scope) else { return nil }
      state.lift(block)
      return block
    }
  }

  /// The block that refuses the registrant; of several the one that holds longest.
  func block(for registrant: @autoclosure () -> Registrant, now: UInt64) -> Block? {
    // Nearly always there is none, and then nobody needs to know who it is.
    guard state.withLock({ !$0.blocks.isEmpty }) else { return nil }
    let registrant = registrant()
    return state.withLock { state in
      registrant.subjects.compactMap { state.bySubject[$0].flatMap { state.blocks[$0] } }
        .filter { $0.deadline > now }
        .max { $0.deadline < $1.deadline }
    }
  }

  /// Those that hold, the oldest first.
  func all(now: UInt64) -> [Block] {
    let blocks = state.withLock { state in
      state.removeExpired(now: now)
      return Array(state.blocks.values)
    }
    return blocks.sorted { ($0.since.milliseconds, $0.id) < ($1.since.milliseconds, $1.id) }
  }

  // MARK: For other nodes

  /// What is to be said of a block; nil when its time is over.
  func record(of id: String, now: UInt64) -> BlockRecord? {
    state.withLock { state in
      state.removeExpired(now: now)
      if let block = state.blocks[id] { return .holds(block) }
      return state.lifted[id].map { .lifted(id, until: $0.until, deadline: $0.deadline) }
    }
  }

  /// All that is to be said of blocks.
  func records(now: UInt64) -> [BlockRecord] {
    state.withLock { state in
      state.removeExpired(now: now)
      return state.blocks.values.map { .holds($0) }
        + state.lifted.map { .lifted($0.key, until: $0.value.until, deadline: $0.value.deadline) }
    }
  }
}
