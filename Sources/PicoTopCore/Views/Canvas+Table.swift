internal import PicoStatus

/// What a table is drawn with besides its model and rows.
struct TableFrame: Sendable {
  /// One for each server.
  var contexts: [RowContext]
  /// Whether rows tell which server they are from.
  var showsServer: Bool
  /// Whether the selection is shown.
  var hasFocus = true

  func context(_ server: Int) -> RowContext {
    contexts.indices.contains(server) ? contexts[server] : RowContext(serverName: "", clock: nil, isStale: true, isASCII: false)
  }
}

extension Canvas {
  /// A header and the rows that fit below it. The cursor of the terminal sits on the selected row.
  mutating func table<Row: FilterableRow>(
    _ model: inout TableModel<Row>, _ table: OrderedTable<Row>, in area: Area, frame: TableFrame, hits: inout HitMap
  ) {
    guard !area.isEmpty else { return }
    var body = area
    let header = body.takeTop(area.rows > 1 ? 1 : 0)
    model.settle(in: table, page: body.rows)
    let margin = area.columns > 30 ? 1 : 0
    let serverWidth = frame.showsServer ? min(20, frame.contexts.map { DisplayWidth.columns(of: $0.serverName) }.max() ?? 0) : nil
    let layout = TableLayout(
      columns: model.shownColumns, sort: model.sort.column, offset: model.offset, serverWidth: serverWidth.map { max(6, $0) },
      width: area.columns - 1 - margin)
    let left = area.column + 1
    if header.rows > 0 { drawHeader(layout, sort: model.sort, row: header.row, area: header, left: left, hits: &hits) }
    let rows = model.visible(table)
    for line in 0..<body.rows {
      let index = model.top + line
      guard index < rows.count else { break }
      let (key, row) = (rows.key(at: index), rows.row(at: index))
      let context = frame.context(key.server)
      let isSelected = frame.hasFocus && index == model.index
      let ground: Role? = isSelected ? .selectedRow : nil
      let screenRow = body.row + line
      let rowArea = Area(row: screenRow, column: area.column, rows: 1, columns: area.columns)
      hits.add(rowArea, .row(index))
      if isSelected {
        fill(rowArea, style: styles[.selectedRow])
        place(cursor: Grid.Position(row: screenRow, column: area.column))
      }
      let isTagged = model.tags.contains(key)
      if isTagged || key == model.anchor {
        set(isTagged ? symbols.tag : symbols.dot.first, row: screenRow, column: area.column, style: styles[ground ?? .key])
      }
      let isOld = row.heardLast != nil
      for item in layout.items {
        let cell = item.column.map { $0.content(row, context) } ?? CellText(context.serverName, .muted)
        // Why the row is old stays plain to see.
        let isStale = context.isStale || (isOld && item.column?.id != "state")
        text(
          cell.text, row: screenRow, column: left + item.place, width: min(item.width, area.endColumn - left - item.place),
          style: styles[ground ?? (isStale ? .stale : cell.role)], align: item.column?.align ?? .left)
      }
    }
  }

  private mutating func drawHeader<Row: FilterableRow>(
    _ layout: TableLayout<Row>, sort: TableSort, row: Int, area: Area, left: Int, hits: inout HitMap
  ) {
    fill(area, style: styles[.header])
    for item in layout.items {
      let isSorted = item.column?.id == sort.column
      let arrow = String(sort.isDescending ? symbols.descending : symbols.ascending)
      let title = item.column?.title ?? "SERVER"
      let isRight = item.column?.align == .right
      let shown = isSorted ? (isRight ? arrow + title : title + arrow) : title
      let width = min(item.width, area.endColumn - left - item.place)
      text(
        shown, row: row, column: left + item.place, width: width, style: styles[isSorted ? .sortedHeader : .header],
        align: item.column?.align ?? .left)
      if let column = item.column {
        hits.add(Area(row: row, column: left + item.place, rows: 1, columns: max(0, width)), .header(column.id))
      }
    }
  }

  /// A line of words in the middle of an area, and what to do about it below.
  mutating func emptyState(_ lines: [String], in area: Area) {
    let shown = lines.prefix(max(0, area.rows))
    let first = area.row + max(0, (area.rows - shown.count) / 3)
    for (index, line) in shown.enumerated() {
      let columns = min(DisplayText(line, limit: area.columns, isASCII: isASCII).columns, area.columns)
      text(
        line, row: first + index, column: area.column + (area.columns - columns) / 2, width: columns,
        style: styles[index == 0 ? .foreground : .muted])
    }
  }
}
