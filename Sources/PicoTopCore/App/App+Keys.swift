internal import PicoStatus

/// What keys, the mouse and pasted text do.
extension App {
  mutating func handle(_ key: Key) -> [AppEffect] {
    message = nil
    if panel != nil { return handlePanel(key) }
    if prompt != nil { return handlePrompt(key) }
    guard let action = keys.action(for: key), isAvailable(action) else { return [] }
    return perform(action)
  }

  mutating func paste(_ text: String) -> [AppEffect] {
    let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    if case .action(var dialog) = panel {
      dialog.paste(line)
      panel = .action(dialog)
    } else if panel == nil, prompt != nil {
      prompt?.line.insert(line)
      promptChanged()
    }
    return []
  }

  mutating func handle(_ event: MouseEvent) -> [AppEffect] {
    guard hasMouse else { return [] }
    switch event.action {
    case .wheelUp: return wheel(-3)
    case .wheelDown: return wheel(3)
    case .press, .doublePress: break
    }
    guard let target = hits.target(at: event.position) else { return [] }
    message = nil
    switch target {
    case .row(let index):
      guard panel == nil else { return [] }
      run(.select(index))
      return event.action == .doublePress ? perform(.open) : []
    case .header(let column):
      guard panel == nil else { return [] }
      run(.sort(column))
      return saveTable()
    case .action(let action):
      guard event.action == .press else { return [] }
      if panel != nil, action != .help, action != .back { return [] }
      return action == .back ? handle(.escape) : perform(action)
    case .control(let control): return press(control)
    }
  }

  private mutating func wheel(_ by: Int) -> [AppEffect] {
    switch panel {
    case nil: run(.scroll(by))
    case .help(let line): panel = .help(max(0, line + by))
    default: break
    }
    return []
  }

  /// Whether an action has a meaning on this screen and for this person: else its key is not there.
  func isAvailable(_ action: Action) -> Bool {
    switch action {
    case .disconnect:
      switch screen {
      case .endpoint(let key): isOperator(of: key.server)
      case .endpoints, .listeners: isOperatorAnywhere
      default: false
      }
    case .drain: screen == .nodes && isOperatorAnywhere
    case .unblock: screen == .blocks && isOperatorAnywhere
    case .pause, .seekBack, .seekForward, .slower, .faster: options.isReplay
    case .tag, .range:
      switch screen {
      case .endpoints, .endpoint, .listeners: true
      default: false
      }
    case .filter, .sortLeft, .sortRight, .reverse, .columns, .left, .right, .follow, .freeze, .copy: hasTable
    case .span:
      switch screen {
      case .overview, .endpoint: true
      default: false
      }
    default: true
    }
  }

  /// Whether the screen is one with a table of rows.
  var hasTable: Bool { screen != .overview }

  mutating func perform(_ action: Action) -> [AppEffect] {
    switch action {
    case .up: run(.move(-1))
    case .down: run(.move(1))
    case .left: run(.shift(-1))
    case .right: run(.shift(1))
    case .top: run(.top)
    case .bottom: run(.bottom)
    case .pageUp: run(.page(-1))
    case .pageDown: run(.page(1))
    case .open: open()
    case .back: back()
    case .help: panel = panel == nil ? .help(0) : nil
    case .quit: return [.quit]
    case .filter: prompt = Prompt(kind: .filter(before: filterText), line: LineEditor(filterText, history: filterHistory))
    case .command: prompt = Prompt(kind: .command, line: LineEditor(history: commandHistory))
    case .overview: go(to: .overview)
    case .endpoints: go(to: .endpoints)
    case .endpoint: goToEndpoint { .endpoint($0) }
    case .live: goToEndpoint { .live($0) }
    case .listeners: go(to: .listeners)
    case .nodes: go(to: .nodes)
    case .events: go(to: .events)
    case .blocks: go(to: .blocks)
    case .sortLeft: return sorted(.sortNext(-1))
    case .sortRight: return sorted(.sortNext(1))
    case .reverse: return sorted(.reverse)
    case .tag: run(.tag)
    case .range: run(.range)
    case .freeze: run(.freeze)
    case .follow:
      run(.follow)
      say(isFollowing ? "following the selected row" : "not following")
    case .columns: panel = .columns(0)
    case .theme: panel = .themes(themes.firstIndex { $0.name == theme.name } ?? 0, before: theme.name)
    case .copy: return copy()
    case .mouse:
      hasMouse.toggle()
      say(hasMouse ? "the mouse works here" : "the mouse is the terminal's")
      return [.setMouse(hasMouse)]
    case .span: showsHour.toggle()
    case .disconnect: return askToDisconnect()
    case .drain: askToDrain()
    case .unblock: askToUnblock()
    case .pause:
      replay.isPaused.toggle()
      return [.replay(replay.isPaused ? .pause : .resume)]
    case .seekBack: return [.replay(.seek(-10))]
    case .seekForward: return [.replay(.seek(10))]
    case .slower: return changeSpeed(0.5)
    case .faster: return changeSpeed(2)
    }
    return []
  }

  private mutating func changeSpeed(_ factor: Double) -> [AppEffect] {
    replay.speed = min(64, max(1.0 / 16, replay.speed * factor))
    return [.replay(.speed(replay.speed))]
  }

  private mutating func sorted(_ command: TableCommand) -> [AppEffect] {
    run(command)
    return saveTable()
  }

  private mutating func copy() -> [AppEffect] {
    guard let text = copied, !text.isEmpty else { return [] }
    say("copied \(text)")
    return [.copy(text)]
  }

  private var copied: String? {
    switch screen {
    case .overview: nil
    case .endpoints: endpoints.selected(in: fleet.endpoints)?.row.id
    case .endpoint: ofEndpoint.selected(in: fleet.listeners)?.row.id
    case .listeners: listeners.selected(in: fleet.listeners)?.row.id
    case .nodes: nodes.selected(in: fleet.nodes)?.row.id
    case .blocks: blocks.selected(in: fleet.blocks)?.row.id
    case .live: requests.selected(in: fleet.requests)?.row.request.requestID
    case .events: events.selected(in: fleet.events)?.row.copied
    }
  }
}
