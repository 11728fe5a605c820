/// A regular expression as an automaton without empty steps: a state for each character of the expression, and for each state those that may
/// take the next character. The states that are possible at once are a set of bits, so a text is read once, front to back, and nothing is
/// tried twice.
///
/// `^` and `$` are conditions on empty steps, which are all gone once this is made: behind the first character `^` never holds, so it decides
/// only where a match begins, and `$` decides only whether a state may be the last.
struct PatternAutomaton: Equatable, Sendable {
  /// The most states: what bounds the work for each character.
  static let maximumStates = 512

  /// Of a set of states.
  private let words: Int
  private let sets: [ScalarSet]
  /// For each ASCII character the states that take it.
  private let takers: [UInt64]
  /// For each state those that may come next.
  private let followers: [UInt64]
  /// Where a match may begin: at the start of the text, and elsewhere.
  private let atStart: [UInt64]
  private let elsewhere: [UInt64]
  /// States behind which a match is complete: anywhere, and at the end of the text.
  private let accepting: [UInt64]
  private let acceptingAtEnd: [UInt64]
  /// Whether a match needs no character, in a text that has some and in one that has none.
  private let acceptsNothing: Bool
  private let acceptsEmptyText: Bool

  init(_ node: PatternNode) {
    let program = PatternProgram(node)
    let count = program.sets.count
    let words = max(1, (count + 63) / 64)
    self.words = words
    sets = program.sets
    var takers = [UInt64](repeating: 0, count: 128 * words)
    var followers = [UInt64](repeating: 0, count: count * words)
    var accepting = [UInt64](repeating: 0, count: words)
    var acceptingAtEnd = accepting
    for (state, set) in program.sets.enumerated() {
      let bit: UInt64 = 1 << UInt64(state % 64)
      for byte in 0..<128 where set.contains(Unicode.Scalar(UInt8(byte))) { takers[byte * words + state / 64] |= bit }
      let next = program.reach(from: program.next[state], isStart: false, isEnd: false)
      followers.replaceSubrange(state * words..<(state + 1) * words, with: next.states)
      if next.isAccepted { accepting[state / 64] |= bit }
      if program.reach(from: program.next[state], isStart: false, isEnd: true).isAccepted { acceptingAtEnd[state / 64] |= bit }
    }
    self.takers = takers
    self.followers = followers
    self.accepting = accepting
    self.acceptingAtEnd = acceptingAtEnd
    let first = program.reach(from: program.entry, isStart: true, isEnd: false)
    atStart = first.states
    elsewhere = program.reach(from: program.entry, isStart: false, isEnd: false).states
    acceptsNothing = first.isAccepted || program.reach(from: program.entry, isStart: false, isEnd: true).isAccepted
    acceptsEmptyText = program.reach(from: program.entry, isStart: true, isEnd: true).isAccepted
  }

  var states: Int { sets.count }

  func matches(_ text: String) -> Bool {
    guard !text.isEmpty else { return acceptsEmptyText }
    if acceptsNothing { return true }
    return words == 1 ? matchesInWord(text) : matchesInWords(text)
  }

  /// At most 64 states, which is nearly every pattern: no memory is taken.
  private func matchesInWord(_ text: String) -> Bool {
    var possible = atStart[0]
    var last: UInt64 = 0
    for scalar in text.unicodeScalars {
      if scalar.isASCII { possible &= takers[Int(scalar.value)] } else { possible = taking(scalar, of: possible, from: 0) }
      if possible & accepting[0] != 0 { return true }
      last = possible
      var next = elsewhere[0]
      while possible != 0 {
        next |= followers[possible.trailingZeroBitCount]
        possible &= possible &- 1
      }
      possible = next
    }
    return last & acceptingAtEnd[0] != 0
  }

  private func matchesInWords(_ text: String) -> Bool {
    var possible = atStart
    var next = possible
    for scalar in text.unicodeScalars {
      next = elsewhere
      for word in 0..<words {
        var rest = possible[word]
        if scalar.isASCII {
          rest &= takers[Int(scalar.value) * words + word]
        } else {
          rest = taking(scalar, of: rest, from: word * 64)
        }
        if rest & accepting[word] != 0 { return true }
        possible[word] = rest
        while rest != 0 {
          let row = (word * 64 + rest.trailingZeroBitCount) * words
          for other in 0..<words { next[other] |= followers[row + other] }
          rest &= rest &- 1
        }
      }
      swap(&possible, &next)
    }
    return (0..<words).contains { next[$0] & acceptingAtEnd[$0] != 0 }
  }

  private func taking(_ scalar: Unicode.Scalar, of states: UInt64, from first: Int) -> UInt64 {
    var rest = states
    var result = states
    while rest != 0 {
      let bit = rest.trailingZeroBitCount
      if !sets[first + bit].contains(scalar) { result &= ~(1 << UInt64(bit)) }
      rest &= rest &- 1
    }
    return result
  }
}
