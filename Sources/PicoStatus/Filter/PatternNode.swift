/// The tree of a regular expression. Counted repetition is written out.
indirect enum PatternNode: Equatable {
  /// One character of a set.
  case one(ScalarSet)
  case sequence([PatternNode])
  case alternatives([PatternNode])
  /// Any number of times.
  case star(PatternNode)
  case optional(PatternNode)
  /// `^`
  case start
  /// `$`
  case end

  /// Characters, which are the states of the automaton.
  var states: Int {
    switch self {
    case .one: 1
    case .start, .end: 0
    case .sequence(let nodes), .alternatives(let nodes): nodes.reduce(0) { $0 + $1.states }
    case .star(let node), .optional(let node): node.states
    }
  }

  /// All parts of the tree, those without a character too.
  var size: Int {
    switch self {
    case .one, .start, .end: 1
    case .sequence(let nodes), .alternatives(let nodes): nodes.reduce(1) { $0 + $1.size }
    case .star(let node), .optional(let node): 1 + node.size
    }
  }

  /// The text in lower case, if the tree is nothing but ASCII characters between an optional `^` and an optional `$`.
  var plain: (bytes: [UInt8], isAtStart: Bool, isAtEnd: Bool)? {
    var nodes: ArraySlice<PatternNode>
    if case .sequence(let sequence) = self { nodes = sequence[...] } else { nodes = [self] }
    let isAtStart = nodes.first == .start
    if isAtStart { nodes.removeFirst() }
    let isAtEnd = nodes.last == .end
    if isAtEnd { nodes.removeLast() }
    var bytes: [UInt8] = []
    for node in nodes {
      guard case .one(let set) = node, let scalar = set.single, scalar.isASCII else { return nil }
      let byte = UInt8(truncatingIfNeeded: scalar.value)
      bytes.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte)
    }
    return (bytes, isAtStart, isAtEnd)
  }
}
