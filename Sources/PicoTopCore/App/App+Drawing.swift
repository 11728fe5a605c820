internal import PicoCore
internal import PicoStatus

/// The frame that every screen has: header, strip, notices, body, footer.
extension App {
  /// The whole screen as it is at that moment. Only what is visible is looked at.
  package mutating func draw(at now: Moment) -> Grid {
    self.now = now
    hits = HitMap()
    var canvas = Canvas(size: size, styles: styles, isASCII: options.isASCII)
    guard size.rows > 0, size.columns > 0 else { return canvas.grid }
    var rest = canvas.area
    let header = rest.takeTop(1)
    drawHeader(into: &canvas, header)
    let footer = rest.takeBottom(rest.rows >= 3 || (rest.rows >= 1 && prompt != nil) ? 1 : 0)
    if rest.rows >= 5, screen != .overview { drawStrip(into: &canvas, rest.takeTop(1)) }
    for notice in notices.prefix(rest.rows >= 6 ? 2 : 0) {
      let line = rest.takeTop(1)
      canvas.text(" " + notice.text, row: line.row, column: 0, width: line.columns, style: styles[notice.role])
    }
    if rest.rows >= 12, screen != .overview { _ = rest.takeTop(1) }
    drawBody(into: &canvas, rest)
    if footer.rows > 0 { drawFooter(into: &canvas, footer) }
    drawPanel(into: &canvas)
    return canvas.grid
  }

  private mutating func drawBody(into canvas: inout Canvas, _ area: Area) {
    switch screen {
    case .overview: drawOverview(into: &canvas, area)
    case .endpoints: drawTable(\.endpoints, fleet.endpoints, into: &canvas, area)
    case .endpoint(let key): drawEndpoint(key, into: &canvas, area)
    case .listeners: drawTable(\.listeners, fleet.listeners, into: &canvas, area)
    case .live: drawTable(\.requests, fleet.requests, into: &canvas, area)
    case .nodes: drawTable(\.nodes, fleet.nodes, into: &canvas, area)
    case .events: drawTable(\.events, fleet.events, into: &canvas, area)
    case .blocks: drawTable(\.blocks, fleet.blocks, into: &canvas, area)
    }
  }

  mutating func drawTable<Row: FilterableRow>(
    _ path: WritableKeyPath<App, TableModel<Row>>, _ table: OrderedTable<Row>, into canvas: inout Canvas, _ area: Area
  ) {
    guard self[keyPath: path].visible(table).count > 0 else { return canvas.emptyState(emptyState, in: area) }
    var model = self[keyPath: path]
    canvas.table(&model, table, in: area, frame: tableFrame, hits: &hits)
    self[keyPath: path] = model
  }

  var tableFrame: TableFrame {
    let id: String
    switch screen {
    case .listeners, .endpoint: id = Subscription.listenersID
    default: id = Subscription.fleetID
    }
    // What happened does not grow old.
    let isPast = screen == .events
    let isLost = screen.isLive && fleet.tail.isLost
    return TableFrame(
      contexts: fleet.servers.indices.map { server in
        let state = fleet.servers[server]
        return RowContext(
          serverName: state.name, clock: state.clock,
          isStale: !isPast && (isLost || fleet.freshness(of: server, id, at: now.steady) != .live),
          isASCII: options.isASCII)
      }, showsServer: showsServer && screen.endpoint == nil)
  }

  // MARK: Header

  private mutating func drawHeader(into canvas: inout Canvas, _ area: Area) {
    canvas.fill(area, style: styles[.title])
    let state = stateSpans(isShort: area.columns < 60)
    let stateWidth = min(area.columns, Canvas.columns(of: state) + 1)
    let tabs = Screen.actions.enumerated().map { ("\($0.offset + 1)", $0.element) }
    let tabsWidth = tabs.reduce(0) { $0 + $1.1.rawValue.count + 4 } + 12
    var column = 1
    if area.columns >= 24 {
      column += canvas.text("pico-top", row: area.row, column: 1, width: area.columns - 1, style: canvas.style(.title, isBold: true)) + 2
    }
    hasTabs = tabsWidth + stateWidth <= area.columns
    if hasTabs {
      for (number, action) in tabs {
        let isHere = action == screen.action
        let start = column
        column += canvas.text(number, row: area.row, column: column, width: 2, style: canvas.style(.key, on: .title)) + 1
        let name = action.rawValue.prefix(1).uppercased() + action.rawValue.dropFirst()
        column += canvas.text(
          name, row: area.row, column: column, width: 12, style: canvas.style(isHere ? .title : .muted, on: .title, isBold: isHere))
        if isHere {
          canvas.restyle(Area(row: area.row, column: start, rows: 1, columns: column - start)) { $0.attributes.insert(.underline) }
        }
        hits.add(Area(row: area.row, column: start, rows: 1, columns: column - start), .action(action))
        column += 2
      }
    } else {
      let room = max(area.columns - column - (area.columns >= 40 ? stateWidth + 1 : 3), 0)
      canvas.text(path, row: area.row, column: column, width: room, style: canvas.style(.title))
    }
    if area.columns >= 40 || column > area.columns {
      canvas.spans(state, row: area.row, column: area.columns - stateWidth, width: stateWidth, on: .title)
    } else if area.columns >= 4, let mark = state.first {
      canvas.spans([mark], row: area.row, column: area.columns - 2, width: 2, on: .title)
    }
  }

  /// From the outermost screen to this one.
  private var path: String {
    let symbols: Symbols = options.isASCII ? .ascii : .unicode
    return screen.path.joined(separator: " \(symbols.crumb) ")
  }

  /// How the connections are: a mark, and always a word beside it.
  private func stateSpans(isShort: Bool) -> [Span] {
    let symbols: Symbols = options.isASCII ? .ascii : .unicode
    var spans: [Span] = []
    let sources = fleet.sources(at: now.steady)
    let states = fleet.servers.indices.map { server in
      // Who stands by needs no rows.
      sources[server] != nil && fleet.servers[server].hello != nil ? .live : fleet.freshness(of: server, at: now.steady)
    }
    let live = states.count { $0 == .live }
    let oldest = states.compactMap { if case .stale(let age) = $0 { age } else { nil } }.max()
    if live == states.count {
      spans.append(Span("\(symbols.live) ", .ok))
    } else if states.contains(.waiting), oldest == nil, !isAnyLost {
      spans.append(Span("\(symbols.waiting) ", .warn))
    } else {
      spans.append(Span("\(symbols.lost) ", .error))
    }
    if fleet.servers.count == 1 {
      let name = DisplayText(fleet.servers[0].name, limit: isShort ? 24 : 40, isASCII: options.isASCII)
      if !isShort { spans.append(Span(String(name.glyphs.map(\.text)) + "  ", .title)) }
      spans.append(stateWord(of: 0))
    } else {
      spans.append(Span(live == states.count ? "\(states.count) servers " : "\(live) of \(states.count) servers ", .title))
      spans.append(Span(liveWord, live == states.count ? .ok : .warn))
      if let oldest { spans.append(Span("  \(Quantity.age(oldest).text) old", .error)) }
    }
    if !isShort {
      if options.isReplay {
        spans.append(Span("  replay \(now.wall.clock)\(replay.isPaused ? " paused" : "") \(Self.speedText(replay.speed))", .warn))
      } else if options.isReadOnly {
        spans.append(Span("  read-only", .muted))
      } else if !isOperatorAnywhere, fleet.servers.contains(where: { $0.hello != nil }) {
        spans.append(Span("  viewer", .muted))
      }
    }
    return spans
  }

  /// What is recorded is never called live.
  private var liveWord: String { options.isReplay ? "recorded" : "live" }

  private static func speedText(_ speed: Double) -> String { speed >= 1 ? "\(Int(speed))x" : "1/\(Int((1 / speed).rounded()))x" }

  private var isAnyLost: Bool {
    fleet.servers.contains { if case .lost = $0.connection { true } else { $0.incompatibility != nil } }
  }

  private func stateWord(of server: Int) -> Span {
    let state = fleet.servers[server]
    switch fleet.freshness(of: server, at: now.steady) {
    case .live: return Span(liveWord, .ok)
    case .stale(let age): return Span("\(Quantity.age(age).text) old", .error)
    case .waiting:
      if state.incompatibility != nil { return Span("incompatible", .error) }
      if case .lost = state.connection { return Span("no connection", .error) }
      guard state.hello != nil, let progress = fleet.progress(of: Subscription.fleetID, server: server) else {
        return Span("connecting", .warn)
      }
      return Span("loading \(Int(progress * 100)) %", .warn)
    }
  }

  // MARK: Notices

  /// What is wrong with the servers, one line each, for as long as it is.
  private var notices: [(text: String, role: Role)] {
    fleet.servers.indices.compactMap { server in
      let state = fleet.servers[server]
      if let text = state.incompatibility { return (text, .error) }
      if case .lost(let reason, let retry) = state.connection {
        let since = max(0, (now.steady - state.changedAt).inSeconds)
        let left = retry.isFinite ? max(0, retry - since) : 0
        let rows: String
        if case .stale(let age) = fleet.freshness(of: server, at: now.steady) {
          rows = "; rows are \(Quantity.age(age).text) old"
        } else {
          rows = ""
        }
        return ("\(state.name): \(reason); next try in \(Quantity.age(.seconds(left.rounded(.up))).text)\(rows)", .error)
      }
      if case .stale(let age) = fleet.freshness(of: server, at: now.steady), state.hello != nil {
        return ("\(state.name): nothing came for \(Quantity.age(age).text); rows are that old", .warn)
      }
      if let at = state.clockWentBackAt, !options.isReplay, now.steady - at < .seconds(30) {
        return ("\(state.name): its clock went back", .warn)
      }
      if let at = state.tooSlowAt, now.steady - at < .seconds(10) { return ("\(state.name): this screen reads too slowly", .warn) }
      return nil
    }
  }

  // MARK: Strip

  /// What the table shows, and what all endpoints do together.
  private mutating func drawStrip(into canvas: inout Canvas, _ area: Area) {
    var left = stripSpans()
    let totals = fleet.totals(at: now.steady)
    let right = totals.live > 0 && screen.endpoint == nil ? totalsSpans(totals.row) : []
    let rightWidth = Canvas.columns(of: right)
    if case .endpoint(let key) = screen {
      let figures = endpointFigures(key)
      var room = area.columns - 2 - Canvas.columns(of: left)
      var taken: Set<Int> = []
      for figure in figures.sorted(by: { $0.priority < $1.priority }) {
        room -= Canvas.columns(of: figure.spans) + 3
        if room < -3 { break }
        taken.insert(figure.priority)
      }
      for figure in figures where taken.contains(figure.priority) { left += (left.isEmpty ? [] : [Span("   ")]) + figure.spans }
    }
    let leftWidth = Canvas.columns(of: left)
    canvas.spans(left, row: area.row, column: 1, width: area.columns - 1)
    if rightWidth > 0, leftWidth + rightWidth + 4 <= area.columns {
      canvas.spans(right, row: area.row, column: area.columns - rightWidth - 1, width: rightWidth)
    }
  }

  private func totalsSpans(_ row: TotalsRow) -> [Span] {
    // Of a node that cannot be reached.
    (row.asOf == nil ? [] : [Span("partly old   ", .warn)]) + [
      Span(Quantity.rate(row.requestRate).text, .rate, isBold: true), Span(" req/s   ", .muted),
      Span(Quantity.rate(row.errorRate).text, row.errorRate > 0 ? .error : .muted, isBold: row.errorRate > 0), Span(" err/s   ", .muted),
      Span(Quantity.count(UInt64(max(0, row.inFlight))).text, .foreground, isBold: true), Span(" in flight   ", .muted),
      Span("p99 ", .muted),
      Span(row.latency.p99 > 0 ? Quantity.milliseconds(row.latency.p99).text : "-", CellText.latency(row.latency.p99).role, isBold: true),
    ]
  }

  private func stripSpans() -> [Span] {
    let facts = facts
    var spans: [Span] = []
    switch screen {
    case .overview: return []
    case .endpoint(let key):
      // The header has the way here where it has no tabs.
      if hasTabs { spans.append(Span(DisplayText(path, limit: 80, isASCII: options.isASCII).text, .title, isBold: true)) }
      if showsServer { spans.append(Span("  on \(fleet.servers[key.server].name)", .muted)) }
    case .live:
      if hasTabs { spans.append(Span(DisplayText(path, limit: 80, isASCII: options.isASCII).text + "  ", .title, isBold: true)) }
      spans += countSpans("requests")
      if fleet.tail.skipped > 0 { spans.append(Span("  \(Self.grouped(fleet.tail.skipped)) not shown", .warn)) }
    default:
      spans += countSpans(screen.action.rawValue)
    }
    if !facts.filter.text.isEmpty {
      let shown = DisplayText(facts.filter.text, limit: 40, isASCII: options.isASCII).text
      spans.append(Span("  /" + shown, facts.filter.error == nil ? .key : .error))
    }
    if facts.tags > 0 { spans.append(Span("  \(facts.tags) tagged", .warn)) }
    if facts.isRanging { spans.append(Span("  range from here: V again", .warn)) }
    if facts.isFrozen { spans.append(Span("  frozen", .warn, isBold: true)) }
    if facts.isFollowing { spans.append(Span("  following", .muted)) }
    return spans
  }

  /// `3 of 12 endpoints`.
  private func countSpans(_ name: String) -> [Span] {
    let facts = facts
    let word = facts.total == 1 ? String(name.dropLast()) : name
    return [
      Span(Self.grouped(facts.count), .foreground, isBold: true),
      Span(facts.count == facts.total ? " \(word)" : " of \(Self.grouped(facts.total)) \(word)", .muted),
    ]
  }

  /// `1,234,567`.
  static func grouped(_ value: Int) -> String {
    var digits = Array(String(value))
    var place = digits.count - 3
    while place > (value < 0 ? 1 : 0) {
      digits.insert(",", at: place)
      place -= 3
    }
    return String(digits)
  }
}

extension DisplayText {
  /// The glyphs as one text.
  var text: String { String(glyphs.map(\.text)) }
}
