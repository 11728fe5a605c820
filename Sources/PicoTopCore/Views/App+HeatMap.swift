internal import PicoCore
internal import PicoStatus

/// How latencies were spread over time: a column for a stretch of time, a row for a band of latency.
extension App {
  func drawHeatMap(_ points: [HistorySeries.Point?], isStale: Bool, into canvas: inout Canvas, _ area: Area) {
    guard area.rows >= 2, area.columns >= 16 else { return }
    var rest = area
    canvas.heading("Latency spread", note: spanText, in: rest.takeTop(1))
    let labels = rest.takeLeft(7)
    let places = min(rest.columns, points.count)
    let columns = (0..<places).map { part in
      var histogram = LatencyHistogram()
      for point in points[(part * points.count / places)..<((part + 1) * points.count / places)] {
        if let point { histogram.add(point.latencyBuckets) }
      }
      return histogram.filledBuckets
    }
    let map = HeatMap(Resampling.stretched(columns, count: rest.columns), rows: rest.rows)
    let marks = canvas.isASCII ? HeatMap.ascii : HeatMap.blocks
    for (row, levels) in map.levels.enumerated() where row < rest.rows {
      canvas.text(
        map.labels[row], row: rest.row + row, column: labels.column, width: labels.columns - 1, style: styles[.muted], align: .right)
      // Slow bands are told by their place and, where there is colour, by it.
      let role: Role =
        map.levels.count > 1 && row * 3 < map.levels.count ? .highLatency : row * 3 < map.levels.count * 2 ? .graph : .lowLatency
      for (column, level) in levels.enumerated() where level > 0 && column < rest.columns {
        canvas.set(
          marks[min(level, marks.count - 1)], row: rest.row + row, column: rest.column + column, style: styles[isStale ? .stale : role])
      }
    }
  }
}
