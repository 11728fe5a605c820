internal import EtcdClient
internal import PicoCore

/// What the store holds, as far as it was read and told, and what that changes for the consumer.
///
/// A reading marks what it finds; only what it did not find is swept when it is complete, so that the table is never emptied first. Each
/// thing remembers the revision of its last change: what is older than that is ignored, in whatever order answers come.
///
/// A store that has lost its data is filled again by the nodes, each in its own time. What was known of a node before is *former* then, and
/// stays while that node is alive, until it is told again or the grace time has passed.
struct RouteMirror: Sendable {
  typealias Instant = ContinuousClock.Instant

  struct Outcome: Sendable, Equatable {
    var changes: [ClusterChange] = []
    /// Keys of our own that are gone, and since which revision.
    var ownGone: [OwnGone] = []
    /// Values that this version cannot read.
    var unreadable = 0

    struct OwnGone: Sendable, Equatable {
      var key: OwnKeys.Key
      var revision: Int64
    }
  }

  fileprivate enum Value: Sendable, Equatable {
    /// Apart, so that it takes no room in the hundred thousand entries that have none.
    indirect case record(NodeRecord)
    case listeners(Int)
    case block([UInt8])
  }

  private struct Entry: Sendable {
    var value: Value
    var modRevision: Int64
    var reading: UInt32
    /// Of a former history, and not told again since.
    var isFormer = false
  }

  private let keys: ClusterKeys
  private let own: NodeID
  private let grace: Duration
  private var entries: [ClusterKeys.Name: Entry] = [:]
  private var reading: UInt32 = 0
  private var header: EtcdHeader?
  /// What the first node wrote under the cluster's name; another one is another history, whatever the revisions say.
  private var claim: [UInt8]?
  /// Until when what is former may stay; nil when nothing is.
  private(set) var formerUntil: Instant?
  private var ownFound: Set<OwnKeys.Key> = []
  /// One value for each node, which a hundred thousand routes share.
  private var nodes: [NodeID: NodeID] = [:]

  /// - Parameter grace: how long nodes have to write again what a store has lost.
  init(keys: ClusterKeys, own: NodeID, grace: Duration) {
    self.keys = keys
    self.own = own
    self.grace = grace
  }

  var count: Int { entries.count }

  /// A reading of everything begins, as of the header's revision.
  mutating func beginReading(_ header: EtcdHeader, now: Instant) {
    reading += 1
    ownFound = []
    if let last = self.header, !header.continues(last) { beginHistory(now: now) }
    self.header = header
  }

  /// Another history: its revisions cannot be compared with those of before.
  private mutating func beginHistory(now: Instant) {
    formerUntil = now + grace
    for name in entries.keys {
      entries[name]?.modRevision = 0
      entries[name]?.isFormer = true
    }
  }

  /// A part of what is there.
  mutating func found(_ pairs: [EtcdKeyValue], now: Instant) -> Outcome {
    var outcome = Outcome()
    for pair in pairs { put(pair, into: &outcome, now: now) }
    return outcome
  }

  /// The reading is complete: what it did not find is gone, unless it is former and of a node that is alive. Also gives the keys of our own
  /// that it found.
  mutating func endReading(now: Instant, isAlive: (NodeID) -> Bool) -> (outcome: Outcome, own: Set<OwnKeys.Key>) {
    var outcome = Outcome()
    let revision = header?.revision ?? 0
    for (name, entry) in entries where entry.reading != reading && entry.modRevision <= revision {
      guard !entry.isFormer || !mayStay(name, now: now, isAlive) else { continue }
      remove(name, into: &outcome)
    }
    return (outcome, ownFound)
  }

  /// What is former goes when its time is over or its node is not alive.
  mutating func sweepFormer(now: Instant, isAlive: (NodeID) -> Bool) -> Outcome {
    var outcome = Outcome()
    guard let until = formerUntil else { return outcome }
    for (name, entry) in entries where entry.isFormer && !mayStay(name, now: now, isAlive) { remove(name, into: &outcome) }
    if now >= until { formerUntil = nil }
    return outcome
  }

  private func mayStay(_ name: ClusterKeys.Name, now: Instant, _ isAlive: (NodeID) -> Bool) -> Bool {
    guard let until = formerUntil, now < until else { return false }
    return switch name {
    case .node(let node), .route(_, let node): isAlive(node)
    case .block: false
    }
  }

  private mutating func remove(_ name: ClusterKeys.Name, into outcome: inout Outcome) {
    entries[name] = nil
    if case .node(let node) = name { nodes[node] = nil }
    outcome.changes.append(name.change(to: nil))
  }

  mutating func apply(_ events: [EtcdEvent], now: Instant) -> Outcome {
    var outcome = Outcome()
    for event in events {
      switch event {
      case .put(let pair): put(pair, into: &outcome, now: now)
      case .delete(let key, let revision): delete(key, revision, into: &outcome)
      }
    }
    return outcome
  }

  private mutating func put(_ pair: EtcdKeyValue, into outcome: inout Outcome, now: Instant) {
    if pair.key == keys.cluster { return note(claim: pair.value, now: now) }
    guard let name = name(pair.key) else { return }
    if let key = ownKey(name) {
      ownFound.insert(key)
      return
    }
    let value: Value? =
      switch name {
      case .node: NodeRecord(json: pair.value).map { .record($0) }
      case .route: ListenerCount.read(pair.value).map { .listeners($0) }
      case .block: .block(pair.value)
      }
    guard let value else {
      outcome.unreadable += 1
      return
    }
    if let entry = entries[name] {
      guard entry.modRevision < pair.modRevision else {
        entries[name]?.reading = reading
        return
      }
      entries[name] = Entry(value: value, modRevision: pair.modRevision, reading: reading)
      if entry.value == value { return }
    } else {
      entries[name] = Entry(value: value, modRevision: pair.modRevision, reading: reading)
    }
    outcome.changes.append(name.change(to: value))
  }

  private mutating func note(claim: [UInt8], now: Instant) {
    defer { self.claim = claim }
    guard let last = self.claim, last != claim, header != nil else { return }
    // What this reading found already is of the new history.
    let found = entries.filter { $0.value.reading == reading }.keys
    beginHistory(now: now)
    for name in found { entries[name]?.isFormer = false }
  }

  private mutating func delete(_ key: String, _ revision: Int64, into outcome: inout Outcome) {
    guard let name = name(key) else { return }
    if let key = ownKey(name) {
      outcome.ownGone.append(.init(key: key, revision: revision))
    } else if let entry = entries[name], entry.modRevision < revision {
      remove(name, into: &outcome)
    }
  }

  private mutating func name(_ key: String) -> ClusterKeys.Name? {
    guard case .route(let route, let node) = keys.name(key) else { return keys.name(key) }
    if let shared = nodes[node] { return .route(route, shared) }
    nodes[node] = node
    return .route(route, node)
  }

  private func ownKey(_ name: ClusterKeys.Name) -> OwnKeys.Key? {
    switch name {
    case .node(own): .record
    case .route(let route, own): .route(route)
    default: nil
    }
  }
}

extension ClusterKeys.Name {
  fileprivate func change(to value: RouteMirror.Value?) -> ClusterChange {
    switch (self, value) {
    case (.node(let node), .record(let record)): .node(node, record)
    case (.node(let node), _): .node(node, nil)
    case (.route(let route, let node), .listeners(let count)): .route(route, node, listeners: count)
    case (.route(let route, let node), _): .route(route, node, listeners: 0)
    case (.block(let id), .block(let value)): .block(id, value)
    case (.block(let id), _): .block(id, nil)
    }
  }
}
