/// Graphs over time, the newest at the right.
extension Canvas {
  struct GraphLine: Sendable {
    var title: String
    /// The newest value, in words.
    var value: String
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
    let values = Resampling.fit(line.points, into: body.columns * 2, keepsPeaks: line.keepsPeaks)
    let maximum = BrailleGraph.roundMaximum(values.reduce(0) { max($0, $1 ?? 0) })
    let scale = body.rows > 0 ? line.format(maximum) : ""
    let scaleWidth = scale.count + 2
    var used = spans(
      [Span(line.title, .title), Span(" ", .muted), Span(line.value, isStale ? .stale : line.role, isBold: true)], row: title.row,
      column: title.column, width: title.columns)
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
    for (row, cells) in BrailleGraph.rows(values, columns: body.columns, rows: body.rows, maximum: maximum, isASCII: isASCII).enumerated() {
      for (column, cell) in cells.enumerated() where cell != " " {
        set(cell, row: body.row + row, column: body.column + column, style: style)
      }
    }
  }

  /// A heading with a rule behind it.
  mutating func heading(_ title: String, note: String = "", in area: Area) {
    guard !area.isEmpty else { return }
    let used = spans([Span(title, .title), Span(note.isEmpty ? "" : " \(note)", .muted)], row: area.row, column: area.column, width: area.columns)
    let rule = area.columns - used - 1
    guard rule > 0 else { return }
    text(
      String(repeating: symbols.horizontal, count: rule), row: area.row, column: area.column + used + 1, width: rule, style: styles[.border])
  }
}

/// Many points in few places.
enum Resampling {
  /// Exactly `count` values, or all where there are fewer: those behind each other fall together. Holes are where all were.
  static func fit(_ points: [Double?], into count: Int, keepsPeaks: Bool) -> [Double?] {
    guard count > 0, points.count > count else { return points }
    return (0..<count).map { place in
      let group = points[(place * points.count / count)..<((place + 1) * points.count / count)].compactMap { $0 }
      guard !group.isEmpty else { return nil }
      return keepsPeaks ? group.max() : group.reduce(0, +) / Double(group.count)
    }
  }

  /// Points stretched so that they fill `count` places, where there are fewer.
  static func stretched(_ points: [Double?], to count: Int) -> [Double?] {
    guard !points.isEmpty, points.count < count else { return points }
    return (0..<count).map { points[$0 * points.count / count] }
  }
}
