/// Graphs over time, the newest at the right.
extension Canvas {
  struct GraphLine: Sendable {
    var title: String
    /// The newest value, in words.
    var value: String
    /// There is nothing to look at now.
    var isQuiet = false
    /// Of which stretch of time it is, where that is not said beside it.
    var note = ""
    var points: [Double?]
    /// A value in words, for the scale.
    var format: @Sendable (Double) -> String
    var role: Role
    /// Values that fall together in one column: the largest counts, else their mean.
    var keepsPeaks: Bool
  }

  /// A title with the value of now and the top of the scale, and the graph below it.
  mutating func graph(_ line: GraphLine, in area: Area, isStale: Bool) {
    guard area.columns >= 4, area.rows >= 1 else { return }
    var body = area
    let title = body.takeTop(1)
    let places = body.columns * 2
    let points = Resampling.stretched(line.points, count: places)
    let values = line.keepsPeaks ? Resampling.peaks(points, count: places) : Resampling.means(points, count: places)
    let graph = BrailleGraph(values, size: Size(columns: body.columns, rows: body.rows), isASCII: isASCII)
    let scale = body.rows > 0 && values.contains { $0 != nil } ? line.format(graph.maximum) : ""
    let scaleWidth = scale.count + 2
    var used = spans(
      [
        Span(line.title, .title), Span(" ", .muted), Span(line.value, isStale ? .stale : line.isQuiet ? .muted : line.role, isBold: true),
        Span(line.note.isEmpty || title.columns < 36 ? "" : " \(line.note)", .muted),
      ], row: title.row, column: title.column, width: title.columns)
    if used + scaleWidth <= title.columns {
      let rule = title.columns - used - scaleWidth
      if rule > 1 {
        text(
          String(repeating: symbols.horizontal, count: rule - 1), row: title.row, column: title.column + used + 1, width: rule - 1,
          style: styles[.border])
      }
      used = title.columns - scale.count
      text(scale, row: title.row, column: title.column + used, width: scale.count, style: styles[.muted])
    }
    guard !body.isEmpty else { return }
    let style = styles[isStale ? .stale : line.role]
    // Where there was nothing the line at the bottom is only a line.
    let padded = [Double?](repeating: nil, count: max(0, places - values.count)) + values
    let isQuiet = (0..<body.columns).map { (padded[$0 * 2] ?? 0) <= 0 && (padded[$0 * 2 + 1] ?? 0) <= 0 }
    for (row, cells) in graph.rows.enumerated() {
      for (column, cell) in cells.enumerated() where cell != " " && cell != "\u{2800}" {
        set(cell, row: body.row + row, column: body.column + column, style: isQuiet[column] ? styles[.border] : style)
      }
    }
  }

  /// A heading with a rule behind it.
  mutating func heading(_ title: String, note: String = "", in area: Area) {
    guard !area.isEmpty else { return }
    let used = spans(
      [Span(title, .title), Span(note.isEmpty ? "" : " \(note)", .muted)], row: area.row, column: area.column, width: area.columns)
    let rule = area.columns - used - 1
    guard rule > 0 else { return }
    text(
      String(repeating: symbols.horizontal, count: rule), row: area.row, column: area.column + used + 1, width: rule, style: styles[.border]
    )
  }
}

extension Resampling {
  /// As `peaks`, with the mean of each part.
  static func means(_ series: [Double?], count: Int) -> [Double?] {
    guard count > 0, series.count > count else { return count > 0 ? series : [] }
    return (0..<count).map { part in
      let group = series[(part * series.count / count)..<((part + 1) * series.count / count)].compactMap { $0 }
      return group.isEmpty ? nil : group.reduce(0, +) / Double(group.count)
    }
  }

  /// A series that fills `count` places where it has fewer values: each stands for several.
  static func stretched<Value>(_ series: [Value], count: Int) -> [Value] {
    guard !series.isEmpty, series.count < count else { return series }
    return (0..<count).map { series[$0 * series.count / count] }
  }
}
