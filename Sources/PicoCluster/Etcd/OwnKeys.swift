internal import PicoCore

/// What this node wants the store to say of it, what the store is known to say, and so what is to be written and when.
///
/// ```
/// set ─▶ differs? ─ prompt ─▶ waiting (5 ms or 128 of them) ─▶ in flight ─▶ stored
///                 └ slight ─▶ at most every 5 s ┘                └ failed ─▶ waiting again
/// ```
/// A key is in one batch at a time, so writes of one key cannot overtake each other.
struct OwnKeys: Sendable {
  enum Key: Hashable, Sendable {
    case record
    case route(EndpointID)
  }

  enum Value: Sendable, Equatable {
    /// Apart, so that it takes no room in the entries of routes.
    indirect case record(NodeRecord)
    /// 0 is no key.
    case listeners(Int)

    var isAbsent: Bool { self == .listeners(0) }
  }

  struct Batch: Sendable, Equatable {
    /// Of the lease that the keys are to hang on.
    var epoch: Int
    var writes: [(key: Key, value: Value)]

    static func == (left: Batch, right: Batch) -> Bool {
      left.epoch == right.epoch && left.writes.elementsEqual(right.writes, by: ==)
    }
  }

  enum Result: Sendable, Equatable {
    /// The revision of the transaction.
    case stored(Int64)
    /// It may have been stored or not.
    case unknown
  }

  struct Rules: Sendable {
    var delay = Duration.milliseconds(5)
    /// The most operations that etcd takes in a transaction by default.
    var batch = 128
    var slightDelay = Duration.seconds(5)
    var batchesInFlight = 4
    var pauseAfterFailure = Duration.milliseconds(100)
  }

  typealias Instant = ContinuousClock.Instant

  private enum Stored: Sendable, Equatable {
    case nothing
    case unknown
    case value(Value, revision: Int64, at: Instant)
  }

  private struct Entry: Sendable {
    var wanted: Value
    var stored: Stored = .nothing
    var inFlight = false
    var isWaiting = false
  }

  private let rules: Rules
  private var entries: [Key: Entry] = [:]
  private var waiting: ArraySlice<Key> = []
  private var waitingSince: Instant?
  private var slight: Set<Key> = []
  private var slightScan: Instant?
  private var flying = 0
  private var pausedUntil: Instant?
  /// Grows with each lease; 0 until there is one.
  private(set) var epoch = 0
  /// Keys may be written.
  private(set) var hasLease = false

  init(rules: Rules = Rules()) { self.rules = rules }

  /// How many keys the store should hold.
  var count: Int { entries.count { !$0.value.wanted.isAbsent } }

  mutating func set(_ key: Key, to value: Value, now: Instant) {
    entries[key, default: Entry(wanted: value)].wanted = value
    sort(key, now: now)
  }

  /// A new lease holds none of our keys.
  mutating func leaseGranted(now: Instant) {
    epoch += 1
    hasLease = true
    pausedUntil = nil
    for key in entries.keys {
      entries[key]?.stored = .nothing
      sort(key, now: now)
    }
  }

  mutating func leaseLost() { hasLease = false }

  /// The store no longer has the key at this revision, whoever deleted it.
  mutating func gone(_ key: Key, revision: Int64, now: Instant) {
    guard case .value(_, let stored, _) = entries[key]?.stored, stored < revision else { return }
    entries[key]?.stored = .nothing
    sort(key, now: now)
  }

  /// The store was read as of a revision and had these keys of ours.
  mutating func read(_ present: Set<Key>, revision: Int64, now: Instant) {
    for key in entries.keys where !present.contains(key) { gone(key, revision: revision + 1, now: now) }
  }

  /// What is to be written now; `nil` if nothing is.
  mutating func nextBatch(now: Instant) -> Batch? {
    guard hasLease, flying < rules.batchesInFlight, pausedUntil.map({ $0 <= now }) ?? true else { return nil }
    scanSlight(now: now)
    guard let since = waitingSince, waiting.count >= rules.batch || since + rules.delay <= now else { return nil }
    var writes: [(key: Key, value: Value)] = []
    for key in waiting.prefix(rules.batch) {
      guard let entry = entries[key] else { continue }
      entries[key]?.isWaiting = false
      guard Self.urgency(from: entry.stored, to: entry.wanted) != .none else {
        // It came and went, or went and came back, while it waited.
        if entry.wanted.isAbsent { entries[key] = nil }
        continue
      }
      entries[key]?.inFlight = true
      writes.append((key, entry.wanted))
    }
    waiting.removeFirst(min(rules.batch, waiting.count))
    if waiting.isEmpty { (waiting, waitingSince) = ([], nil) }
    guard !writes.isEmpty else { return nil }
    flying += 1
    return Batch(epoch: epoch, writes: writes)
  }

  mutating func finished(_ batch: Batch, _ result: Result, now: Instant) {
    flying -= 1
    if result == .unknown { pausedUntil = now + rules.pauseAfterFailure }
    for (key, value) in batch.writes {
      entries[key]?.inFlight = false
      if batch.epoch == epoch {
        switch result {
        case .unknown: entries[key]?.stored = .unknown
        case .stored: entries[key]?.stored = value.isAbsent ? .nothing : .value(value, revision: result.revision, at: now)
        }
      }
      sort(key, now: now)
    }
  }

  /// When to ask for a batch again if nothing happens before.
  var nextTime: Instant? {
    guard hasLease, flying < rules.batchesInFlight else { return nil }
    let prompt = waitingSince.map { $0 + rules.delay }
    guard let next = [prompt, slightScan].compactMap({ $0 }).min() else { return nil }
    return max(next, pausedUntil ?? next)
  }

  /// Puts a key where it belongs now.
  private mutating func sort(_ key: Key, now: Instant) {
    guard let entry = entries[key], !entry.inFlight, !entry.isWaiting else { return }
    slight.remove(key)
    switch Self.urgency(from: entry.stored, to: entry.wanted) {
    case .none:
      if entry.wanted.isAbsent { entries[key] = nil }
    case .slight:
      slight.insert(key)
      if slightScan == nil { slightScan = now + min(rules.slightDelay, .seconds(1)) }
    case .prompt:
      entries[key]?.isWaiting = true
      waiting.append(key)
      if waitingSince == nil { waitingSince = now }
    }
  }

  private mutating func scanSlight(now: Instant) {
    guard let scan = slightScan, scan <= now else { return }
    for key in slight {
      guard case .value(_, _, let at) = entries[key]?.stored, at + rules.slightDelay <= now else { continue }
      slight.remove(key)
      entries[key]?.isWaiting = true
      waiting.append(key)
      if waitingSince == nil { waitingSince = now - rules.delay }
    }
    slightScan = slight.isEmpty ? nil : now + min(rules.slightDelay, .seconds(1))
  }

  private enum Urgency { case none, slight, prompt }

  private static func urgency(from stored: Stored, to wanted: Value) -> Urgency {
    switch (stored, wanted) {
    case (.nothing, _): return wanted.isAbsent ? .none : .prompt
    case (.unknown, _): return .prompt
    case (.value(let value, _, _), _) where value == wanted: return .none
    case (.value(.listeners(let old), _, _), .listeners(let new)):
      return new == 0 || abs(new - old) * 4 >= old ? .prompt : .slight
    case (.value(.record(var old), _, _), .record(let new)):
      (old.listeners, old.load) = (new.listeners, new.load)
      return old == new ? .slight : .prompt
    default: return .prompt
    }
  }
}

extension OwnKeys.Result {
  fileprivate var revision: Int64 { if case .stored(let revision) = self { revision } else { 0 } }
}
