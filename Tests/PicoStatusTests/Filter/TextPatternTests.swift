import PicoCore
import Testing

@testable import PicoStatus

@Suite struct TextPatternTests {
  @Test(
    arguments: [
      ("", ["", "a"], []), ("^$", [""], ["a"]), ("a", ["a", "A", "bab"], ["", "b"]), ("^a", ["ab"], ["ba"]), ("a$", ["ba"], ["ab"]),
      ("^ab$", ["ab", "AB"], ["abc", "cab", ""]), ("a.c", ["abc", "a\nc", "xaéc"], ["ac"]), ("ab*c", ["ac", "abbbc"], ["abd"]),
      ("ab+c", ["abc", "abbc"], ["ac"]), ("ab?c$", ["ac", "abc"], ["abbc"]), ("^a{2}$", ["aa"], ["a", "aaa"]),
      ("^a{2,}$", ["aa", "aaaa"], ["a"]), ("^a{1,2}$", ["a", "aa"], ["", "aaa"]), ("^a{,2}$", ["", "aa"], ["aaa"]),
      ("^a{0}b$", ["b"], ["ab"]),
      ("^(ab|cd)+$", ["ab", "cdab"], ["abc", ""]), ("^(a|)b$", ["ab", "b"], ["aab"]), ("a|^b", ["ca", "bc"], ["cb"]),
      ("[a-c]", ["b", "B"], ["d", "-"]), ("[^a-c]", ["d", "ad"], ["abc", "B"]), ("^[]a]$", ["]", "a"], ["b"]), ("^[^]a]$", ["b"], ["]"]),
      ("^[a-]$", ["a", "-"], ["b"]), ("^[\\d.-]+$", ["1.2-3"], ["a"]), ("^\\w\\s\\d$", ["_ 1"], ["- 1", "a-1", "a a"]),
      ("^\\W\\S\\D$", ["-aa"], ["aaa", "- a", "-a1"]), ("\\.", ["a.b"], ["ab"]),
      ("\\^\\$\\(\\)\\[\\{\\*\\+\\?\\|\\\\", ["^$()[{*+?|\\"], ["^"]),
      ("é", ["É", "caféx"], ["e"]), ("^[à-ý]$", ["é", "É"], ["e"]), ("(^|-)eu($|-)", ["eu", "a-eu", "eu-1", "a-eu-b"], ["europe", "neu"]),
      ("^^a", ["a"], ["ba"]), ("^*a$$", ["a", "ba"], ["ab"]), ("(^a)*b", ["b", "ab", "cb"], ["a"]), ("a$b", [], ["ab", "a", "a\nb"]),
      ("x*$", ["", "abc"], []), ("(a*)*b", ["b", "aab"], ["a"]), ("(?:ab)+$", ["abab"], ["aba"]), ("a??b", ["b", "ab"], ["a"]),
      ("🙂+", ["a🙂🙂"], ["a"]), ("k", ["K"], ["\u{212A}"]),
    ] as [(String, [String], [String])])
  func `a pattern finds what it says`(pattern: String, found: [String], notFound: [String]) throws {
    let pattern = try TextPattern(pattern)
    for text in found { #expect(pattern.matches(text), "\(text)") }
    for text in notFound { #expect(!pattern.matches(text), "\(text)") }
  }

  @Test(
    arguments: [
      ("(", 0, "without its"), ("a)", 1, "without its"), ("[a", 0, "without its"), ("[", 0, "without its"), ("*a", 0, "nothing before"),
      ("a|+", 2, "nothing before"), ("{2}", 0, "nothing before"), ("a{", 1, "no repetition"), ("a{}", 1, "no repetition"),
      ("a{,}", 1, "no repetition"), ("a{2", 1, "no repetition"), ("a{x}", 1, "no repetition"), ("a{3,2}", 1, "more to less"),
      ("[z-a]", 1, "more to less"), ("\\", 0, "at the end"), ("\\q", 0, "unknown"), ("\\1", 0, "unknown"), ("[a\\", 2, "at the end"),
      ("a{1000}", 1, "repeats too much"), ("(a{100}){100}", 8, "repeats too much"), ("((a{30}){30}){30}", 7, "repeats too much"),
      ("a{300}b{300}", 0, "repeats too much"), ("a{99999999999999999999}", 1, "repeats too much"), ("[👩‍👩‍👧]", 1, "more than one"),
    ] as [(String, Int, String)])
  func `a pattern that cannot be read says why and where`(pattern: String, offset: Int, message: String) {
    let error = #expect(throws: PatternError.self) { try TextPattern(pattern) }
    #expect(error?.offset == offset)
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
  }

  @Test func `a pattern is bounded in length and depth`() {
    #expect(throws: PatternError.self) { try TextPattern(String(repeating: "a", count: 257)) }
    #expect(throws: PatternError.self) { try TextPattern(String(repeating: "(", count: 100) + String(repeating: ")", count: 100)) }
    #expect(throws: Never.self) { try TextPattern("a" + String(repeating: "*", count: 255)) }
  }

  @Test(arguments: [
    "(a*)*b", "(a|a)*b", "(a|aa)+$", "(.*)*x", "(a?){100}a{100}b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(((a{1,4}){1,4}){1,4}){1,2}b",
    "(x+x+)+y", "a{0,500}b",
  ])
  func `hostile patterns take time in proportion to the text`(pattern: String) throws {
    let pattern = try TextPattern(pattern)
    let text = String(repeating: "a", count: 5000)
    let clock = ContinuousClock()
    let time = clock.measure { _ = pattern.matches(text) }
    // Backtracking would take longer than the universe has been there.
    #expect(time < .seconds(30))
  }

  @Test func `more than 64 states work as fewer do`() throws {
    let pattern = try TextPattern("^(ab?){70}c$")
    #expect(pattern.matches(String(repeating: "ab", count: 35) + String(repeating: "a", count: 35) + "c"))
    #expect(!pattern.matches(String(repeating: "ab", count: 69) + "c"))
    #expect(!pattern.matches(String(repeating: "ab", count: 71) + "c"))
    #expect(!pattern.matches(String(repeating: "ab", count: 70) + "é"))
    #expect(try TextPattern("(é|\\d){65,}x").matches(String(repeating: "É1", count: 33) + "x"))
  }

  /// Random expressions and texts over a small alphabet, against a matcher that follows the tree with sets of places.
  @Test(arguments: 0..<8) func `it agrees with a plain reference`(seed: Int) throws {
    var random = SplitMixGenerator(seed: UInt64(seed) + 100)
    for _ in 0..<400 {
      let tree = ReferencePattern.random(depth: 4, using: &random)
      let text = String((0..<Int.random(in: 0...7, using: &random)).map { _ in "abcé".randomElement(using: &random) ?? "a" })
      let pattern = try TextPattern(tree.text)
      #expect(pattern.matches(text) == tree.isFound(in: text), "\(tree.text) in \(text)")
    }
  }

  @Test func `a plain text has no special characters`() throws {
    #expect(try TextPattern(literal: "a.b*", isWhole: false).matches("xA.B*y"))
    #expect(try !TextPattern(literal: "a.b", isWhole: false).matches("axb"))
    #expect(try TextPattern(literal: "A.b", isWhole: true).matches("a.B"))
    #expect(try !TextPattern(literal: "a.b", isWhole: true).matches("a.bc"))
    #expect(try TextPattern(literal: "", isWhole: true).matches(""))
    #expect(try TextPattern(literal: "Ünï", isWhole: false).matches("xüNÏ"))
    #expect(throws: PatternError.self) { try TextPattern(literal: String(repeating: "é", count: 600), isWhole: true) }
  }
}

/// What an expression means, told as plainly as can be.
indirect enum ReferencePattern {
  case character(Character), any, start, end
  case both(ReferencePattern, ReferencePattern)
  case either(ReferencePattern, ReferencePattern)
  case repeated(ReferencePattern, Int, Int?, String)

  static func random(depth: Int, using random: inout SplitMixGenerator) -> ReferencePattern {
    let one = { (random: inout SplitMixGenerator) in Self.random(depth: depth - 1, using: &random) }
    switch Int.random(in: 0..<(depth > 0 ? 14 : 6), using: &random) {
    case 0...2: return .character("abcé".randomElement(using: &random) ?? "a")
    case 3: return .any
    case 4: return .start
    case 5: return .end
    case 6...8: return .both(one(&random), one(&random))
    case 9...10: return .either(one(&random), one(&random))
    case 11: return .repeated(one(&random), 0, nil, "*")
    case 12: return .repeated(one(&random), 0, 1, "?")
    default: return .repeated(one(&random), 1, 2, "{1,2}")
    }
  }

  var text: String {
    switch self {
    case .character(let character): String(character)
    case .any: "."
    case .start: "^"
    case .end: "$"
    case .both(let left, let right): left.text + right.text
    case .either(let left, let right): "(\(left.text)|\(right.text))"
    case .repeated(let node, _, _, let sign): "(\(node.text))\(sign)"
    }
  }

  func isFound(in text: String) -> Bool {
    let text = Array(text)
    return !ends(from: Set(0...text.count), in: text).isEmpty
  }

  /// Where a match may end that begins at one of the places.
  private func ends(from places: Set<Int>, in text: [Character]) -> Set<Int> {
    switch self {
    case .character(let character): Set(places.filter { $0 < text.count && text[$0] == character }.map { $0 + 1 })
    case .any: Set(places.filter { $0 < text.count }.map { $0 + 1 })
    case .start: places.intersection([0])
    case .end: places.intersection([text.count])
    case .both(let left, let right): right.ends(from: left.ends(from: places, in: text), in: text)
    case .either(let left, let right): left.ends(from: places, in: text).union(right.ends(from: places, in: text))
    case .repeated(let node, let least, let most, _): repeated(node, least, most ?? text.count + 1, places, text)
    }
  }

  private func repeated(_ node: ReferencePattern, _ least: Int, _ most: Int, _ places: Set<Int>, _ text: [Character]) -> Set<Int> {
    var current = places
    var result: Set<Int> = least == 0 ? places : []
    for count in 1...max(1, most) {
      current = node.ends(from: current, in: text)
      if count >= least { result.formUnion(current) }
    }
    return result
  }
}
