internal import PicoStatus

/// The prompt, the pickers and the help.
extension App {
  mutating func handlePrompt(_ key: Key) -> [AppEffect] {
    guard var prompt else { return [] }
    switch key {
    case .escape, .control("c"):
      self.prompt = nil
      if case .filter(let before) = prompt.kind { setFilter(before) }
    case .enter:
      self.prompt = nil
      return finish(prompt)
    case .tab where prompt.kind == .command:
      prompt.line.replace(TypedCommand.completion(of: prompt.line.text))
      self.prompt = prompt
    case .backspace where prompt.line.characters.isEmpty:
      self.prompt = nil
    default:
      _ = prompt.line.handle(key)
      self.prompt = prompt
      promptChanged()
    }
    return []
  }

  /// A filter holds while it is typed.
  mutating func promptChanged() {
    guard let prompt, case .filter = prompt.kind else { return }
    setFilter(prompt.line.text)
  }

  private mutating func finish(_ prompt: Prompt) -> [AppEffect] {
    let text = prompt.line.text
    switch prompt.kind {
    case .filter:
      if let error = facts.filter.error { say(error.message, .error) } else { Self.remember(text, in: &filterHistory) }
    case .command:
      guard !text.isEmpty else { return [] }
      guard let action = TypedCommand.action(named: text) else {
        say("no command \"\(text)\": \(TypedCommand.names.joined(separator: " "))", .warn)
        return [.bell]
      }
      Self.remember(text, in: &commandHistory)
      guard isAvailable(action) else { return [] }
      return perform(action)
    }
    return []
  }

  private static func remember(_ text: String, in history: inout [String]) {
    guard !text.isEmpty else { return }
    history.removeAll { $0 == text }
    history.append(text)
    if history.count > 100 { history.removeFirst() }
  }

  mutating func handlePanel(_ key: Key) -> [AppEffect] {
    let action = keys.action(for: key)
    switch panel {
    case nil: return []
    case .help(let line):
      switch action {
      case .down: panel = .help(line + 1)
      case .up: panel = .help(max(0, line - 1))
      case .pageDown: panel = .help(line + max(1, size.rows - 4))
      case .pageUp: panel = .help(max(0, line - max(1, size.rows - 4)))
      case .top: panel = .help(0)
      case .bottom: panel = .help(.max / 2)
      default: panel = nil
      }
    case .columns(let cursor):
      let count = facts.columns.count
      switch action {
      case .down: panel = .columns(min(cursor + 1, max(0, count - 1)))
      case .up: panel = .columns(max(0, cursor - 1))
      case .tag: return press(cursor)
      default: panel = nil
      }
    case .themes(let cursor, let before):
      switch action {
      case .down, .pageDown, .bottom: tryTheme(action == .bottom ? themes.count - 1 : cursor + 1, before: before)
      case .up, .pageUp, .top: tryTheme(action == .top ? 0 : cursor - 1, before: before)
      case .open:
        panel = nil
        settings.theme = theme.name
        return [.saveSettings]
      default:
        panel = nil
        if let old = themes.first(where: { $0.name == before }) { theme = old }
      }
    case .action(var dialog):
      let outcome = dialog.handle(key)
      panel = .action(dialog)
      return obey(outcome)
    }
    return []
  }

  private mutating func tryTheme(_ index: Int, before: String) {
    guard !themes.isEmpty else { return }
    let index = min(max(0, index), themes.count - 1)
    theme = themes[index]
    panel = .themes(index, before: before)
  }

  /// A line or a button of the panel was pressed.
  mutating func press(_ control: Int) -> [AppEffect] {
    switch panel {
    case .columns:
      let columns = facts.columns
      guard columns.indices.contains(control) else { return [] }
      run(.toggle(columns[control].id))
      panel = .columns(control)
      return saveTable()
    case .themes(_, let before): tryTheme(control, before: before)
    case .action(var dialog):
      guard ActionDialog.controls.indices.contains(control) else { return [] }
      let outcome = dialog.press(ActionDialog.controls[control])
      panel = .action(dialog)
      return obey(outcome)
    case .help, nil: break
    }
    return []
  }
}
