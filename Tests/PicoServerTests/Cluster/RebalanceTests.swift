import PicoCore
import Testing

@testable import PicoServer

struct RebalanceTests {
  private static let second: UInt64 = 1_000_000_000

  /// Listeners here, of others, and whether that is more than this node's share.
  @Test(
    arguments: [
      (1000, [1000], false), (1100, [1000], false), (1400, [1000], false), (1500, [1000], true), (1000, [1500], false), (90, [0], false),
      (99, [0], false), (100, [0], true), (60, [0, 0, 0], false), (67, [0, 0, 0], true), (0, [0], false), (5000, [], false),
    ] as [(Int, [Int], Bool)])
  func `it begins a fifth and fifty over the average`(own: Int, others: [Int], isOver: Bool) {
    var rebalance = Rebalance()
    #expect((rebalance.step(own: own, others: others, now: 1) > 0) == isOver)
  }

  @Test func `a hundredth goes a second, one at least, until the average is reached`() {
    var rebalance = Rebalance()
    #expect(rebalance.step(own: 10_000, others: [0], now: 1) == 100)
    #expect(rebalance.step(own: 9_900, others: [0], now: 2) == 99)
    // It goes on below the mark at which it began, and never beyond the average.
    #expect(rebalance.step(own: 5_030, others: [4_970], now: 3) == 30)
    #expect(rebalance.step(own: 5_000, others: [5_000], now: 4) == 0)
    #expect(rebalance.step(own: 5_100, others: [4_900], now: 5) == 0)
    var small = Rebalance()
    #expect(small.step(own: 120, others: [0], now: 1) == 1)
  }

  /// Nodes that look once a second at what the others said some seconds ago; who is asked goes to some other node, all alike.
  @Test(arguments: [1, 5, 10], [2, 3, 7])
  func `what went does not come back`(age: Int, count: Int) {
    var generator = SplitMixGenerator(seed: UInt64(age * 10 + count))
    var nodes = [Int](repeating: 3000, count: count)
    nodes[0] = 0
    nodes[count - 1] += 1500
    let total = nodes.reduce(0, +)
    var policies = [Rebalance](repeating: Rebalance(), count: count)
    var history: [[Int]] = []
    var moves = 0
    var quietSince = 0
    for second in 0..<1200 {
      history.append(nodes)
      let told = history[max(0, second - age)]
      var next = nodes
      for index in 0..<count {
        let others = told.indices.filter { $0 != index }
        let asked = policies[index].step(own: nodes[index], others: others.map { told[$0] }, now: UInt64(second + 1) * Self.second)
        for _ in 0..<asked {
          next[index] -= 1
          next[others.randomElement(using: &generator) ?? index] += 1
        }
        moves += asked
        if asked > 0 { quietSince = second }
      }
      nodes = next
    }
    #expect(nodes.reduce(0, +) == total)
    let average = Double(total) / Double(count)
    #expect(nodes.allSatisfy { Double($0) < max(average * 1.2, average + 50) }, "\(nodes)")
    #expect(quietSince < 600, "\(quietSince)")
    // An agent that goes to a random node may have to go on from there, but not many times.
    #expect(Double(moves) < 3 * Double(total - total / count), "\(moves)")
  }

  @Test func `where all come back to the node that asked them they are asked less and less often`() {
    var rebalance = Rebalance()
    var asked = 0
    var last = 0
    for second in 1...7200 as ClosedRange<UInt64> {
      asked += rebalance.step(own: 1000, others: [0], now: second * Self.second)
      if second == 3600 { last = asked }
    }
    // Without an end it would have been 36,000 an hour.
    #expect(asked > 100 && last < 1500, "\(last)")
    #expect(asked - last < 700, "\(asked - last)")
  }

  @Test func `after a rest it begins again, and success ends the rests`() {
    var rebalance = Rebalance()
    var second: UInt64 = 0
    func step(_ own: Int) -> Int {
      second += 1
      return rebalance.step(own: own, others: [0], now: second * Self.second)
    }
    while step(1000) > 0 {}
    #expect(second == 11)
    while step(1000) == 0 {}
    #expect(second == 21)
    // This time they go.
    var own = 1000
    while own > 600 { own -= step(own) }
    while step(own) > 0 {}
    let restAgain = second
    while step(own) == 0 {}
    #expect(second - restAgain <= 10)
  }

  @Test func `of an agent's tunnels here a node keeps its part`() {
    let tunnels = [("a", 1), ("a", 2), ("b", 3), ("c", 4), ("c", 5), ("c", 6), ("c", 7), ("c", 8), ("", 9), ("", 10)]
    func surplus(_ nodes: Int) -> [Int] {
      Twins.surplus(of: tunnels, nodes: nodes) { $0.0.isEmpty ? nil : $0.0 }.map(\.1).sorted()
    }
    #expect(surplus(1) == [])
    #expect(surplus(2) == [2, 7, 8])
    #expect(surplus(3) == [2, 6, 7, 8])
    #expect(surplus(9) == [2, 5, 6, 7, 8])
  }
}
