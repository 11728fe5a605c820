internal import PicoCore
internal import PicoStatus

/// Screen 3: one endpoint.
extension App {
  mutating func drawEndpoint(_ key: RowKey, into canvas: inout Canvas, _ area: Area) {
    var rest = area
    if rest.rows >= 24 { _ = rest.takeBottom(1) }
    let row = fleet.endpoints[key]
    let isStale = fleet.freshness(of: key.server, at: now.steady) != .live
    if rest.rows >= 10 {
      let height = max(4, min(16, rest.rows * 2 / 5))
      drawEndpointGraphs(key, row, isStale: isStale, into: &canvas, rest.takeTop(height).inset(columns: 1))
      if rest.rows >= 8 { _ = rest.takeTop(1) }
    }
    let known = fleet.servers[key.server].errors
    let failures = known.endpoint == key.key ? known.errors : []
    let shown = rest.rows >= 8 ? min(max(1, failures.count), max(2, rest.rows / 3)) + 1 : 0
    let errors = rest.takeBottom(shown)
    if shown > 0, rest.rows >= 4 { _ = rest.takeBottom(1) }
    drawTable(\.ofEndpoint, fleet.listeners, into: &canvas, rest)
    if shown > 0 { drawFailures(failures, isStale: isStale, into: &canvas, errors.inset(columns: 1)) }
  }

  /// What the endpoint does, in the order of the line; the smaller numbers are the more wanted ones.
  func endpointFigures(_ key: RowKey) -> [(priority: Int, spans: [Span])] {
    guard let row = fleet.endpoints[key] else { return [(0, [Span("no listener is connected for it now", .warn)])] }
    let isStale = fleet.freshness(of: key.server, at: now.steady) != .live
    func figure(_ value: String, _ label: String, _ role: Role) -> [Span] {
      [Span(value, isStale ? .stale : role, isBold: true), Span(" \(label)", .muted)]
    }
    func latency(_ label: String, _ value: Double) -> [Span] {
      let cell = CellText.latency(value)
      return [Span("\(label) ", .muted), Span(cell.text, isStale ? .stale : cell.role, isBold: true)]
    }
    return [
      (0, figure(Quantity.rate(row.requestRate).text, "req/s", .rate)),
      (1, figure(Quantity.rate(row.errorRate).text, "err/s", row.errorRate > 0 ? .error : .muted)),
      (3, figure(Self.grouped(row.listeners), row.listeners == 1 ? "listener" : "listeners", .foreground)),
      (4, figure(Quantity.count(UInt64(max(0, row.inFlight))).text, "in flight", .foreground)), (5, latency("p50", row.latency.p50)),
      (6, latency("p90", row.latency.p90)), (2, latency("p99", row.latency.p99)), (7, latency("max", row.latency.max)),
    ]
  }

  private func drawEndpointGraphs(_ key: RowKey, _ row: EndpointRow?, isStale: Bool, into canvas: inout Canvas, _ area: Area) {
    let points = historyPoints(of: [key.server], endpoint: key.key)
    var rest = area
    let rate = Canvas.GraphLine(
      title: "Requests/s", value: Quantity.rate(row?.requestRate ?? 0).text, note: spanText, points: points.map { $0?.requestRate },
      format: { Quantity.rate($0).text }, role: .rate, keepsPeaks: false)
    let latency = Canvas.GraphLine(
      title: "Latency p99", value: row.map { $0.latency.p99 > 0 ? Quantity.milliseconds($0.latency.p99).text : "-" } ?? "-",
      points: points.map { $0?.p99 }, format: { Quantity.milliseconds($0).text }, role: .graph, keepsPeaks: true)
    guard area.columns >= 60 else { return canvas.graph(latency, in: area, isStale: isStale) }
    let left = rest.takeLeft((area.columns - 3) / 2)
    _ = rest.takeLeft(3)
    if left.rows >= 8 {
      drawGraphs([rate, latency], perLine: 1, isStale: isStale, into: &canvas, left)
    } else {
      canvas.graph(latency, in: left, isStale: isStale)
    }
    drawHeatMap(points, isStale: isStale, into: &canvas, rest)
  }

  private func drawFailures(_ failures: [RecentErrors.Failure], isStale: Bool, into canvas: inout Canvas, _ area: Area) {
    var rest = area
    canvas.heading("Last errors", note: failures.isEmpty ? "" : "\(failures.count)", in: rest.takeTop(1))
    guard rest.rows > 0 else { return }
    if failures.isEmpty {
      canvas.text("none", row: rest.row, column: rest.column, width: rest.columns, style: styles[.muted])
    }
    for (line, failure) in failures.reversed().prefix(rest.rows).enumerated() {
      let spans: [Span] = [
        Span(failure.at.clock + "  ", .muted), Span("\(failure.status)  ", isStale ? .stale : .error, isBold: true),
        Span(DisplayText(failure.code, limit: 26, isASCII: options.isASCII).text.padded(to: 24), isStale ? .stale : .foreground),
        Span(
          "  " + (failure.listener.isEmpty ? "no listener" : DisplayText(failure.listener, limit: 24, isASCII: options.isASCII).text),
          .muted),
        Span("  \(failure.requestID)", .muted),
      ]
      canvas.spans(spans, row: rest.row + line, column: rest.column, width: rest.columns)
    }
  }
}

extension String {
  /// At least so many columns, with blanks at the end.
  func padded(to count: Int) -> String {
    self + String(repeating: " ", count: max(0, count - DisplayWidth.columns(of: self)))
  }
}
