internal import PicoCore
internal import PicoStatus

/// How a person looks at a table: order, filter, columns, which row is selected and which are tagged. The rows are elsewhere.
struct TableModel<Row: FilterableRow>: Sendable {
  /// In the settings.
  let name: String
  let columns: [Column<Row>]
  /// IDs of the columns that are shown, from left to right.
  private(set) var shown: [String]
  private(set) var sort: TableSort
  var filter = TableFilter()
  /// Rows as they were when they were frozen.
  private(set) var frozen: OrderedTable<Row>?
  /// The selected row, wherever it moves; nil until a person moves: for the first one, and in a log for that where they come.
  private(set) var selection: RowKey?
  /// Where the selected row was.
  private(set) var index = 0
  /// The first row on screen.
  private(set) var top = 0
  private(set) var tags: Set<RowKey> = []
  /// Where a range of tags begins.
  private(set) var anchor: RowKey?
  private(set) var isFollowing = false
  /// Rows come all the time, and what is looked at is where they come, until a person selects another row and again when they are back there.
  private let isLog: Bool
  /// Columns behind the first that are scrolled out at the left.
  private(set) var offset = 0
  /// Rows on screen when it was last drawn.
  private var page = 1

  init(name: String, columns: [Column<Row>], sort: TableSort, shown: [String]? = nil, isLog: Bool = false) {
    self.name = name
    self.columns = columns
    self.isLog = isLog
    let known = Set(columns.map(\.id))
    var chosen: [String] = []
    for id in shown ?? [] where known.contains(id) && !chosen.contains(id) { chosen.append(id) }
    if chosen.isEmpty { chosen = columns.filter(\.isDefault).map(\.id) }
    if !chosen.contains(columns[0].id) { chosen.insert(columns[0].id, at: 0) }
    self.shown = chosen
    // A field need not have a column to be sorted by.
    self.sort = RowOrder<Row>(sort.text).map { TableSort($0.text) } ?? TableSort(column: columns[0].id, isDescending: false)
  }

  var shownColumns: [Column<Row>] { shown.compactMap { id in columns.first { $0.id == id } } }

  /// The rows on screen.
  func visible(_ table: OrderedTable<Row>) -> OrderedTable<Row> { frozen ?? table }

  /// Order and filter go to the rows. `now` is what ages are taken from.
  func arrange(_ table: inout OrderedTable<Row>, now: Timestamp) {
    if let order = RowOrder<Row>(sort.text) { table.setOrder(order) }
    table.setFilter(filter.expression, now: now)
  }

  /// Ages pass, so rows come and go in what a filter of ages lets through.
  func refilter(_ table: inout OrderedTable<Row>, now: Timestamp) {
    if filter.expression.readsClock { table.setFilter(filter.expression, now: now) }
  }

  // MARK: Commands

  mutating func run(_ command: TableCommand, on table: inout OrderedTable<Row>, now: Timestamp) {
    let count = visible(table).count
    switch command {
    case .move(let by): select(place: settled(in: table) + by, in: table)
    case .page(let by): select(place: settled(in: table) + by * max(1, page - 1), in: table)
    case .top: select(place: 0, in: table)
    case .bottom: select(place: count - 1, in: table)
    case .select(let place): select(place: place, in: table)
    case .scroll(let by) where isLog: select(place: settled(in: table) + by, in: table)
    case .scroll(let by): top = min(max(0, top + by), max(0, count - page))
    case .shift(let by): offset = min(max(0, offset + by), max(0, shownColumns.count - 2))
    case .sortNext(let by):
      let places = shownColumns
      let place = places.firstIndex { $0.id == sort.column } ?? 0
      sort(by: places[(place + by + places.count) % places.count].id, on: &table, now: now)
    case .sort(let column):
      if column == sort.column { run(.reverse, on: &table, now: now) } else { sort(by: column, on: &table, now: now) }
    case .reverse:
      sort.isDescending.toggle()
      reorder(&table, now: now)
    case .tag:
      guard let selection = settledKey(in: table) else { return }
      if tags.remove(selection) == nil { tags.insert(selection) }
      select(place: index + 1, in: table)
    case .range: range(in: table)
    case .clearTags:
      tags = []
      anchor = nil
    case .freeze:
      frozen = frozen == nil ? table : nil
    case .follow: isFollowing.toggle()
    case .toggle(let column):
      toggle(column)
    }
  }

  /// A column that comes back stands before those that it is before by nature.
  private mutating func toggle(_ column: String) {
    guard let nature = columns.firstIndex(where: { $0.id == column }), nature > 0 else { return }
    if let place = shown.firstIndex(of: column) {
      shown.remove(at: place)
    } else {
      let later = columns[(nature + 1)...].map(\.id)
      shown.insert(column, at: shown.firstIndex(where: later.contains) ?? shown.count)
    }
  }

  private mutating func sort(by column: String, on table: inout OrderedTable<Row>, now: Timestamp) {
    guard let found = columns.first(where: { $0.id == column }) else { return }
    // Words begin with A, figures with the largest.
    sort = TableSort(column: column, isDescending: found.align == .right && column != "age" && column != "until")
    reorder(&table, now: now)
  }

  private mutating func reorder(_ table: inout OrderedTable<Row>, now: Timestamp) {
    // Who is at the top looks at what is first, and not at a row.
    let isFirst = settled(in: table) == 0
    rearrange(&table, now: now)
    if isFirst, !isLog { forgetSelection(in: table) }
  }

  private mutating func rearrange(_ table: inout OrderedTable<Row>, now: Timestamp) {
    arrange(&table, now: now)
    if var rows = frozen {
      arrange(&rows, now: now)
      frozen = rows
    }
  }

  /// A filter that a person typed; the last one that could be read stays in force while the text cannot.
  mutating func setFilter(_ text: String, on table: inout OrderedTable<Row>, now: Timestamp) {
    filter.set(text, for: Row.self)
    rearrange(&table, now: now)
  }

  private mutating func range(in table: OrderedTable<Row>) {
    guard let selection = settledKey(in: table) else { return }
    guard let start = anchor else {
      anchor = selection
      return
    }
    anchor = nil
    let rows = visible(table)
    let first = rows.position(of: start) ?? index
    for place in min(first, index)...max(first, index) where place < rows.count { tags.insert(rows.key(at: place)) }
  }

  // MARK: Selection

  private mutating func select(place: Int, in table: OrderedTable<Row>) {
    let rows = visible(table)
    guard rows.count > 0 else {
      (selection, index) = (nil, 0)
      return
    }
    index = min(max(0, place), rows.count - 1)
    selection = isLog && index == edge(of: rows) ? nil : rows.key(at: index)
    scrollToSelection(count: rows.count)
  }

  /// Where rows come to a log in its order.
  private func edge(of rows: OrderedTable<Row>) -> Int { isLog && !sort.isDescending ? max(0, rows.count - 1) : 0 }

  private mutating func forgetSelection(in table: OrderedTable<Row>) {
    selection = nil
    settled(in: table)
    scrollToSelection(count: visible(table).count)
  }

  /// As before anything was selected or tagged.
  mutating func forgetPlace() {
    (tags, anchor, selection, frozen) = ([], nil, nil, nil)
  }

  mutating func select(_ key: RowKey) { selection = key }

  private mutating func scrollToSelection(count: Int) {
    if index < top { top = index }
    if index >= top + page { top = index - page + 1 }
    top = min(max(0, top), max(0, count - page))
  }

  /// Where the selected row is now; when it is gone, the row that took its place is selected.
  @discardableResult
  mutating func settled(in table: OrderedTable<Row>) -> Int {
    let rows = visible(table)
    if let selection, let place = rows.position(of: selection) {
      index = place
    } else if selection == nil {
      index = edge(of: rows)
    } else {
      index = min(max(0, index), max(0, rows.count - 1))
      selection = rows.count > 0 ? rows.key(at: index) : nil
    }
    return index
  }

  private mutating func settledKey(in table: OrderedTable<Row>) -> RowKey? {
    let rows = visible(table)
    return rows.count > 0 ? rows.key(at: settled(in: table)) : nil
  }

  /// Before it is drawn in `rows` rows. The selection stays where it is on screen when it did; only `follow` chases it.
  mutating func settle(in table: OrderedTable<Row>, page rows: Int) {
    let count = visible(table).count
    let wasVisible = index >= top && index < top + page
    let isSmaller = rows < page
    page = max(1, rows)
    settled(in: table)
    top = min(max(0, top), max(0, count - page))
    if isFollowing || (wasVisible && isSmaller) || (isLog && selection == nil) { scrollToSelection(count: count) }
    if !tags.isEmpty, frozen == nil { tags = tags.filter { table[$0] != nil } }
  }

  /// The tagged rows if there are any, else the selected one.
  func chosen(in table: OrderedTable<Row>) -> [(key: RowKey, row: Row)] {
    let keys = tags.isEmpty ? [selected(in: table)?.key].compactMap { $0 } : tags.sorted { ($0.server, $0.key) < ($1.server, $1.key) }
    return keys.compactMap { key in table[key].map { (key, $0) } }
  }

  /// Before it was ever drawn, the first row.
  func selected(in table: OrderedTable<Row>) -> (key: RowKey, row: Row)? {
    let rows = visible(table)
    if let selection { return (table[selection] ?? rows[selection]).map { (selection, $0) } }
    guard rows.count > 0 else { return nil }
    let place = edge(of: rows)
    return (rows.key(at: place), rows.row(at: place))
  }
}

/// What a key or the mouse does to a table.
enum TableCommand: Equatable, Sendable {
  case move(Int), page(Int), top, bottom
  /// The row at that place.
  case select(Int)
  /// The view, not the selection.
  case scroll(Int)
  /// Columns to the right.
  case shift(Int)
  case sortNext(Int)
  /// By that column, or the other way round if it is already.
  case sort(String)
  case reverse, tag, range, clearTags, freeze, follow
  /// Shows or hides a column.
  case toggle(String)
}

struct TableSort: Equatable, Sendable {
  var column: String
  var isDescending: Bool

  init(column: String, isDescending: Bool) {
    self.column = column
    self.isDescending = isDescending
  }

  /// With `-` before it for the largest first.
  init(_ text: String) {
    isDescending = text.hasPrefix("-")
    column = isDescending ? String(text.dropFirst()) : text
  }

  var text: String { isDescending ? "-\(column)" : column }
}

/// A filter as it is typed: what stands there, what is in force, and what is wrong.
struct TableFilter: Sendable {
  private(set) var text = ""
  /// The last text that could be read.
  private(set) var expression = FilterExpression.everything
  private(set) var error: FilterError?

  mutating func set<Row: FilterableRow>(_ text: String, for row: Row.Type) {
    self.text = text
    error = nil
    guard text.contains(where: { !$0.isWhitespace }) else {
      expression = .everything
      return
    }
    do throws(FilterError) {
      let new = try FilterExpression(text)
      try new.validate(for: row)
      expression = new
    } catch {
      self.error = error
    }
  }
}

extension FilterExpression {
  static let everything: FilterExpression = {
    do throws(FilterError) {
      return try FilterExpression("")
    } catch {
      preconditionFailure("an empty filter cannot be read: \(error)")
    }
  }()
}
