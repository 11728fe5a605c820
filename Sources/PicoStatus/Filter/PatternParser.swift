internal import PicoCore

/// Reads a regular expression: `. * + ? {m,n} [..] [^..] ( ) | ^ $ \d \w \s \D \W \S`, and a backslash before any other sign.
struct PatternParser {
  private let characters: [Character]
  private var position = 0
  private var depth = 0

  /// The most characters of an expression.
  static let maximumLength = 256
  static let maximumDepth = 32
  /// The most parts of the tree when repetition is written out.
  private static let maximumSize = 2000

  init(_ text: String) throws(PatternError) {
    characters = Array(text)
    guard text.unicodeScalars.count <= Self.maximumLength else {
      throw PatternError("a pattern has at most \(Self.maximumLength) characters", at: 0)
    }
  }

  mutating func parse() throws(PatternError) -> PatternNode {
    let node = try alternatives()
    guard position == characters.count else { throw PatternError("a \")\" in the pattern without its \"(\"", at: position) }
    guard node.states <= PatternAutomaton.maximumStates, node.size <= Self.maximumSize else { throw PatternError(Self.tooLarge, at: 0) }
    return node
  }

  private mutating func alternatives() throws(PatternError) -> PatternNode {
    var nodes = [try sequence()]
    while take("|") { nodes.append(try sequence()) }
    return nodes.count == 1 ? nodes[0] : .alternatives(nodes)
  }

  private mutating func sequence() throws(PatternError) -> PatternNode {
    var nodes: [PatternNode] = []
    while position < characters.count, characters[position] != "|", characters[position] != ")" { nodes.append(try repeated()) }
    return nodes.count == 1 ? nodes[0] : .sequence(nodes)
  }

  private mutating func repeated() throws(PatternError) -> PatternNode {
    let start = position
    var node = try atom()
    while position < characters.count {
      let sign = position
      switch characters[position] {
      case "*":
        position += 1
        node = .star(node)
      case "+":
        position += 1
        node = .sequence([node, .star(node)])
      case "?":
        position += 1
        node = .optional(node)
      case "{":
        position += 1
        let (least, most) = try bounds(from: sign)
        guard max(least, most ?? least, 1) * node.size <= Self.maximumSize else { throw PatternError(Self.tooLarge, at: sign) }
        node = Self.repeated(node, least, most)
      default: return node
      }
      guard node.states <= PatternAutomaton.maximumStates, node.size <= Self.maximumSize else {
        throw PatternError(Self.tooLarge, at: start)
      }
    }
    return node
  }

  private static let tooLarge = "the pattern repeats too much"

  private static func repeated(_ node: PatternNode, _ least: Int, _ most: Int?) -> PatternNode {
    let required = Array(repeating: node, count: least)
    guard let most else { return .sequence(required + [.star(node)]) }
    return .sequence(required + Array(repeating: .optional(node), count: most - least))
  }

  /// Behind the `{`: `m}`, `m,}`, `,n}` or `m,n}`.
  private mutating func bounds(from sign: Int) throws(PatternError) -> (least: Int, most: Int?) {
    let least = number()
    var most = least
    if take(",") { most = number() } else if least == nil { throw PatternError(Self.noRepetition, at: sign) }
    let isOpen = characters[position - 1] == ","
    guard take("}"), !(least == nil && isOpen) else { throw PatternError(Self.noRepetition, at: sign) }
    guard (most ?? least ?? 0) >= (least ?? 0) else { throw PatternError("a repetition from more to less", at: sign) }
    return (least ?? 0, isOpen ? nil : most)
  }

  private static let noRepetition = "a \"{\" that is no repetition like {2} or {1,3} (\\{ is the sign itself)"

  /// nil without a digit; large ones are all too large.
  private mutating func number() -> Int? {
    var value: Int?
    while position < characters.count, characters[position].isASCII, let digit = characters[position].wholeNumberValue {
      value = min((value ?? 0) * 10 + digit, 1_000_000)
      position += 1
    }
    return value
  }

  private mutating func atom() throws(PatternError) -> PatternNode {
    let start = position
    let character = characters[position]
    position += 1
    switch character {
    case ".": return .one(.any)
    case "^": return .start
    case "$": return .end
    case "(":
      depth += 1
      guard depth <= Self.maximumDepth else { throw PatternError("more than \(Self.maximumDepth) levels in the pattern", at: start) }
      if characters[position...].starts(with: "?:") { position += 2 }
      let node = try alternatives()
      guard take(")") else { throw PatternError("a \"(\" in the pattern without its \")\"", at: start) }
      depth -= 1
      return node
    case "[": return .one(try set(from: start))
    case "\\":
      switch try escape(from: start) {
      case .ranges(let ranges):
        var set = ScalarSet()
        for range in ranges { set.insert(range) }
        return .one(set)
      case .scalar(let scalar): return .one(ScalarSet(scalar))
      }
    case "*", "+", "?", "{": throw PatternError("nothing before \"\(character)\" to repeat (\\\(character) is the sign itself)", at: start)
    default:
      let scalars = character.unicodeScalars.map { PatternNode.one(ScalarSet($0)) }
      return scalars.count == 1 ? scalars[0] : .sequence(scalars)
    }
  }

  private enum Escape {
    case scalar(Unicode.Scalar)
    case ranges([ClosedRange<UInt32>])
  }

  /// Behind the backslash.
  private mutating func escape(from start: Int) throws(PatternError) -> Escape {
    guard position < characters.count else { throw PatternError("a \"\\\" at the end of the pattern", at: start) }
    let character = characters[position]
    position += 1
    switch character {
    case "d", "w", "s": return .ranges(ScalarSet.named(character) ?? [])
    case "D", "W", "S": return .ranges(ScalarSet.complement(ScalarSet.named(Character(character.lowercased())) ?? []))
    case "t": return .scalar("\t")
    case "n": return .scalar("\n")
    case "r": return .scalar("\r")
    default:
      guard character.unicodeScalars.count == 1, let scalar = character.unicodeScalars.first,
        !(scalar.isASCII && (character.isLetter || character.isNumber))
      else { throw PatternError("unknown \"\\\(String(character).escapedForDisplay)\" in the pattern", at: start) }
      return .scalar(scalar)
    }
  }

  /// Behind the `[`. A `]` right behind `[` or `[^` is one of the set.
  private mutating func set(from start: Int) throws(PatternError) -> ScalarSet {
    var set = ScalarSet()
    set.isNegated = take("^")
    var isFirst = true
    while true {
      guard position < characters.count else { throw PatternError("a \"[\" without its \"]\"", at: start) }
      if characters[position] == "]", !isFirst { break }
      isFirst = false
      let place = position
      guard let low = try member(of: &set) else { continue }
      // A hyphen between two makes a range; at the end it is one of the set.
      guard position + 1 < characters.count, characters[position] == "-", characters[position + 1] != "]" else {
        set.insert(low)
        continue
      }
      position += 1
      guard let high = try member(of: &set), low.value <= high.value else { throw PatternError("a range from more to less", at: place) }
      set.insert(low.value...high.value)
    }
    position += 1
    return set
  }

  /// One character; nil for a class like `\d`, which is put into the set.
  private mutating func member(of set: inout ScalarSet) throws(PatternError) -> Unicode.Scalar? {
    let start = position
    let character = characters[position]
    position += 1
    if character == "\\" {
      switch try escape(from: start) {
      case .scalar(let scalar): return scalar
      case .ranges(let ranges):
        for range in ranges { set.insert(range) }
        return nil
      }
    }
    let scalars = character.unicodeScalars
    guard scalars.count == 1 else {
      throw PatternError("\"\(String(character).escapedForDisplay)\" is more than one character and cannot be in a set", at: start)
    }
    return scalars.first
  }

  private mutating func take(_ character: Character) -> Bool {
    guard position < characters.count, characters[position] == character else { return false }
    position += 1
    return true
  }
}
