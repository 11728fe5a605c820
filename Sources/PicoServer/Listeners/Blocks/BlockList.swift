internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// The blocks that hold on this node. They are kept in memory and end with the process.
///
/// A subject is in one block at most: a later block takes it over, so that the last word counts and lifting a block is the end of it.
/// `now` is always in steady nanoseconds.
final class BlockList: Sendable {
  private struct State {
    var blocks: [String: Block] = [:]
    var bySubject: [BlockSubject: String] = [:]

    /// Takes a block out with what it refuses.
    mutating func remove(_ id: String) -> Block? {
      guard let block = blocks.removeValue(forKey: id) else { return nil }
      for subject in block.subjects where bySubject[subject] == id { bySubject[subject] = nil }
      return block
    }

    mutating func removeExpired(now: UInt64) {
      for block in blocks.values where block.deadline <= now { _ = remove(block.id) }
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

  /// From here on nobody whom the block refuses registers.
  func set(_ block: Block, now: UInt64) {
    state.withLock { state in
      state.removeExpired(now: now)
      for subject in block.subjects {
        guard let earlier = state.bySubject.updateValue(block.id, forKey: subject) else { continue }
        state.blocks[earlier]?.subjects.removeAll { $0 == subject }
        if state.blocks[earlier]?.subjects.isEmpty == true { state.blocks[earlier] = nil }
      }
      state.blocks[block.id] = block
    }
  }

  /// Lifts a block; nil when it does not hold, or no longer, or is not within the scope.
  func remove(_ id: String, _ scope: TenantScope = .all, now: UInt64) -> Block? {
    state.withLock { state in
      state.removeExpired(now: now)
      guard state.blocks[id]?.isWithin(scope) == true else { return nil }
      return state.remove(id)
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
}
