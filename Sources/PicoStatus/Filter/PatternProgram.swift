/// A regular expression as steps, some of which take no character (Thompson's construction); what an automaton is made from.
struct PatternProgram {
  private enum Step {
    case take(state: Int)
    case either(Int, Int)
    case start(Int)
    case end(Int)
    case accept
  }

  private var steps: [Step] = [.accept]
  /// By state: what it takes, and the step behind it.
  private(set) var sets: [ScalarSet] = []
  private(set) var next: [Int] = []
  private(set) var entry = 0

  init(_ node: PatternNode) { entry = write(node, before: 0) }

  /// The place of the first step of the node.
  private mutating func write(_ node: PatternNode, before following: Int) -> Int {
    switch node {
    case .one(let set):
      sets.append(set)
      next.append(following)
      return append(.take(state: sets.count - 1))
    case .sequence(let nodes): return nodes.reversed().reduce(following) { write($1, before: $0) }
    case .alternatives(let nodes):
      let entries = nodes.map { write($0, before: following) }
      return entries.dropLast().reversed().reduce(entries[entries.count - 1]) { append(.either($1, $0)) }
    case .star(let node):
      let loop = append(.accept)
      steps[loop] = .either(write(node, before: loop), following)
      return loop
    case .optional(let node): return append(.either(write(node, before: following), following))
    case .start: return append(.start(following))
    case .end: return append(.end(following))
    }
  }

  private mutating func append(_ step: Step) -> Int {
    steps.append(step)
    return steps.count - 1
  }

  /// The states that can take the next character from a step on, as bits, and whether the expression can be complete without one.
  func reach(from step: Int, isStart: Bool, isEnd: Bool) -> (states: [UInt64], isAccepted: Bool) {
    var states = [UInt64](repeating: 0, count: max(1, (sets.count + 63) / 64))
    var isAccepted = false
    var isSeen = [Bool](repeating: false, count: steps.count)
    var waiting = [step]
    while let place = waiting.popLast() {
      guard !isSeen[place] else { continue }
      isSeen[place] = true
      switch steps[place] {
      case .take(let state): states[state / 64] |= 1 << UInt64(state % 64)
      case .either(let one, let other): waiting += [other, one]
      case .start(let following): if isStart { waiting.append(following) }
      case .end(let following): if isEnd { waiting.append(following) }
      case .accept: isAccepted = true
      }
    }
    return (states, isAccepted)
  }
}
