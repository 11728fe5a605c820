internal import PicoCore
internal import PicoStatus

/// Screens 5 and 7: what comes line by line, the newest at the bottom.
extension App {
  mutating func drawLive(_ key: RowKey, into canvas: inout Canvas, _ area: Area) {
    let all = fleet.tail.lines
    guard !liveView.visible(all).isEmpty else { return canvas.emptyState(emptyState, in: area) }
    var rest = area
    let header = rest.takeTop(area.rows > 2 ? 1 : 0)
    let columns = area.columns
    let showsBytes = columns >= 110
    let showsListener = columns >= 76
    let showsID = columns >= 140
    let showsTime = columns >= 60
    if header.rows > 0 {
      canvas.fill(header, style: styles[.header])
      var titles = (showsTime ? "TIME      " : "") + "STATUS  LATENCY  METHOD   "
      if showsListener { titles += "LISTENER".padded(to: 16) }
      if showsBytes { titles += "     IN     OUT  " }
      if showsID { titles += "REQUEST ID".padded(to: 28) }
      canvas.text(titles + "PATH", row: header.row, column: 1, width: columns - 1, style: styles[.header])
    }
    let (range, selected) = liveView.settle(all, rows: rest.rows)
    let lines = liveView.visible(all)
    let isStale = fleet.freshness(of: key.server, at: now.steady) != .live || fleet.tailIsLost
    for (offset, index) in range.enumerated() {
      let request = lines[index].request
      let row = rest.row + offset
      let ground: Role? = index == selected ? .selectedRow : nil
      let rowArea = Area(row: row, column: area.column, rows: 1, columns: columns)
      hits.add(rowArea, .row(index))
      if ground != nil {
        canvas.fill(rowArea, style: styles[.selectedRow])
        canvas.place(cursor: Grid.Position(row: row, column: area.column))
      }
      let latency = CellText.latency(request.latency)
      var spans = showsTime ? [Span(Self.clock(request.at) + "  ", .muted)] : []
      spans += [
        Span("\(request.status)".padded(to: 8), Self.role(status: request.status), isBold: true),
        Span(latency.text.padded(to: 9), latency.role), Span(short(request.method, 8).padded(to: 9)),
      ]
      if showsListener { spans.append(Span(short(request.listener.isEmpty ? "-" : request.listener, 14).padded(to: 16), .muted)) }
      if showsBytes {
        spans.append(Span(Quantity.bytes(Double(request.bytesIn)).text.leftPadded(to: 7), .muted))
        spans.append(Span(Quantity.bytes(Double(request.bytesOut)).text.leftPadded(to: 8) + "  ", .muted))
      }
      if showsID { spans.append(Span(short(request.requestID, 26).padded(to: 28), .muted)) }
      spans.append(Span(request.path))
      if let ground {
        spans = spans.map { Span($0.text, ground, isBold: $0.isBold) }
      } else if isStale {
        spans = spans.map { Span($0.text, .stale) }
      }
      canvas.spans(spans, row: row, column: 1, width: columns - 1)
    }
  }

  private func short(_ text: String, _ columns: Int) -> String {
    var shown = DisplayText(text, limit: columns, isASCII: options.isASCII)
    guard shown.isCut else { return shown.text }
    shown.cut(toColumns: columns - 1)
    return shown.text + (options.isASCII ? "~" : "…")
  }

  private static func role(status: Int) -> Role {
    switch status {
    case 500...: .error
    case 400...: .warn
    case 300...: .muted
    default: .ok
    }
  }

  // MARK: Events

  mutating func drawEvents(into canvas: inout Canvas, _ area: Area) {
    var rest = area
    if !log.entries.isEmpty, rest.rows >= 3 { drawLog(into: &canvas, &rest) }
    let all = fleet.events.lines
    guard !eventsView.visible(all).isEmpty else { return canvas.emptyState(emptyState, in: rest) }
    if area.rows >= 6 {
      let header = rest.takeTop(1)
      canvas.fill(header, style: styles[.header])
      canvas.text(
        "TIME      " + (showsServer ? "SERVER          " : "") + "EVENT                  WHAT", row: header.row, column: 1,
        width: header.columns - 1, style: styles[.header])
    }
    let (range, selected) = eventsView.settle(all, rows: rest.rows)
    let lines = eventsView.visible(all)
    for (offset, index) in range.enumerated() {
      let line = lines[index]
      let row = rest.row + offset
      let ground: Role? = index == selected ? .selectedRow : nil
      let rowArea = Area(row: row, column: area.column, rows: 1, columns: area.columns)
      hits.add(rowArea, .row(index))
      if ground != nil {
        canvas.fill(rowArea, style: styles[.selectedRow])
        canvas.place(cursor: Grid.Position(row: row, column: area.column))
      }
      var spans = [Span(Self.clock(line.event.at) + "  ", .muted)]
      if showsServer { spans.append(Span(short(fleet.servers[line.server].name, 14).padded(to: 16), .muted)) }
      spans.append(Span(short(line.event.kind.rawValue, 21).padded(to: 23), line.event.kind.role))
      spans.append(Span(line.text))
      if let ground { spans = spans.map { Span($0.text, ground) } }
      canvas.spans(spans, row: row, column: 1, width: area.columns - 1)
    }
  }

  /// What was done from here, the newest at the bottom, each with what came of it.
  private func drawLog(into canvas: inout Canvas, _ rest: inout Area) {
    var lines: [[Span]] = []
    for entry in log.entries.suffix(20) {
      let (word, role): (String, Role) =
        switch entry.state {
        case .asked: ("asked", .warn)
        case .done: ("done", .ok)
        case .failed: ("not done", .error)
        }
      lines.append([Span(Self.clock(entry.at) + "  ", .muted), Span(word.padded(to: 10), role), Span(entry.what)])
      lines += entry.results.map { [Span("                      " + $0, entry.state == .failed ? .error : .muted)] }
    }
    let height = min(lines.count, max(1, rest.rows / 3))
    let area = rest.takeBottom(height + 1)
    canvas.heading("Done from here", in: Area(row: area.row, column: 1, rows: 1, columns: area.columns - 2))
    for (offset, spans) in lines.suffix(height).enumerated() {
      canvas.spans(spans, row: area.row + 1 + offset, column: 1, width: area.columns - 1)
    }
  }

  // MARK: Nothing to show

  /// What there is when there are no rows, and what to do about it.
  var emptyState: [String] {
    let servers = fleet.servers
    if servers.allSatisfy({ $0.hello == nil && $0.heardAt.isEmpty }) {
      return ["no connection yet", servers.map(\.name).joined(separator: ", "), "it is tried again and again; q quits"]
    }
    if hasTable, !filterText.isEmpty, facts.total > 0 { return ["no row matches /\(filterText)", "Esc clears the filter"] }
    switch screen {
    case .overview: return ["no figures yet"]
    case .endpoints: return isLoading ? ["loading"] : ["no endpoint yet", "pico agent NAME PORT"]
    case .endpoint(let key):
      if isLoading { return ["loading"] }
      return ["no listener for \(key.key)", "pico agent \(key.key) PORT"]
    case .listeners: return isLoading ? ["loading"] : ["no listener yet", "pico agent NAME PORT"]
    case .live(let key):
      guard isOperator(of: key.server) else {
        return options.isReadOnly || options.isReplay
          ? ["no live requests here", "they need an operator's connection"]
          : ["the role viewer may not see requests", "a token with the role operator may"]
      }
      return ["no request yet", "each is shown when it ends"]
    case .nodes: return ["no node yet"]
    case .events: return ["no event yet", "listeners and nodes that come and go are told here"]
    case .blocks: return ["nobody is kept away", "x on a listener can block its agent for a while"]
    }
  }

  private var isLoading: Bool {
    let id: String
    switch screen {
    case .listeners, .endpoint: id = Subscription.listenersID
    default: id = Subscription.fleetID
    }
    let servers = screen.endpoint.map { [$0.server] } ?? Array(fleet.servers.indices)
    return servers.contains { fleet.servers[$0].hello != nil && fleet.freshness(of: $0, id, at: now.steady) == .waiting }
  }
}

extension String {
  func leftPadded(to count: Int) -> String {
    String(repeating: " ", count: max(0, count - DisplayWidth.columns(of: self))) + self
  }
}

extension StatusEvent.Kind {
  fileprivate var role: Role {
    switch self {
    case .listenerConnected, .nodeJoined: .ok
    case .listenerDisconnected, .nodeLeft: .warn
    case .operatorAction: .key
    default: .foreground
    }
  }
}
