internal import PicoStatus

/// What lies over the screen: help, pickers and dialogs.
extension App {
  mutating func drawPanel(into canvas: inout Canvas) {
    switch panel {
    case nil: break
    case .help(let line): drawHelp(from: line, into: &canvas)
    case .columns(let cursor):
      let columns = facts.columns
      let lines = columns.map { "\($0.isShown ? "[x]" : "[ ]") \($0.title)" }
      drawList("Columns", lines, cursor: cursor, note: "Space shows or hides, Esc closes", into: &canvas)
    case .themes(let cursor, _):
      drawList("Theme", themes.map(\.name), cursor: cursor, note: "Enter keeps, Esc goes back", into: &canvas)
    case .action(let dialog): drawDialog(dialog, into: &canvas)
    }
  }

  /// An area of the dialog's ground with a border, and what is inside of it. Without room there is no border.
  mutating func drawBox(_ title: String, rows: Int, columns: Int, isDanger: Bool = false, into canvas: inout Canvas) -> Area {
    hits.cover()
    canvas.place(cursor: nil)
    let ground = styles[.dialog]
    let hasBorder = canvas.area.rows >= 9 && canvas.area.columns >= 30
    let area = canvas.area.centred(rows: rows + (hasBorder ? 2 : 1), columns: columns + (hasBorder ? 4 : 0))
    canvas.fill(area, style: ground)
    var edge = canvas.style(isDanger ? .error : .focusedBorder, on: .dialog)
    // A line under a line is a mess.
    edge.attributes.remove(.underline)
    let titleStyle = canvas.style(isDanger ? .danger : .title, on: .dialog, isBold: true)
    guard hasBorder else {
      canvas.text(title, row: area.row, column: area.column, width: area.columns, style: titleStyle)
      return Area(row: area.row + 1, column: area.column, rows: area.rows - 1, columns: area.columns)
    }
    let symbols = canvas.symbols
    for column in area.column + 1..<area.endColumn - 1 {
      canvas.set(symbols.horizontal, row: area.row, column: column, style: edge)
      canvas.set(symbols.horizontal, row: area.endRow - 1, column: column, style: edge)
    }
    for row in area.row + 1..<area.endRow - 1 {
      canvas.set(symbols.vertical, row: row, column: area.column, style: edge)
      canvas.set(symbols.vertical, row: row, column: area.endColumn - 1, style: edge)
    }
    canvas.set(symbols.topLeft, row: area.row, column: area.column, style: edge)
    canvas.set(symbols.topRight, row: area.row, column: area.endColumn - 1, style: edge)
    canvas.set(symbols.bottomLeft, row: area.endRow - 1, column: area.column, style: edge)
    canvas.set(symbols.bottomRight, row: area.endRow - 1, column: area.endColumn - 1, style: edge)
    canvas.text(" \(title) ", row: area.row, column: area.column + 2, width: area.columns - 4, style: titleStyle)
    return area.inset(rows: 1, columns: 2)
  }

  // MARK: Lists

  private mutating func drawList(_ title: String, _ lines: [String], cursor: Int, note: String, into canvas: inout Canvas) {
    let width = max(note.count, lines.map(\.count).max() ?? 0) + 2
    var rest = drawBox(title, rows: lines.count + 2, columns: width, into: &canvas)
    if rest.rows >= 4 {
      let foot = rest.takeBottom(1)
      canvas.text(note, row: foot.row, column: foot.column, width: foot.columns, style: canvas.style(.muted, on: .dialog))
      _ = rest.takeBottom(1)
    }
    let first = max(0, min(cursor - rest.rows / 2, lines.count - rest.rows))
    for (offset, index) in (first..<min(lines.count, first + rest.rows)).enumerated() {
      let row = Area(row: rest.row + offset, column: rest.column, rows: 1, columns: rest.columns)
      let isHere = index == cursor
      if isHere {
        canvas.fill(row, style: styles[.selectedRow])
        canvas.place(cursor: Grid.Position(row: row.row, column: row.column))
      }
      canvas.text(
        lines[index], row: row.row, column: row.column + 1, width: row.columns - 1, style: styles[isHere ? .selectedRow : .dialog])
      hits.add(row, .control(index))
    }
  }

  // MARK: Help

  private mutating func drawHelp(from line: Int, into canvas: inout Canvas) {
    var lines: [[Span]] = []
    let marks = KeyEntry.all.map { entry in keys.keys(for: entry.action).map { $0.mark(isASCII: options.isASCII) }.joined(separator: " ") }
    let width = marks.map(DisplayWidth.columns(of:)).max() ?? 0
    for group in KeyGroup.allCases where group != .replay || options.isReplay {
      let entries = zip(KeyEntry.all, marks).filter { entry, mark in
        entry.group == group && !mark.isEmpty && (group != .operate || isOperatorAnywhere)
      }
      guard !entries.isEmpty else { continue }
      if !lines.isEmpty { lines.append([]) }
      lines.append([Span(group.rawValue, .title, isBold: true)])
      lines += entries.map { [Span($1.padded(to: width + 2), .key), Span($0.help, .dialog)] }
    }
    let longest = lines.map { Canvas.columns(of: $0) }.max() ?? 0
    let rest = drawBox("Keys", rows: lines.count, columns: longest, into: &canvas)
    let first = max(0, min(line, lines.count - rest.rows))
    panel = .help(first)
    for (offset, spans) in lines.dropFirst(first).prefix(rest.rows).enumerated() {
      canvas.spans(spans, row: rest.row + offset, column: rest.column, width: rest.columns, on: .dialog)
    }
    hits.add(canvas.area, .action(.back))
  }
}
