/// One line that a person types, with the texts typed before.
package struct LineEditor: Equatable, Sendable {
  package private(set) var characters: [Character] = []
  /// Before which character the next one goes.
  package private(set) var cursor = 0
  /// Older lines, the newest last.
  private var history: [String] = []
  /// Which of `history` is shown; its end stands for what was typed.
  private var place = 0
  private var typed = ""

  package static let longest = 1024

  package init(_ text: String = "", history: [String] = []) {
    self.history = history
    place = history.count
    replace(text)
  }

  package var text: String { String(characters) }

  package mutating func replace(_ text: String) {
    characters = Array(text.prefix(Self.longest))
    cursor = characters.count
  }

  /// Characters that cannot be shown are left out.
  package mutating func insert(_ text: String) {
    for character in text where characters.count < Self.longest {
      guard character.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else { continue }
      characters.insert(character, at: cursor)
      cursor += 1
    }
  }

  /// False for a key that is nothing to a line, such as Enter.
  package mutating func handle(_ key: Key) -> Bool {
    switch key {
    case .character(let character): insert(String(character))
    case .backspace, .control("h"):
      guard cursor > 0 else { break }
      cursor -= 1
      characters.remove(at: cursor)
    case .delete, .control("d"):
      if cursor < characters.count { characters.remove(at: cursor) }
    case .left, .control("b"): cursor = max(0, cursor - 1)
    case .right, .control("f"): cursor = min(characters.count, cursor + 1)
    case .home, .control("a"): cursor = 0
    case .end, .control("e"): cursor = characters.count
    case .control("u"):
      characters.removeFirst(cursor)
      cursor = 0
    case .control("k"): characters.removeLast(characters.count - cursor)
    case .control("w"): removeWord()
    case .up, .control("p"): recall(place - 1)
    case .down, .control("n"): recall(place + 1)
    default: return false
    }
    return true
  }

  private mutating func removeWord() {
    let end = cursor
    while cursor > 0, characters[cursor - 1] == " " { cursor -= 1 }
    while cursor > 0, characters[cursor - 1] != " " { cursor -= 1 }
    characters.removeSubrange(cursor..<end)
  }

  private mutating func recall(_ index: Int) {
    guard (0...history.count).contains(index), index != place else { return }
    if place == history.count { typed = text }
    place = index
    replace(index == history.count ? typed : history[index])
  }
}
