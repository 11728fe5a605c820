internal import PicoStatus

/// The last line: what is typed, what there is to say, or the keys that work here.
extension App {
  mutating func drawFooter(into canvas: inout Canvas, _ area: Area) {
    if let prompt { return drawPrompt(prompt, into: &canvas, area) }
    if let message {
      canvas.text(" " + message.text, row: area.row, column: 0, width: area.columns, style: styles[message.role])
      return
    }
    let general = [Action.help, .quit].compactMap { footerItem([$0]) }
    let generalWidth = general.reduce(0) { $0 + $1.width + 2 }
    let hasGeneral = area.columns >= 30 && generalWidth < area.columns
    let end = area.endColumn - (hasGeneral ? generalWidth : 0)
    var column = area.column + 1
    for actions in footerActions + (hasGeneral ? [] : [[.help], [.quit]]) {
      guard let item = footerItem(actions.filter(isAvailable)), column + item.width + 2 <= end else { continue }
      draw(item, into: &canvas, row: area.row, column: column)
      column += item.width + 2
    }
    column = end
    for item in hasGeneral ? general : [] {
      draw(item, into: &canvas, row: area.row, column: column)
      column += item.width + 2
    }
  }

  private struct FooterItem {
    var action: Action
    var mark: String
    var label: String

    var width: Int { DisplayWidth.columns(of: mark) + 1 + label.count }
  }

  /// Actions that share one label; nil when none has a key.
  private func footerItem(_ actions: [Action]) -> FooterItem? {
    guard let first = actions.first, let entry = KeyEntry.all.first(where: { $0.action == first }) else { return nil }
    let marks = actions.compactMap { keys.mark($0, isASCII: options.isASCII) }
    guard !marks.isEmpty else { return nil }
    return FooterItem(action: first, mark: marks.joined(separator: marks.count > 1 ? " " : ""), label: entry.label)
  }

  private mutating func draw(_ item: FooterItem, into canvas: inout Canvas, row: Int, column: Int) {
    canvas.text(item.mark, row: row, column: column, width: item.width, style: styles[.key])
    let mark = DisplayWidth.columns(of: item.mark)
    canvas.text(item.label, row: row, column: column + mark + 1, width: item.width, style: styles[.muted])
    hits.add(Area(row: row, column: column, rows: 1, columns: item.width), .action(item.action))
  }

  /// The most wanted first.
  private var footerActions: [[Action]] {
    let replay: [[Action]] = [[.pause], [.seekBack], [.seekForward], [.slower, .faster]]
    let table: [[Action]] = [[.filter], [.sortLeft, .sortRight], [.reverse], [.tag], [.columns], [.freeze], [.copy], [.follow]]
    let untagged = table.filter { $0 != [.tag] }
    let screen: [[Action]] =
      switch self.screen {
      case .overview: [[.endpoints], [.span], [.nodes], [.events], [.theme], [.command]]
      case .endpoints: [[.open], [.filter], [.disconnect]] + table.dropFirst() + [[.live], [.theme], [.command]]
      case .endpoint: [[.back], [.disconnect], [.tag], [.live], [.span]] + untagged
      case .listeners: [[.open], [.disconnect], [.tag]] + untagged
      case .live, .events: [[.back], [.open]] + untagged + [[.bottom]]
      case .nodes: [[.open], [.drain]] + untagged
      case .blocks: [[.unblock]] + untagged
      }
    return (options.isReplay ? replay : []) + screen
  }

  // MARK: Prompt

  private mutating func drawPrompt(_ prompt: Prompt, into canvas: inout Canvas, _ area: Area) {
    let style = styles[.foreground]
    canvas.text(prompt.sign, row: area.row, column: 0, width: area.columns, style: canvas.style(.key, isBold: true))
    let error = prompt.kind == .command ? nil : facts.filter.error
    let room = max(1, area.columns - 2)
    // What is before the cursor has to be seen.
    var before = DisplayText(String(prompt.line.characters[..<prompt.line.cursor]), limit: 4096, isASCII: options.isASCII)
    before.keep(lastColumns: room - 1)
    canvas.text(before.text, row: area.row, column: 1, width: room, style: style)
    let after = String(prompt.line.characters[prompt.line.cursor...])
    canvas.text(after, row: area.row, column: 1 + before.columns, width: room - before.columns, style: style)
    canvas.place(cursor: Grid.Position(row: area.row, column: min(area.columns - 1, 1 + before.columns)))
    let used = 1 + before.columns + DisplayText(after, limit: room, isASCII: options.isASCII).columns
    let left = area.columns - used - 3
    if let error, left > 8 {
      canvas.text(error.message, row: area.row, column: used + 2, width: left, style: styles[.error])
    } else if prompt.kind == .command, left > 8 {
      let typed = prompt.line.text.lowercased()
      let names = TypedCommand.names.filter { $0.hasPrefix(typed) }.joined(separator: " ")
      canvas.text(names, row: area.row, column: used + 2, width: left, style: styles[.muted])
    } else if prompt.line.characters.isEmpty, left > 8 {
      canvas.text("rate>10 and p99>200ms or name~^api", row: area.row, column: used + 2, width: left, style: styles[.muted])
    }
  }
}

extension DisplayText {
  /// Takes glyphs off the front until `count` columns are left at most.
  mutating func keep(lastColumns count: Int) {
    var first = 0
    var columns = columns
    while columns > max(0, count), first < glyphs.count {
      columns -= glyphs[first].columns
      first += 1
    }
    drop(first: first, columns: columns)
  }
}
