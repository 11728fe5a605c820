/// One piece of what a terminal sends, as ncurses takes it apart.
package enum InputPiece: Equatable, Sendable {
  case scalar(Unicode.Scalar)
  case key(Key)
  /// `ESC [ <`: a report of the mouse follows in characters.
  case mouse
  /// `ESC [ 200 ~` and `ESC [ 201 ~`.
  case pasteStart, pasteEnd
  /// `ESC [ 0 n`: what was written before the question is on screen.
  case shown
}

/// Puts pieces together to keys, presses of the mouse and pasted texts. Pieces of one thing may come at different times.
package struct InputDecoder: Sendable {
  package enum Input: Equatable, Sendable {
    case key(Key)
    case mouse(MouseEvent)
    case paste(String)
    case shown
  }

  private enum State: Sendable {
    case plain
    /// Digits and semicolons so far.
    case mouse([UInt8])
    case paste(String)
  }

  private static let longestReport = 16
  package static let longestPaste = 64 << 10
  private static let doublePress = Duration.milliseconds(400)

  private var state = State.plain
  private var lastPress: (position: Grid.Position, at: Duration)?

  package init() {}

  /// - Parameter now: since the start.
  package mutating func receive(_ piece: InputPiece, at now: Duration) -> Input? {
    if piece == .shown { return .shown }
    switch state {
    case .plain: return plain(piece)
    case .mouse(let report): return mouse(report, piece, now)
    case .paste(let text): return paste(text, piece)
    }
  }

  private mutating func plain(_ piece: InputPiece) -> Input? {
    switch piece {
    case .scalar(let scalar): return .key(Key(scalar))
    case .key(let key): return .key(key)
    case .mouse: state = .mouse([])
    case .pasteStart: state = .paste("")
    case .pasteEnd, .shown: break
    }
    return nil
  }

  /// `BUTTON;COLUMN;ROW` with `M` for a press and `m` for a release, from 1. Anything else is dropped.
  private mutating func mouse(_ report: [UInt8], _ piece: InputPiece, _ now: Duration) -> Input? {
    guard case .scalar(let scalar) = piece, scalar.isASCII, report.count < Self.longestReport else {
      state = .plain
      return plain(piece)
    }
    let byte = UInt8(scalar.value)
    if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ";") {
      state = .mouse(report + [byte])
      return nil
    }
    state = .plain
    let numbers = report.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map {
      Int(String(decoding: $0, as: UTF8.self)) ?? -1
    }
    guard byte == UInt8(ascii: "M"), numbers.count == 3, numbers[1] > 0, numbers[2] > 0 else { return nil }
    let position = Grid.Position(row: numbers[2] - 1, column: numbers[1] - 1)
    switch numbers[0] {
    case 0:
      let isDouble = lastPress.map { $0.position == position && now - $0.at < Self.doublePress } ?? false
      lastPress = isDouble ? nil : (position, now)
      return .mouse(MouseEvent(action: isDouble ? .doublePress : .press, position: position))
    case 64: return .mouse(MouseEvent(action: .wheelUp, position: position))
    case 65: return .mouse(MouseEvent(action: .wheelDown, position: position))
    default: return nil
    }
  }

  /// What is longer than the limit is cut; keys within a paste are no keys.
  private mutating func paste(_ text: String, _ piece: InputPiece) -> Input? {
    switch piece {
    case .pasteEnd:
      state = .plain
      return .paste(text)
    case .scalar(let scalar) where text.utf8.count < Self.longestPaste:
      var text = text
      text.unicodeScalars.append(scalar)
      state = .paste(text)
    default: break
    }
    return nil
  }
}

extension Key {
  /// Of a character as a terminal sends it: control characters are the keys that make them.
  init(_ scalar: Unicode.Scalar) {
    switch scalar.value {
    case 0x08, 0x7F: self = .backspace
    case 0x09: self = .tab
    case 0x0A, 0x0D: self = .enter
    case 0x1B: self = .escape
    case 0x00: self = .control("@")
    case 0x01...0x1A: self = .control(Character(Unicode.Scalar(UInt8(scalar.value) + 0x60)))
    case 0x1C...0x1F: self = .control(Character(Unicode.Scalar(UInt8(scalar.value) + 0x40)))
    default: self = .character(Character(scalar))
    }
  }
}
