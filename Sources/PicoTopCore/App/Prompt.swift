/// The line at the bottom in which a person types.
struct Prompt: Sendable {
  enum Kind: Equatable, Sendable {
    /// Of the table on screen; `before` comes back with Esc.
    case filter(before: String)
    case command
  }

  var kind: Kind
  var line: LineEditor

  var sign: String {
    switch kind {
    case .filter: "/"
    case .command: ":"
    }
  }
}

/// What `:` understands: the screens, and what has no key of its own or one that is easily forgotten.
enum TypedCommand {
  static let names: [String] = Screen.actions.map(\.rawValue) + ["theme", "columns", "help", "quit"]

  /// By a name or the beginning of one; nil when that is none or several.
  static func action(named text: String) -> Action? {
    let text = text.lowercased().filter { !$0.isWhitespace }
    guard !text.isEmpty else { return nil }
    if let exact = names.first(where: { $0 == text }) { return Action(rawValue: exact) }
    if let number = Int(text), Screen.actions.indices.contains(number - 1) { return Screen.actions[number - 1] }
    if ["q", "q!", "exit"].contains(text) { return .quit }
    let found = names.filter { $0.hasPrefix(text) }
    return found.count == 1 ? Action(rawValue: found[0]) : nil
  }

  /// As much as all names that begin so have in common; the text itself when there is none.
  static func completion(of text: String) -> String {
    let found = names.filter { $0.hasPrefix(text.lowercased()) }
    guard var common = found.first else { return text }
    for name in found {
      while !name.hasPrefix(common) { common.removeLast() }
    }
    return common
  }
}
