/// What a key does. The raw value is the action's name in the settings.
package enum Action: String, CaseIterable, Sendable {
  case up, down, left, right, top, bottom
  case pageUp = "page-up"
  case pageDown = "page-down"
  case open, back, help, quit, filter, command
  case overview, endpoints, endpoint, listeners, live, nodes, events, blocks
  case sortLeft = "sort-left"
  case sortRight = "sort-right"
  case reverse, tag, range, freeze, follow, columns, theme, copy, mouse, span
  case disconnect, drain, unblock
  case pause
  case seekBack = "seek-back"
  case seekForward = "seek-forward"
  case slower, faster
}

/// Where a key works.
package enum KeyGroup: String, CaseIterable, Sendable {
  case move = "Moving"
  case screens = "Screens"
  case table = "Tables"
  case view = "View"
  case operate = "Operating"
  case replay = "Replay"
  case general = "General"
}

/// One line of the key table: help, footer and documentation are made from it.
package struct KeyEntry: Sendable {
  package var action: Action
  package var keys: [Key]
  package var group: KeyGroup
  /// One word or two, for the footer.
  package var label: String
  /// A short sentence without a full stop, for the help.
  package var help: String
}

extension KeyEntry {
  /// Every action once, in the order of the help.
  package static let all: [KeyEntry] = [
    entry(.up, [.up, .character("k")], .move, "up", "one row up"),
    entry(.down, [.down, .character("j")], .move, "down", "one row down"),
    entry(.left, [.left, .character("h")], .move, "left", "columns that are further left"),
    entry(.right, [.right, .character("l")], .move, "right", "columns that did not fit"),
    entry(.pageUp, [.pageUp, .control("b")], .move, "page up", "one page up"),
    entry(.pageDown, [.pageDown, .control("f")], .move, "page down", "one page down"),
    entry(.top, [.character("g"), .home], .move, "top", "the first row"),
    entry(.bottom, [.character("G"), .end], .move, "end", "the last row"),
    entry(.open, [.enter], .move, "open", "open what is selected"),
    entry(.back, [.escape], .move, "back", "close, clear tags, clear the filter, or go back"),

    entry(.overview, [.character("1")], .screens, "overview", "rates, latency and status of everything"),
    entry(.endpoints, [.character("2")], .screens, "endpoints", "all endpoints"),
    entry(.endpoint, [.character("3")], .screens, "endpoint", "the selected endpoint: listeners, latency, errors"),
    entry(.listeners, [.character("4")], .screens, "listeners", "all listeners"),
    entry(.live, [.character("5")], .screens, "live", "requests of the selected endpoint as they end"),
    entry(.nodes, [.character("6")], .screens, "nodes", "the nodes of the cluster"),
    entry(.events, [.character("7")], .screens, "events", "events and what operators did"),
    entry(.blocks, [.character("8")], .screens, "blocks", "who is kept away, why and until when"),
    entry(.command, [.character(":")], .screens, "command", "go to a screen by name, Tab completes"),

    entry(.filter, [.character("/")], .table, "filter", "show only rows that match, such as rate>10 and name~^api"),
    entry(.sortLeft, [.character("<")], .table, "sort", "sort by the column to the left"),
    entry(.sortRight, [.character(">")], .table, "sort", "sort by the column to the right"),
    entry(.reverse, [.character("r")], .table, "reverse", "reverse the order"),
    entry(.tag, [.character(" ")], .table, "tag", "tag the row"),
    entry(.range, [.character("V")], .table, "range", "tag all rows from here to where V is pressed again"),
    entry(.columns, [.character("c")], .table, "columns", "choose the columns"),
    entry(.copy, [.character("y")], .table, "copy", "copy the row's ID to the clipboard"),

    entry(.freeze, [.character("f")], .view, "freeze", "keep the rows as they are, or let them go on"),
    entry(.follow, [.character("F")], .view, "follow", "keep the selected row in view when it moves"),
    entry(.span, [.character("w")], .view, "span", "graphs of 5 minutes or of 1 hour"),
    entry(.theme, [.character("t")], .view, "theme", "choose a theme"),
    entry(.mouse, [.character("m")], .view, "mouse", "leave the mouse to the terminal, or take it"),

    entry(.disconnect, [.character("x")], .operate, "disconnect", "disconnect the tagged or selected listeners, or those of endpoints"),
    entry(.drain, [.character("D")], .operate, "drain", "drain the selected node"),
    entry(.unblock, [.character("u")], .operate, "lift", "lift the selected block"),

    entry(.pause, [.character("p")], .replay, "pause", "pause the replay, or go on"),
    entry(.seekBack, [.character("[")], .replay, "-10s", "10 seconds back"),
    entry(.seekForward, [.character("]")], .replay, "+10s", "10 seconds on"),
    entry(.slower, [.character("-")], .replay, "slower", "half as fast"),
    entry(.faster, [.character("+")], .replay, "faster", "twice as fast"),

    entry(.help, [.character("?"), .function(1)], .general, "help", "this help"),
    entry(.quit, [.character("q"), .control("c")], .general, "quit", "quit"),
  ]

  private static func entry(_ action: Action, _ keys: [Key], _ group: KeyGroup, _ label: String, _ help: String) -> KeyEntry {
    KeyEntry(action: action, keys: keys, group: group, label: label, help: help)
  }
}
