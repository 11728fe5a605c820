package import PicoCore
package import PicoStatus

/// A row of a table that several servers share.
package struct RowKey: Hashable, Sendable {
  /// The index of the server.
  package var server: Int
  /// Its key there.
  package var key: String

  package init(server: Int, key: String) {
    self.server = server
    self.key = key
  }
}

/// Rows by key, of which those that a filter lets through can be read in order by their position.
///
/// The rows stay in order while they change: those whose place may have changed are taken out, sorted among themselves and merged in again. So an
/// update costs the sort of what moved and one pass over small integers, a new filter one pass over all rows, and reading a page nothing but the
/// reading.
package struct OrderedTable<Row: FilterableRow>: Sendable {
  package private(set) var order: RowOrder<Row>
  package private(set) var filter: FilterExpression

  /// By slot. A slot without a row has one that is out of date and nobody reads.
  private var rows: [Row] = []
  private var keys: [RowKey] = []
  /// What a row is placed by, as `RowOrder` gives it.
  private var ranks: [UInt64] = []
  private var isShown: [Bool] = []
  /// In `shown`; -1 while the row is not.
  private var positions: [Int32] = []
  /// Whether the slot is to be taken out of `ordered`; only while rows are applied.
  private var isLoose: [Bool] = []
  private var free: [Int32] = []

  private var slots: [RowKey: Int32] = [:]
  /// The slots of all rows in order, and of those that are shown.
  private var ordered: [Int32] = []
  private var shown: [Int32] = []

  package init(order: RowOrder<Row>, filter: FilterExpression) {
    self.order = order
    self.filter = filter
  }

  // MARK: Reading

  /// Rows that the filter lets through.
  package var count: Int { shown.count }
  /// All rows.
  package var totalCount: Int { ordered.count }

  /// `position` is below `count`.
  package func row(at position: Int) -> Row { rows[Int(shown[position])] }
  package func key(at position: Int) -> RowKey { keys[Int(shown[position])] }

  /// nil for a row that is not there or that the filter keeps out.
  package func position(of key: RowKey) -> Int? {
    guard let slot = slots[key], positions[Int(slot)] >= 0 else { return nil }
    return Int(positions[Int(slot)])
  }

  /// Also of a row that the filter keeps out.
  package subscript(key: RowKey) -> Row? { slots[key].map { rows[Int($0)] } }

  /// All rows in order, also those that the filter keeps out.
  package var all: some Sequence<(key: RowKey, row: Row)> { ordered.lazy.map { (keys[Int($0)], rows[Int($0)]) } }

  // MARK: Changing

  /// Whole rows, new or in place of what they were, and the keys of those that are gone. `now` is what the filter takes ages from.
  mutating func put(
    _ new: some Sequence<(key: RowKey, row: Row)>, removing gone: some Sequence<RowKey> = EmptyCollection(), now: Timestamp
  ) {
    var change = Change(isChanged: remove(gone))
    for (key, row) in new {
      take(key, &change, now: now, new: { row }, update: { $0 = row })
    }
    finish(change)
  }

  mutating func removeAll(now: Timestamp) { put([], removing: Array(slots.keys), now: now) }

  package mutating func setOrder(_ order: RowOrder<Row>) {
    guard order != self.order else { return }
    self.order = order
    for slot in rows.indices { ranks[slot] = order.rank(of: order.value(of: rows[slot])) }
    sort(&ordered)
    show()
  }

  /// Also to take ages from a later `now`, when the filter reads the clock.
  package mutating func setFilter(_ filter: FilterExpression, now: Timestamp) {
    self.filter = filter
    // In the order of the memory, which is several times faster than in that of the table.
    for slot in rows.indices { isShown[slot] = filter.matches(rows[slot], now: now) }
    show()
  }

  // MARK: Slots

  /// What came of taking rows, until they are merged.
  private struct Change {
    /// Which rows there are, or which are shown, is another.
    var isChanged: Bool
    /// Slots that are to be put in again where they belong.
    var moved: [Int32] = []
  }

  private mutating func remove(_ gone: some Sequence<RowKey>) -> Bool {
    var isChanged = false
    for key in gone {
      guard let slot = slots.removeValue(forKey: key) else { continue }
      isLoose[Int(slot)] = true
      free.append(slot)
      isChanged = true
    }
    return isChanged
  }

  @inline(__always)
  private mutating func take(_ key: RowKey, _ change: inout Change, now: Timestamp, new: () -> Row, update: (inout Row) -> Void) {
    guard let slot = slots[key].map(Int.init) else { return change.moved.append(insert(new(), key, now: now)) }
    let before = order.value(of: rows[slot])
    update(&rows[slot])
    let after = order.value(of: rows[slot])
    if before != after {
      ranks[slot] = order.rank(of: after)
      if !isLoose[slot] {
        change.moved.append(Int32(slot))
        isLoose[slot] = true
      }
    }
    let shows = filter.matches(rows[slot], now: now)
    if shows != isShown[slot] { change.isChanged = true }
    isShown[slot] = shows
  }

  private mutating func finish(_ change: Change) {
    if change.isChanged || !change.moved.isEmpty { merge(change.moved) }
  }

  private mutating func insert(_ row: Row, _ key: RowKey, now: Timestamp) -> Int32 {
    let rank = order.rank(of: order.value(of: row))
    let shows = filter.matches(row, now: now)
    // One that was freed just now is still in `ordered`, and is loose; it is put in again where it belongs.
    guard let slot = free.popLast() else {
      rows.append(row)
      keys.append(key)
      ranks.append(rank)
      isShown.append(shows)
      positions.append(-1)
      isLoose.append(true)
      let slot = Int32(rows.count - 1)
      slots[key] = slot
      return slot
    }
    let index = Int(slot)
    (rows[index], keys[index], ranks[index]) = (row, key, rank)
    (isShown[index], isLoose[index]) = (shows, true)
    slots[key] = slot
    return slot
  }

  /// Takes what is loose out of the order and puts `moved` in.
  private mutating func merge(_ moved: [Int32]) {
    var moved = moved
    sort(&moved)
    var result: [Int32] = []
    result.reserveCapacity(ordered.count + moved.count)
    var next = 0
    for slot in ordered where !isLoose[Int(slot)] {
      while next < moved.count, precedes(moved[next], slot) {
        result.append(moved[next])
        next += 1
      }
      result.append(slot)
    }
    result += moved[next...]
    for slot in ordered where isLoose[Int(slot)] {
      isLoose[Int(slot)] = false
      positions[Int(slot)] = -1
    }
    for slot in moved { isLoose[Int(slot)] = false }
    ordered = result
    show()
  }

  private mutating func show() {
    shown.removeAll(keepingCapacity: true)
    for slot in ordered {
      let index = Int(slot)
      positions[index] = isShown[index] ? Int32(shown.count) : -1
      if isShown[index] { shown.append(slot) }
    }
  }

  /// What is compared stands side by side, as a sort looks at each row many times.
  private struct Placed {
    var rank: UInt64
    /// What decides between equal ranks: the value where it is a text, else the key.
    var text: String
    var slot: Int32
  }

  private func sort(_ list: inout [Int32]) {
    let isText = order.field.kind == .text
    let isFalling = isText && order.isDescending
    var placed = list.map { slot in
      guard isText, case .text(let text) = order.value(of: rows[Int(slot)]) else {
        return Placed(rank: ranks[Int(slot)], text: keys[Int(slot)].key, slot: slot)
      }
      return Placed(rank: ranks[Int(slot)], text: text, slot: slot)
    }
    placed.sort { left, right in
      if left.rank != right.rank { return left.rank < right.rank }
      if left.text != right.text { return (left.text < right.text) != isFalling }
      return precedes(left.slot, right.slot)
    }
    for (index, row) in placed.enumerated() { list[index] = row.slot }
  }

  private func precedes(_ left: Int32, _ right: Int32) -> Bool {
    let (left, right) = (Int(left), Int(right))
    guard ranks[left] == ranks[right] else { return ranks[left] < ranks[right] }
    if order.field.kind == .text, let isBefore = order.precedes(order.value(of: rows[left]), order.value(of: rows[right])) {
      return isBefore
    }
    return (keys[left].key, keys[left].server) < (keys[right].key, keys[right].server)
  }
}

extension OrderedTable where Row: StatusRow {
  /// Rows of a server that are new or have new members, and the keys of those that are gone; a row that is in both has come back. `now` is what the
  /// filter takes ages from.
  package mutating func apply(
    changed: some Sequence<RowChange<Row>>, removed: some Sequence<String> = EmptyCollection(), server: Int = 0, now: Timestamp
  ) {
    var change = Change(isChanged: remove(removed.lazy.map { RowKey(server: server, key: $0) }))
    for new in changed {
      take(RowKey(server: server, key: new.key), &change, now: now, new: { new.row }) { row in
        if new.members == .all(of: Row.self) { row = new.row } else { new.apply(to: &row) }
      }
    }
    finish(change)
  }

  /// All rows that a server has from now on; others of it are gone.
  package mutating func replace(with rows: [RowChange<Row>], server: Int = 0, now: Timestamp) {
    let kept = Set(rows.map(\.key))
    let gone = slots.keys.filter { $0.server == server && !kept.contains($0.key) }.map(\.key)
    apply(changed: rows, removed: gone, server: server, now: now)
  }
}
