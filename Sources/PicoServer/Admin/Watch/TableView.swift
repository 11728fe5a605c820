internal import PicoStatus

/// One table as the readers of equal subscriptions have it: which rows, each as it was last sent and since when.
///
/// A row here may lag behind the truth by what is not worth an update (``StatusRow/members(changedFrom:)``), never by more: what is compared
/// is always the row as sent.
struct TableView<Row: StatusRow>: Sendable {
  /// What of a table is shown.
  struct Selection: Sendable {
    /// Nil for every row.
    var admits: (@Sendable (Row) -> Bool)?
    /// Nil for the order of keys.
    var precedes: (@Sendable (Row, Row) -> Bool)?
    /// Rows at most; nil for all.
    var limit: Int?
    /// Readers are told of every difference.
    var isExact = false
  }

  private struct Shown {
    var row: Row
    /// When anything of it changed last.
    var version: UInt64
  }

  let selection: Selection
  private var shown: [String: Shown] = [:]
  /// With a limit: every row that matches, as it is.
  private var candidates: [String: Row] = [:]
  private var removals = RemovalLog()

  init(_ selection: Selection = Selection()) { self.selection = selection }

  /// Rows that match, also those beyond the limit.
  var total: Int { selection.limit == nil ? shown.count : candidates.count }
  var count: Int { shown.count }

  /// In the order of the selection.
  var keys: [String] {
    guard let precedes = selection.precedes else { return shown.keys.sorted() }
    return shown.sorted { precedes($0.value.row, $1.value.row) }.map(\.key)
  }

  /// As readers have it, or will; nil when it is not shown.
  func row(_ key: String) -> Row? { shown[key]?.row }

  // MARK: Changes

  /// What readers of the version before are told.
  struct Changes: Sendable {
    var rows: [RowChange<Row>] = []
    var removed: [String] = []
  }

  /// - Parameters:
  ///   - rows: those that may differ from what was given before, as they are.
  ///   - gone: keys of rows that are no more.
  ///   - version: higher than any before.
  mutating func update(_ rows: [Row], gone: [String], version: UInt64) -> Changes {
    selection.limit == nil ? updateAll(rows, gone, version) : updateWindow(rows, gone, version)
  }

  /// As ``update(_:gone:version:)`` where `rows` are all that there are.
  mutating func replace(_ rows: [Row], version: UInt64) -> Changes {
    let keys = Set(rows.map(\.key))
    let known = selection.limit == nil ? Array(shown.keys) : Array(candidates.keys)
    return update(rows, gone: known.filter { !keys.contains($0) }, version: version)
  }

  private mutating func updateAll(_ rows: [Row], _ gone: [String], _ version: UInt64) -> Changes {
    var changes = Changes()
    for row in rows {
      if selection.admits?(row) ?? true { show(row, version, &changes) } else { hide(row.key, version, &changes) }
    }
    for key in gone { hide(key, version, &changes) }
    return changes
  }

  private mutating func updateWindow(_ rows: [Row], _ gone: [String], _ version: UInt64) -> Changes {
    var changes = Changes()
    for row in rows { candidates[row.key] = selection.admits?(row) ?? true ? row : nil }
    for key in gone { candidates[key] = nil }
    let window = Self.first(selection.limit ?? candidates.count, of: candidates, selection.precedes)
    for key in shown.keys where window[key] == nil { hide(key, version, &changes) }
    for row in window.values { show(row, version, &changes) }
    return changes
  }

  private static func first(_ count: Int, of rows: [String: Row], _ precedes: (@Sendable (Row, Row) -> Bool)?) -> [String: Row] {
    guard rows.count > count else { return rows }
    let order = precedes ?? { $0.key < $1.key }
    var best = BoundedHeap<Row>(capacity: count) { order($0, $1) }
    for row in rows.values { best.insert(row) }
    return Dictionary(uniqueKeysWithValues: best.elements.map { ($0.key, $0) })
  }

  private mutating func show(_ row: Row, _ version: UInt64, _ changes: inout Changes) {
    let key = row.key
    guard let index = shown.index(forKey: key) else {
      shown[key] = Shown(row: row, version: version)
      return changes.rows.append(RowChange(new: row))
    }
    let members = row.members(changedFrom: shown.values[index].row, exactly: selection.isExact)
    guard !members.isEmpty else { return }
    let change = RowChange(row, members: members)
    change.apply(to: &shown.values[index].row)
    shown.values[index].version = version
    changes.rows.append(change)
  }

  private mutating func hide(_ key: String, _ version: UInt64, _ changes: inout Changes) {
    guard shown.removeValue(forKey: key) != nil else { return }
    removals.record(key, version)
    changes.removed.append(key)
  }

  /// For a reader who was left behind: rows that changed since and those that went; nil when too much went to remember.
  func changes(since version: UInt64) -> (keys: [String], removed: [String])? {
    guard let gone = removals.keys(since: version) else { return nil }
    return (shown.filter { $0.value.version > version }.map(\.key), gone.filter { shown[$0] == nil })
  }
}

/// Keys of the rows that went, for readers who missed it.
private struct RemovalLog: Sendable {
  private static let capacity = 10_000

  private var entries: [(version: UInt64, key: String)] = []
  /// Of this version and those before it not all are known.
  private var forgotten: UInt64 = 0

  mutating func record(_ key: String, _ version: UInt64) {
    if entries.count >= 2 * Self.capacity {
      forgotten = entries[Self.capacity - 1].version
      entries.removeFirst(Self.capacity)
    }
    entries.append((version, key))
  }

  func keys(since version: UInt64) -> Set<String>? {
    guard version >= forgotten else { return nil }
    let first = entries.lastIndex { $0.version <= version }.map { $0 + 1 } ?? 0
    return Set(entries[first...].map(\.key))
  }
}

/// The elements that come first in an order, as many as there is room for: the last of them is at the root.
struct BoundedHeap<Element> {
  private(set) var elements: [Element] = []
  private let capacity: Int
  private let precedes: (Element, Element) -> Bool

  /// - Parameter capacity: above 0.
  init(capacity: Int, precedes: @escaping (Element, Element) -> Bool) {
    self.capacity = capacity
    self.precedes = precedes
  }

  mutating func insert(_ element: Element) {
    if elements.count < capacity {
      elements.append(element)
      var index = elements.count - 1
      while index > 0, precedes(elements[(index - 1) / 2], elements[index]) {
        elements.swapAt(index, (index - 1) / 2)
        index = (index - 1) / 2
      }
    } else if precedes(element, elements[0]) {
      elements[0] = element
      sink()
    }
  }

  private mutating func sink() {
    var index = 0
    while true {
      var last = index
      for child in [2 * index + 1, 2 * index + 2] where child < elements.count && precedes(elements[last], elements[child]) { last = child }
      guard last != index else { return }
      elements.swapAt(index, last)
      index = last
    }
  }
}
