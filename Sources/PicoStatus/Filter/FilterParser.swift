internal import PicoCore

/// Reads the text of a filter by recursive descent:
/// ```
/// any   = all { "or" all }
/// all   = term { "and" term }
/// term  = ( "not" | "!" ) term | "(" any ")" | NAME operator VALUE | WORD | QUOTED
/// ```
/// A word ends at a blank, a parenthesis, a quote or an operator; a value at a blank or at a parenthesis that it did not open.
struct FilterParser {
  private let characters: [Character]
  private var position = 0
  private var depth = 0

  init(_ text: String) throws(FilterError) {
    guard text.utf8.count <= FilterExpression.maximumLength else {
      throw FilterError("a filter has at most \(FilterExpression.maximumLength) bytes, this one too many", at: 0)
    }
    characters = Array(text)
  }

  mutating func parse() throws(FilterError) -> Condition {
    skipBlanks()
    guard position < characters.count else { return .all([]) }
    let condition = try any()
    guard position == characters.count else {
      throw FilterError(
        characters[position] == ")" ? "a \")\" without its \"(\"" : "expected \"and\", \"or\" or the end", at: position)
    }
    return condition
  }

  // MARK: Structure

  private mutating func any() throws(FilterError) -> Condition {
    var conditions = [try all()]
    while take(keyword: "or") { conditions.append(try all()) }
    return conditions.count == 1 ? conditions[0] : .any(conditions)
  }

  private mutating func all() throws(FilterError) -> Condition {
    var conditions = [try term()]
    while take(keyword: "and") { conditions.append(try term()) }
    return conditions.count == 1 ? conditions[0] : .all(conditions)
  }

  private mutating func term() throws(FilterError) -> Condition {
    skipBlanks()
    guard position < characters.count else { throw FilterError("expected a condition like rate>10", at: position) }
    let start = position
    if take("!") || take(keyword: "not") {
      return .not(try nested(from: start) { (parser) throws(FilterError) in try parser.term() })
    }
    if take("(") {
      let condition = try nested(from: start) { (parser) throws(FilterError) in try parser.any() }
      guard take(")") else { throw FilterError("a \"(\" without its \")\"", at: start) }
      return condition
    }
    if characters[position] == "\"" || characters[position] == "'" {
      let text = try quoted()
      return .named(try TextPattern.containing(text, at: start))
    }
    let word = word()
    guard !word.isEmpty else { throw FilterError("expected a name, not \"\(characters[start])\"".escapedForDisplay, at: start) }
    guard let comparison = comparison() else {
      guard !["and", "or"].contains(word.lowercased()) else {
        throw FilterError("expected a condition before \"\(word)\"", at: start)
      }
      return .named(try TextPattern.containing(word, at: start))
    }
    guard let field = RowField(named: word) else {
      throw .unknownName(word, at: start, names: RowField.allCases.map { $0.names[0] })
    }
    return try condition(Condition.FieldUse(field: field, name: word, offset: start), comparison)
  }

  private mutating func nested(
    from start: Int, _ body: (inout FilterParser) throws(FilterError) -> Condition
  ) throws(FilterError) -> Condition {
    depth += 1
    guard depth <= FilterExpression.maximumDepth else {
      throw FilterError("more than \(FilterExpression.maximumDepth) levels", at: start)
    }
    let condition = try body(&self)
    depth -= 1
    skipBlanks()
    return condition
  }

  // MARK: Conditions

  private enum Operator: Equatable {
    case compare(Condition.Comparison, String)
    case pattern(isNegated: Bool)

    var text: String {
      switch self {
      case .compare(_, let text): text
      case .pattern(let isNegated): isNegated ? "!~" : "~"
      }
    }
  }

  private mutating func condition(_ use: Condition.FieldUse, _ comparison: Operator) throws(FilterError) -> Condition {
    skipBlanks()
    let start = position
    guard start < characters.count else { throw FilterError("expected a value after \(comparison.text)", at: start) }
    let isQuoted = characters[start] == "\"" || characters[start] == "'"
    let value = isQuoted ? try quoted() : value()
    guard isQuoted || !value.isEmpty else { throw FilterError("expected a value after \(comparison.text)", at: start) }
    switch (use.field.kind, comparison) {
    case (.text, .pattern(let isNegated)):
      let condition = Condition.text(use, try TextPattern.expression(value, at: isQuoted ? start + 1 : start))
      return isNegated ? .not(condition) : condition
    case (.text, .compare(.equal, _)): return .text(use, try TextPattern.exactly(value, at: start))
    case (.text, .compare(.notEqual, _)): return .not(.text(use, try TextPattern.exactly(value, at: start)))
    case (.text, .compare(_, let text)):
      throw FilterError("\(use.name) is a text, and \(text) compares numbers; == != ~ !~ fit", at: use.offset)
    case (_, .pattern):
      throw FilterError("\(use.name) is a number, and \(comparison.text) compares texts; == != < > <= >= fit", at: use.offset)
    case (let kind, .compare(let comparison, _)):
      guard !isQuoted || kind == .moment else { throw FilterError("\(use.name) is a number, which needs no quotes", at: start) }
      guard let literal = FilterLiteral(value, kind: kind) else {
        throw FilterError("\"\(value.escapedForDisplay)\" is not \(FilterLiteral.expectation(of: kind))", at: start)
      }
      if literal.isShare, kind == .errorRate { return .errorShare(use, comparison, literal.value) }
      return .number(use, comparison, literal.value)
    }
  }

  private mutating func comparison() -> Operator? {
    let start = position
    skipBlanks()
    for (text, found) in Self.operators where take(text) { return found }
    position = start
    skipBlanks()
    return nil
  }

  /// Longer ones first.
  private static let operators: [(String, Operator)] = [
    ("==", .compare(.equal, "==")), ("!=", .compare(.notEqual, "!=")), ("<=", .compare(.atMost, "<=")), (">=", .compare(.atLeast, ">=")),
    ("!~", .pattern(isNegated: true)), ("~", .pattern(isNegated: false)), ("<", .compare(.less, "<")), (">", .compare(.greater, ">")),
    ("=", .compare(.equal, "=")),
  ]

  // MARK: Characters

  private mutating func skipBlanks() {
    while position < characters.count, characters[position].isWhitespace { position += 1 }
  }

  /// Takes exactly these characters, if they are next.
  private mutating func take(_ text: String) -> Bool {
    guard characters[position...].starts(with: text) else { return false }
    position += text.count
    return true
  }

  /// Takes a keyword that stands for itself: behind it is no letter and no operator.
  private mutating func take(keyword: String) -> Bool {
    skipBlanks()
    let end = position + keyword.count
    guard end <= characters.count, String(characters[position..<end]).lowercased() == keyword,
      end == characters.count || characters[end].isWhitespace || "()\"'!".contains(characters[end])
    else { return false }
    position = end
    return true
  }

  private mutating func word() -> String {
    let start = position
    while position < characters.count, !characters[position].isWhitespace, !"()=!~<>\"'".contains(characters[position]) { position += 1 }
    return String(characters[start..<position])
  }

  private mutating func value() -> String {
    let start = position
    var open = 0
    var isInBrackets = false
    while position < characters.count, !characters[position].isWhitespace {
      switch characters[position] {
      case "\\" where position + 1 < characters.count: position += 1
      case "[": isInBrackets = true
      case "]": isInBrackets = false
      case "(" where !isInBrackets: open += 1
      case ")" where !isInBrackets:
        guard open > 0 else { return finish(from: start) }
        open -= 1
      default: break
      }
      position += 1
    }
    return finish(from: start)
  }

  private mutating func finish(from start: Int) -> String {
    let text = String(characters[start..<position])
    skipBlanks()
    return text
  }

  /// Between quotes of one kind; a backslash before a quote takes its meaning away and stays before anything else.
  private mutating func quoted() throws(FilterError) -> String {
    let start = position
    let quote = characters[start]
    var text = ""
    position += 1
    while position < characters.count, characters[position] != quote {
      if characters[position] == "\\", position + 1 < characters.count {
        if characters[position + 1] != quote { text.append("\\") }
        position += 1
      }
      text.append(characters[position])
      position += 1
    }
    guard position < characters.count else { throw FilterError("a quote without its end", at: start) }
    position += 1
    skipBlanks()
    return text
  }
}
