/// What a filter looks for in a text, without regard to case: a regular expression, or a plain text at a place.
///
/// Matching takes time in proportion to the text, whatever the text is; `PatternAutomaton` has at most 512 states.
package struct TextPattern: Equatable, Sendable {
  private enum Form: Equatable, Sendable {
    /// ASCII in lower case: the usual case, without an automaton.
    case plain([UInt8], isAtStart: Bool, isAtEnd: Bool)
    case automaton(PatternAutomaton)
  }

  private let form: Form

  /// A regular expression, found anywhere unless it says `^` or `$`.
  package init(_ expression: String) throws(PatternError) {
    var parser = try PatternParser(expression)
    self.init(try parser.parse())
  }

  /// The whole text or a part of it, without special characters. Throws for one that is too long.
  package init(literal: String, isWhole: Bool) throws(PatternError) {
    let characters = literal.unicodeScalars.map { PatternNode.one(ScalarSet($0)) }
    guard characters.count <= PatternAutomaton.maximumStates else { throw PatternError("the text is too long", at: 0) }
    self.init(.sequence(isWhole ? [.start] + characters + [.end] : characters))
  }

  private init(_ node: PatternNode) {
    if let plain = node.plain {
      form = .plain(plain.bytes, isAtStart: plain.isAtStart, isAtEnd: plain.isAtEnd)
    } else {
      form = .automaton(PatternAutomaton(node))
    }
  }

  package func matches(_ text: String) -> Bool {
    switch form {
    case .automaton(let automaton): automaton.matches(text)
    case .plain(let bytes, let isAtStart, let isAtEnd): Self.find(bytes, isAtStart, isAtEnd, in: text.utf8.span)
    }
  }

  private static func find(_ bytes: [UInt8], _ isAtStart: Bool, _ isAtEnd: Bool, in text: Span<UInt8>) -> Bool {
    let spare = text.count - bytes.count
    guard spare >= 0, !(isAtStart && isAtEnd) || spare == 0 else { return false }
    if isAtStart { return isEqual(bytes, text, at: 0) }
    if isAtEnd { return isEqual(bytes, text, at: spare) }
    for offset in 0...spare where isEqual(bytes, text, at: offset) { return true }
    return false
  }

  private static func isEqual(_ bytes: [UInt8], _ text: Span<UInt8>, at offset: Int) -> Bool {
    for index in 0..<bytes.count {
      let byte = text[offset + index]
      let folded = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
      guard folded == bytes[index] else { return false }
    }
    return true
  }
}

/// Why a text is no pattern.
package struct PatternError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One line without the place.
  package var message: String
  /// In characters from 0.
  package var offset: Int

  init(_ message: String, at offset: Int) {
    self.message = message
    self.offset = offset
  }

  package var description: String { "\(message) at \(offset + 1)" }
}

extension TextPattern {
  static func expression(_ text: String, at offset: Int) throws(FilterError) -> TextPattern {
    do throws(PatternError) {
      return try TextPattern(text)
    } catch {
      throw FilterError(error.message, at: offset + error.offset)
    }
  }

  static func containing(_ text: String, at offset: Int) throws(FilterError) -> TextPattern {
    try literal(text, isWhole: false, at: offset)
  }

  static func exactly(_ text: String, at offset: Int) throws(FilterError) -> TextPattern {
    try literal(text, isWhole: true, at: offset)
  }

  private static func literal(_ text: String, isWhole: Bool, at offset: Int) throws(FilterError) -> TextPattern {
    do throws(PatternError) {
      return try TextPattern(literal: text, isWhole: isWhole)
    } catch {
      throw FilterError(error.message, at: offset)
    }
  }
}
