internal import PicoCore
internal import PicoStatus

/// Screen 1: everything at once.
extension App {
  mutating func drawOverview(into canvas: inout Canvas, _ area: Area) {
    let totals = fleet.totals(at: now.steady)
    guard fleet.servers.contains(where: { $0.totals != nil }) else { return canvas.emptyState(emptyState, in: area) }
    let isStale = totals.live == 0 || totals.row.asOf != nil
    var rest = area.inset(columns: area.columns > 30 ? 1 : 0)
    if rest.rows > 8 { _ = rest.takeTop(1) }
    if rest.rows > 18 { _ = rest.takeBottom(1) }
    drawTiles(totals.row, isStale: isStale, into: &canvas, &rest)
    guard rest.rows >= 2 else { return }
    let busiest = fleet.busiest(limit: Subscription.busiestLimit)
    var tableRows = rest.rows >= 12 && !busiest.isEmpty ? min(busiest.count + 1, max(4, rest.rows / 3)) : 0
    if rest.rows >= 30 { tableRows = min(busiest.count + 1, 13) }
    let table = rest.takeBottom(tableRows)
    if tableRows > 0 { _ = rest.takeBottom(1) }
    drawMix(isStale: isStale, into: &canvas, rest.takeBottom(rest.rows >= 5 ? 1 : 0))
    if rest.rows >= 8 { _ = rest.takeBottom(1) }
    drawGraphs(overviewGraphs(totals.row), perLine: rest.columns >= 60 ? 2 : 1, isStale: isStale, into: &canvas, rest)
    if tableRows > 0 { drawBusiest(busiest, into: &canvas, table) }
  }

  private func drawTiles(_ row: TotalsRow, isStale: Bool, into canvas: inout Canvas, _ rest: inout Area) {
    let share = row.requestRate > 0 ? " " + Quantity.share(min(1, row.errorRate / row.requestRate)).text : ""
    func latency(_ title: String, _ value: Double) -> (String, String, Role, Int) {
      let cell = CellText.latency(value)
      return (title, cell.text, cell.role, 6)
    }
    let tiles: [(title: String, value: String, role: Role, width: Int)] = [
      ("REQUESTS/S", Quantity.rate(row.requestRate).text, .rate, 10),
      ("ERRORS/S", Quantity.rate(row.errorRate).text + share, row.errorRate > 0 ? .error : .muted, 10),
      ("IN FLIGHT", Quantity.count(UInt64(max(0, row.inFlight))).text, .foreground, 9), latency("P50", row.latency.p50),
      latency("P90", row.latency.p90), latency("P99", row.latency.p99), ("ENDPOINTS", Self.grouped(row.endpoints), .foreground, 9),
      ("LISTENERS", Self.grouped(row.listeners), .foreground, 9), ("NODES", Self.grouped(fleet.nodes.totalCount), .foreground, 5),
      ("IN/S", Quantity.bytes(row.bytesInRate).text, .foreground, 5), ("OUT/S", Quantity.bytes(row.bytesOutRate).text, .foreground, 5),
    ]
    var rows: [[(title: String, value: String, role: Role)]] = [[]]
    var used = 0
    for tile in tiles {
      let width = max(tile.title.count, tile.width) + 2
      if used > 0, used + width > rest.columns + 2 {
        rows.append([])
        used = 0
      }
      rows[rows.count - 1].append((tile.title.padded(to: width), tile.value, tile.role))
      used += width
    }
    let isTall = rest.rows >= 6
    let lines = isTall ? (rest.rows >= 27 ? 2 : 1) : max(1, min(rows.count, rest.rows - 1))
    // A line that has room to spare opens up.
    let spare = rows.count == 1 ? min(4, (rest.columns - used) / max(1, tiles.count)) : 0
    for row in rows.prefix(lines) {
      let titles = isTall ? rest.takeTop(1) : nil
      let values = rest.takeTop(1)
      guard values.rows > 0 else { return }
      var column = values.column
      for tile in row {
        let width = tile.title.count
        let role = isStale ? Role.stale : tile.role
        if let titles {
          canvas.text(tile.title, row: titles.row, column: column, width: min(width, values.endColumn - column), style: styles[.muted])
          canvas.text(
            tile.value, row: values.row, column: column, width: min(width - 1, values.endColumn - column),
            style: canvas.style(role, isBold: true))
        } else {
          canvas.spans(
            [Span(tile.title, .muted), Span(tile.value, role, isBold: true)], row: values.row, column: column,
            width: row.count == 1 ? values.columns : width)
        }
        column += width + spare
      }
      if isTall, rest.rows > 8 { _ = rest.takeTop(1) }
    }
  }

  /// The share of each class of answers in the last 10 s, in figures and as a bar.
  private func drawMix(isStale: Bool, into canvas: inout Canvas, _ area: Area) {
    guard !area.isEmpty else { return }
    let mixes = fleet.servers.map(\.statusMix)
    func sum(_ path: KeyPath<StatusClasses, UInt64>) -> Double { mixes.reduce(0) { $0 + Double($1[keyPath: path]) } }
    let classes: [(name: String, count: Double, role: Role)] = [
      ("2xx", sum(\.successful), .ok), ("3xx", sum(\.redirection), .muted), ("4xx", sum(\.clientError), .warn),
      ("5xx", sum(\.serverError), .error), ("1xx", sum(\.informational), .muted),
    ].filter { $0.0 != "1xx" || $0.1 > 0 }
    let total = classes.reduce(0) { $0 + $1.count }
    var spans = [Span("Status  ", .title)]
    for entry in classes {
      let share = total > 0 ? Quantity.share(entry.count / total).text : "-"
      spans += [Span("\(entry.name) ", .muted), Span(share + "  ", isStale ? .stale : entry.count > 0 ? entry.role : .muted, isBold: true)]
    }
    var column = area.column + canvas.spans(spans, row: area.row, column: area.column, width: area.columns)
    let room = area.endColumn - column
    guard room >= 8, total > 0 else { return }
    for entry in classes where entry.count > 0 {
      let width = min(area.endColumn - column, max(1, Int((min(1, entry.count / total) * Double(room)).rounded())))
      let mark: Character = canvas.isASCII ? entry.name.first ?? "#" : "━"
      for _ in 0..<max(0, width) {
        canvas.set(mark, row: area.row, column: column, style: styles[isStale ? .stale : entry.role])
        column += 1
      }
    }
  }

  /// Of which stretch of time the graphs are.
  var spanText: String { showsHour ? "last hour" : "last 5 min" }

  /// The points of that stretch, merged over the servers that show it.
  func historyPoints(of servers: some Sequence<Int>, endpoint: String?) -> [HistorySeries.Point?] {
    let step = showsHour ? 10_000 : 1000
    let tracks = servers.compactMap { server -> HistoryTrack? in
      let history = fleet.servers[server].history
      guard history.endpoint == endpoint else { return nil }
      return history.tracks.first { $0.stepMilliseconds == step }
    }
    let points = HistoryTrack.merged(tracks)?.points ?? []
    let wanted = showsHour ? 360 : 300
    // A short history stands at the right.
    return Array(repeating: nil, count: max(0, wanted - points.count)) + points.suffix(wanted)
  }

  private func overviewGraphs(_ row: TotalsRow) -> [Canvas.GraphLine] {
    let points = historyPoints(of: fleet.servers.indices, endpoint: nil)
    let flights = Array(repeating: nil, count: max(0, 300 - inFlight.count)) + inFlight
    return [
      Canvas.GraphLine(
        title: "Requests/s", value: Quantity.rate(row.requestRate).text, note: spanText, points: points.map { $0?.requestRate },
        format: { Quantity.rate($0).text }, role: .rate, keepsPeaks: false),
      Canvas.GraphLine(
        title: "Latency p99", value: row.latency.p99 > 0 ? Quantity.milliseconds(row.latency.p99).text : "-",
        points: points.map { $0?.p99 },
        format: { Quantity.milliseconds($0).text }, role: .graph, keepsPeaks: true),
      Canvas.GraphLine(
        title: "Errors/s", value: Quantity.rate(row.errorRate).text, isQuiet: row.errorRate == 0, points: points.map { $0?.errorRate },
        format: { Quantity.rate($0).text },
        role: .error, keepsPeaks: true),
      Canvas.GraphLine(
        title: "In flight", value: Quantity.count(UInt64(max(0, row.inFlight))).text, points: flights,
        format: { Quantity.count(UInt64(max(0, Int(min($0, 1e15))))).text },
        role: .graph, keepsPeaks: true),
    ]
  }

  /// Two beside each other where there is room.
  func drawGraphs(_ graphs: [Canvas.GraphLine], perLine: Int, isStale: Bool, into canvas: inout Canvas, _ area: Area) {
    guard !area.isEmpty else { return }
    var rest = area
    let lines = min((graphs.count + perLine - 1) / perLine, max(1, area.rows / 4))
    let gap = 3
    let width = (area.columns - gap * (perLine - 1)) / perLine
    for line in 0..<lines {
      let height = rest.rows / (lines - line)
      var band = rest.takeTop(height)
      if line < lines - 1, height >= 5 { band.rows -= 1 }
      for (index, graph) in graphs.dropFirst(line * perLine).prefix(perLine).enumerated() {
        let start = band.column + index * (width + gap)
        // The last takes what does not divide.
        let columns = index == perLine - 1 ? band.endColumn - start : width
        let place = Area(row: band.row, column: start, rows: band.rows, columns: columns)
        canvas.graph(graph, in: place, isStale: isStale)
      }
    }
  }

  private mutating func drawBusiest(_ rows: [(key: RowKey, row: EndpointRow)], into canvas: inout Canvas, _ area: Area) {
    var rest = area
    let header = rest.takeTop(1)
    canvas.fill(header, style: styles[.header])
    let hasErrors = area.columns >= 36
    let figures = hasErrors ? 27 : 9
    let nameWidth = max(4, min(48, area.columns - figures))
    canvas.text("BUSIEST ENDPOINTS", row: header.row, column: header.column, width: nameWidth, style: styles[.header])
    let titles = hasErrors ? ["REQ/S", "ERR/S", "P99"] : ["REQ/S"]
    for (index, title) in titles.enumerated() {
      canvas.text(title, row: header.row, column: header.column + nameWidth + index * 9, width: 9, style: styles[.header], align: .right)
    }
    let barStart = header.column + nameWidth + titles.count * 9 + 3
    let barRoom = min(60, area.endColumn - barStart)
    let most = rows.first?.row.requestRate ?? 0
    for (line, entry) in rows.prefix(rest.rows).enumerated() {
      let isStale = tableFrame.context(entry.key.server).isStale
      let row = rest.row + line
      canvas.text(entry.row.id, row: row, column: rest.column, width: nameWidth, style: styles[isStale ? .stale : .foreground])
      let cells: [CellText] = [.rate(entry.row.requestRate), .rate(entry.row.errorRate, .error), .latency(entry.row.latency.p99)]
      for (index, cell) in cells.prefix(titles.count).enumerated() {
        canvas.text(
          cell.text, row: row, column: rest.column + nameWidth + index * 9, width: 9, style: styles[isStale ? .stale : cell.role],
          align: .right)
      }
      if barRoom >= 10, most > 0 {
        let width = Int((min(1, max(0, entry.row.requestRate / most)) * Double(barRoom)).rounded())
        let mark: Character = canvas.isASCII ? "=" : "━"
        canvas.text(
          String(repeating: mark, count: width), row: row, column: barStart, width: barRoom, style: styles[isStale ? .stale : .graph])
      }
    }
  }
}
