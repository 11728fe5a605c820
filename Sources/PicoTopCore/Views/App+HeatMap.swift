internal import PicoCore
internal import PicoStatus

/// How latencies were spread over time: a column for a stretch of time, a row for a band of latency.
extension App {
  func drawHeatMap(_ points: [HistorySeries.Point?], isStale: Bool, into canvas: inout Canvas, _ area: Area) {
    guard area.rows >= 2, area.columns >= 12 else { return }
    var rest = area
    canvas.heading("Latency spread", note: spanText, in: rest.takeTop(1))
  }
}
