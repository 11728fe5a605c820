internal import PicoStatus

/// The question before an operator's action, and its answer.
extension App {
  /// A line of the dialog. Where there is no room those of the highest number go first.
  private struct Line {
    enum Kind {
      case text([Span])
      case choices(label: String, [(control: ActionDialog.Control, text: String, isChosen: Bool)], focus: ActionDialog.Focus, note: Span?)
      case typing(String)
      case buttons
    }

    var kind: Kind
    var priority: Int
  }

  mutating func drawDialog(_ dialog: ActionDialog, into canvas: inout Canvas) {
    var lines =
      switch dialog.phase {
      case .gathering: gatheringLines(dialog)
      case .asking: questionLines(dialog)
      case .waiting, .finished: answerLines(dialog)
      }
    let width = min(max(28, size.columns - 8), 66)
    let room = max(1, size.rows - (size.rows >= 9 && size.columns >= 30 ? 2 : 1))
    while lines.count > room, let last = lines.indices.max(by: { lines[$0].priority <= lines[$1].priority }) { lines.remove(at: last) }
    let area = drawBox(title(of: dialog), rows: lines.count, columns: width, isDanger: dialog.kind != .unblock, into: &canvas)
    for (offset, line) in lines.enumerated() where offset < area.rows {
      let row = Area(row: area.row + offset, column: area.column, rows: 1, columns: area.columns)
      switch line.kind {
      case .text(let spans): canvas.spans(spans, row: row.row, column: row.column, width: row.columns, on: .dialog)
      case .choices(let label, let choices, let focus, let note): draw(label, choices, dialog.focus == focus, note, into: &canvas, row)
      case .typing(let required): drawTyping(required, dialog, into: &canvas, row)
      case .buttons: drawButtons(dialog, into: &canvas, row)
      }
    }
  }

  /// Names before values stand in a column where there is room.
  private var labelWidth: Int { size.columns < 36 ? 1 : 16 }

  private func title(of dialog: ActionDialog) -> String {
    switch dialog.kind {
    case .disconnect where dialog.targets.isEmpty: "Disconnect listeners"
    case .disconnect: dialog.targets.count == 1 ? "Disconnect a listener" : "Disconnect \(dialog.targets.count) listeners"
    case .drainNode: "Drain a node"
    case .unblock: "Lift a block"
    }
  }

  private func gatheringLines(_ dialog: ActionDialog) -> [Line] {
    let what = dialog.isOffline ? Span("the server is not connected now", .error) : Span("looking for the listeners", .warn)
    return [
      Line(kind: .text([what]), priority: 1), Line(kind: .text([]), priority: 5),
      Line(kind: .text([Span("Esc closes", .muted)]), priority: 0),
    ]
  }

  // MARK: Question

  private func questionLines(_ dialog: ActionDialog) -> [Line] {
    var lines: [Line] = []
    func field(_ name: String, _ value: String, _ role: Role = .dialog, priority: Int) {
      lines.append(Line(kind: .text([Span(name.padded(to: labelWidth - 1) + " ", .muted), Span(value, role)]), priority: priority))
    }
    func blank(_ priority: Int) { lines.append(Line(kind: .text([]), priority: priority)) }
    let servers = Set(dialog.targets.map(\.server)).sorted().compactMap {
      fleet.servers.indices.contains($0) ? fleet.servers[$0].name : nil
    }
    field("server", servers.joined(separator: ", "), priority: 8)
    if dialog.kind == .disconnect {
      disconnectFields(dialog, field)
    } else {
      for (name, value) in dialog.details { field(name, value, priority: name == "node" || name == "block" ? 2 : 7) }
    }
    if dialog.kind == .disconnect {
      blank(22)
      lines.append(
        Line(
          kind: .choices(
            label: "how",
            [(.mode(.drain), "drain", dialog.mode == .drain), (.mode(.now), "now", dialog.mode == .now)], focus: .mode,
            note: Span(dialog.mode == .drain ? "requests in flight finish" : "requests in flight are cut", .muted)), priority: 5))
      lines.append(
        Line(
          kind: .choices(
            label: "block",
            ActionDialog.BlockDuration.allCases.map { (.block($0), $0.label, dialog.block == $0) }, focus: .block, note: nil), priority: 4))
      lines.append(Line(kind: .text([Span("".padded(to: labelWidth)), blockNote(dialog)]), priority: 6))
    } else if dialog.kind == .unblock {
      lines.append(Line(kind: .text([Span("who was kept away may register again at once", .muted)]), priority: 9))
    }
    blank(21)
    if dialog.isOffline {
      lines.append(Line(kind: .text([Span("the server is not connected now", .error)]), priority: 1))
    } else if let required = dialog.required {
      lines.append(Line(kind: .typing(required), priority: 1))
    }
    blank(20)
    lines.append(Line(kind: .buttons, priority: 0))
    return lines
  }

  private func disconnectFields(_ dialog: ActionDialog, _ field: (String, String, Role, Int) -> Void) {
    let targets = dialog.targets
    let endpoints = Set(targets.map(\.endpoint)).sorted()
    field("endpoint", endpoints.count > 3 ? "\(endpoints.count) endpoints" : endpoints.joined(separator: ", "), .dialog, 2)
    if let only = targets.first, targets.count == 1 {
      field("listener", only.id + (only.isGone ? "  is gone" : ""), only.isGone ? .error : .dialog, 3)
      field("agent", (only.agent ?? "-") + (only.identity.map { "  as \($0)" } ?? ""), .dialog, 10)
      field("remote address", only.remoteAddress, .dialog, 11)
    } else {
      let names = targets.prefix(3).map(\.id).joined(separator: ", ")
      field("listeners", names + (targets.count > 3 ? " and \(targets.count - 3) more" : ""), .dialog, 3)
      field("agents", "\(Set(targets.map { $0.identity ?? $0.agent ?? $0.remoteAddress }).count)", .dialog, 10)
    }
    field("in flight", "\(targets.reduce(0) { $0 &+ $1.inFlight })", .dialog, 9)
    let left = dialog.left
    let end =
      endpoints.count == 1
      ? "the endpoint goes away" : dialog.emptied == 1 ? "an endpoint goes away" : "\(dialog.emptied) endpoints go away"
    field("listeners left", left.map { $0 == 0 ? "none: \(end)" : "\($0)" } ?? "not known", left ?? 0 > 0 ? .dialog : .error, 4)
  }

  private func blockNote(_ dialog: ActionDialog) -> Span {
    guard dialog.block != .none else { return Span("comes back at once", .warn) }
    switch dialog.count {
    case .waiting: return Span("counting what it matches", .muted)
    case .unknown(let why): return Span("how many it matches is not known: \(why)", .warn)
    case .counted(let matched, _):
      let others = matched - dialog.targets.count
      let text = matched == 1 ? "matches 1 listener" : "matches \(Self.grouped(matched)) listeners"
      return Span(text + (others > 0 ? ", also \(Self.grouped(others)) not chosen: they end too" : ""), others > 0 ? .error : .muted)
    }
  }

  // MARK: Parts

  private mutating func draw(
    _ label: String, _ choices: [(control: ActionDialog.Control, text: String, isChosen: Bool)], _ hasFocus: Bool, _ note: Span?,
    into canvas: inout Canvas, _ area: Area
  ) {
    var column = area.column
    column += canvas.text(
      label.padded(to: labelWidth - 1) + " ", row: area.row, column: column, width: area.columns, style: canvas.style(.muted, on: .dialog))
    for choice in choices {
      // What is chosen is told by its brackets, not by colour alone.
      let text = choice.isChosen ? "[\(choice.text)]" : " \(choice.text) "
      let style =
        choice.isChosen && hasFocus
        ? styles[.selectedRow] : canvas.style(choice.isChosen ? .key : .dialog, on: .dialog, isBold: choice.isChosen)
      if choice.isChosen, hasFocus { canvas.place(cursor: Grid.Position(row: area.row, column: column)) }
      let used = canvas.text(text, row: area.row, column: column, width: max(0, area.endColumn - column), style: style)
      if let index = ActionDialog.controls.firstIndex(of: choice.control) {
        hits.add(Area(row: area.row, column: column, rows: 1, columns: used), .control(index))
      }
      column += used + 1
    }
    if let note, area.endColumn - column > 10 {
      canvas.spans([Span("  "), note], row: area.row, column: column, width: area.endColumn - column, on: .dialog)
    }
  }

  private mutating func drawTyping(_ required: String, _ dialog: ActionDialog, into canvas: inout Canvas, _ area: Area) {
    let label = [Span("type ", .muted), Span(required, .error, isBold: true), Span(" to confirm: ", .muted)]
    let used = canvas.spans(label, row: area.row, column: area.column, width: max(0, area.columns - 4), on: .dialog)
    let start = area.column + used
    var shown = DisplayText(dialog.typed.text, limit: 4096, isASCII: options.isASCII)
    shown.keep(lastColumns: max(0, area.endColumn - start - 1))
    var style = canvas.style(dialog.typed.text == required ? .ok : .dialog, on: .dialog)
    style.attributes.insert(.underline)
    canvas.fill(Area(row: area.row, column: start, rows: 1, columns: area.endColumn - start), style: style)
    canvas.text(shown.text, row: area.row, column: start, width: area.endColumn - start, style: style)
    if dialog.focus == .typing {
      canvas.place(cursor: Grid.Position(row: area.row, column: min(area.endColumn - 1, start + shown.columns)))
    }
    if let index = ActionDialog.controls.firstIndex(of: .typing) { hits.add(area, .control(index)) }
  }

  private mutating func drawButtons(_ dialog: ActionDialog, into canvas: inout Canvas, _ area: Area) {
    let word =
      switch dialog.kind {
      case .disconnect: "Disconnect"
      case .drainNode: "Drain"
      case .unblock: "Lift"
      }
    let isNarrow = area.columns < 32
    let name = (isNarrow ? "OK" : word) + (dialog.required == nil ? " y" : "")
    let buttons: [(text: String, control: ActionDialog.Control, focus: ActionDialog.Focus, role: Role)] = [
      ("Cancel", .cancel, .cancel, .dialog), (name, .confirm, .confirm, dialog.isConfirmable ? .danger : .muted),
    ]
    var column = max(area.column, area.endColumn - buttons.reduce(0) { $0 + $1.text.count + (isNarrow ? 2 : 4) } - 2)
    for button in buttons {
      let hasFocus = dialog.focus == button.focus
      // Where the keys go is told by brackets, as what is chosen above.
      let padded = isNarrow ? button.text : " \(button.text) "
      let text = hasFocus ? "[\(padded)]" : " \(padded) "
      let style = hasFocus ? canvas.style(.selectedRow, isBold: true) : canvas.style(button.role, on: .dialog)
      if hasFocus { canvas.place(cursor: Grid.Position(row: area.row, column: column)) }
      let used = canvas.text(text, row: area.row, column: column, width: max(0, area.endColumn - column), style: style)
      if let index = ActionDialog.controls.firstIndex(of: button.control) {
        hits.add(Area(row: area.row, column: column, rows: 1, columns: used), .control(index))
      }
      column += used + 2
    }
  }

  // MARK: Answer

  private func answerLines(_ dialog: ActionDialog) -> [Line] {
    var lines = dialog.results.map { result in
      Line(
        kind: .text([Span(result.isDone ? "ok   " : "not  ", result.isDone ? .ok : .error, isBold: true), Span(result.line, .dialog)]),
        priority: 2)
    }
    if lines.count > 12 {
      let rest = lines.count - 11
      lines = Array(lines.prefix(11)) + [Line(kind: .text([Span("and \(rest) more, see screen 7", .muted)]), priority: 1)]
    }
    if case .waiting = dialog.phase { lines.append(Line(kind: .text([Span("waiting for the server", .warn)]), priority: 1)) }
    lines.append(Line(kind: .text([]), priority: 5))
    let close = dialog.phase == .finished ? "any key closes; kept in screen 7" : "Esc closes; the answer goes to screen 7"
    lines.append(Line(kind: .text([Span(close, .muted)]), priority: 0))
    return lines
  }
}
