internal import PicoCore

/// Keys as a person writes them: `x`, `G`, `Ctrl-L`, `Enter`, `PgUp`, `F5`, `Space`.
extension Key {
  private static let names: [(String, Key)] = [
    ("Space", .character(" ")), ("Up", .up), ("Down", .down), ("Left", .left), ("Right", .right), ("Home", .home), ("End", .end),
    ("PgUp", .pageUp), ("PgDn", .pageDown), ("Enter", .enter), ("Esc", .escape), ("Tab", .tab), ("Shift-Tab", .backTab),
    ("Backspace", .backspace), ("Del", .delete), ("Ins", .insert),
  ]

  private static let otherNames: [String: Key] = [
    "escape": .escape, "return": .enter, "delete": .delete, "insert": .insert, "pageup": .pageUp, "pagedown": .pageDown,
  ]

  package var name: String {
    if let (name, _) = Self.names.first(where: { $0.1 == self }) { return name }
    switch self {
    case .character(let character): return String(character).escapedForDisplay
    case .control(let character): return "Ctrl-\(character.uppercased())"
    case .function(let number): return "F\(number)"
    default: return "\(self)"
    }
  }

  /// nil for what is no key. Names of more than one letter are read without regard to case.
  package init?(name: String) {
    if name.count == 1, let character = name.first, !name.unicodeScalars.contains(where: \.isUnsafeToDisplay) {
      self = .character(character)
      return
    }
    let lower = name.lowercased()
    if let key = Self.otherNames[lower] {
      self = key
      return
    }
    if let (_, key) = Self.names.first(where: { $0.0.lowercased() == lower }) {
      self = key
      return
    }
    if lower.hasPrefix("ctrl-"), lower.count == 6, let character = lower.last,
      character.isASCII && (character.isLetter || "[\\]^_@".contains(character))
    {
      self = .control(character)
      return
    }
    if lower.hasPrefix("f"), let number = Int(lower.dropFirst()), (1...24).contains(number) {
      self = .function(number)
      return
    }
    return nil
  }

  /// As the footer shows it: arrows instead of their names where the terminal has them.
  func mark(isASCII: Bool) -> String {
    guard !isASCII else { return name }
    switch self {
    case .up: return "↑"
    case .down: return "↓"
    case .left: return "←"
    case .right: return "→"
    case .enter: return "⏎"
    default: return name
    }
  }
}
