import PicoCore
import Testing

@testable import PicoServer

/// What a node that ends decides about its agents.
struct AgentMovesTests {
  private static let second: UInt64 = 1_000_000_000

  @Test(
    arguments: [
      (100, 5000, 1, 60, 0.04), (10_000, 5000, 1, 60, 4), (10_000, 5000, 4, 60, 1), (1_000_000, 5000, 1, 60, 30), (10_000, 0, 1, 60, 0),
      (10_000, 5000, 0, 60, 0), (0, 5000, 1, 60, 0), (10_000, 5000, 1, 1, 0.5),
    ] as [(Int, Int, Int, Int, Double)])
  func `agents come to the others at half the rate that those take`(listeners: Int, rate: Int, others: Int, grace: Int, seconds: Double) {
    let spread = MovePace.spread(listeners: listeners, rate: rate, others: others, within: .seconds(grace))
    #expect(spread == .milliseconds(Int(seconds * 1000)))
  }

  @Test func `a node waits while agents go or are used, and five seconds more`() {
    var patience = MovePatience(spread: .zero)
    func goesOn(_ left: Int, _ served: UInt64, _ second: Double) -> Bool {
      patience.goesOn(left: left, served: served, now: UInt64(second * 1e9) + 7)
    }
    #expect(goesOn(10, 100, 0) && goesOn(10, 100, 4.9) && goesOn(9, 100, 5.1) && goesOn(9, 100, 10))
    // Requests count as well, also when the number is a smaller one.
    #expect(goesOn(9, 101, 10.05) && goesOn(9, 101, 15) && goesOn(9, 7, 15.04) && goesOn(9, 7, 20))
    #expect(!goesOn(9, 7, 20.1))
    #expect(goesOn(9, 8, 20.2) && !goesOn(0, 9, 20.3))
    var spread = MovePatience(spread: .seconds(10))
    #expect(spread.goesOn(left: 1, served: 0, now: 1) && spread.goesOn(left: 1, served: 0, now: 15 * Self.second))
    let isOver = !spread.goesOn(left: 1, served: 0, now: 15 * Self.second + 1)
    #expect(isOver)
  }

  private struct Step {
    var isOnly = false
    var isIdle = false
    var at: Double
    var action: PlainFarewell.Action
  }

  @Test(
    arguments: [
      // Others have the endpoint: at once, and when nothing is open any more.
      [
        Step(at: 0, action: .withdraw), Step(at: 0.1, action: .none), Step(at: 50, action: .none), Step(isIdle: true, at: 51, action: .end),
      ],
      [Step(isIdle: true, at: 0, action: .withdraw), Step(isIdle: true, at: 0.1, action: .end)],
      // Nobody else has it: later, for a second at most, and again five seconds later.
      [
        Step(isOnly: true, isIdle: true, at: 0, action: .none), Step(isOnly: true, isIdle: true, at: 0.9, action: .none),
        Step(isOnly: true, isIdle: true, at: 1, action: .withdraw), Step(isOnly: true, isIdle: true, at: 1.1, action: .end),
      ],
      [
        Step(isOnly: true, at: 0, action: .none), Step(isOnly: true, at: 1, action: .withdraw), Step(isOnly: true, at: 1.9, action: .none),
        Step(isOnly: true, at: 2, action: .comeBack), Step(isOnly: true, isIdle: true, at: 6.9, action: .none),
        Step(isOnly: true, at: 7, action: .withdraw), Step(isOnly: true, isIdle: true, at: 7.1, action: .end),
      ],
      // Another one came meanwhile.
      [
        Step(isOnly: true, at: 0, action: .none), Step(at: 0.1, action: .withdraw), Step(at: 9, action: .none),
        Step(isIdle: true, at: 9.1, action: .end),
      ],
    ] as [[Step]])
  private func `leave is taken of a plain peer when nobody misses it`(steps: [Step]) {
    var farewell = PlainFarewell()
    for step in steps {
      let action = farewell.step(isOnly: step.isOnly, isIdle: step.isIdle, now: UInt64(step.at * 1e9) + 3)
      #expect(action == step.action, "\(step)")
    }
  }

  @Test func `a plain peer that was taken out is put back when there is nowhere to go`() {
    var farewell = PlainFarewell()
    let isBackAtOnce = farewell.giveUp()
    #expect(!isBackAtOnce && farewell.step(isOnly: false, isIdle: false, now: 1) == .withdraw)
    let (isBack, isBackAgain) = (farewell.giveUp(), farewell.giveUp())
    #expect(isBack && !isBackAgain)
  }

  @Test func `an endpoint is expected for two seconds`() throws {
    var expected = ExpectedEndpoints()
    let (one, other) = (try #require(EndpointID("e")), try #require(EndpointID("f")))
    expected.expect(one, now: 5)
    #expect(expected.deadline(of: one, now: 6) == 5 + 2 * Self.second)
    #expect(expected.deadline(of: one, now: 5 + 2 * Self.second) == nil && expected.deadline(of: other, now: 6) == nil)
    // A shorter time does not end a longer one.
    expected.expect(one, within: ExpectedEndpoints.moment, now: 6)
    #expect(expected.deadline(of: one, now: 6) == 5 + 2 * Self.second)
    expected.forgetPast(now: 6)
    #expect(expected != ExpectedEndpoints())
    expected.forgetPast(now: 5 + 2 * Self.second)
    #expect(expected == ExpectedEndpoints())
  }

  @Test func `those who are refused are told to come one after the other`() {
    var queue = RegistrationQueue()
    var waits: [Int] = []
    for _ in 0..<25 { waits.append(queue.join(perSecond: 10, now: 7 * Self.second)) }
    #expect(waits == [Int](repeating: 1, count: 10) + [Int](repeating: 2, count: 10) + [Int](repeating: 3, count: 5))
    // Time passes, and the queue with it.
    #expect(queue.join(perSecond: 10, now: 9 * Self.second) == 1)
    #expect(queue.join(perSecond: 10, now: 100 * Self.second) == 1)
    for _ in 0..<10_000 { #expect((1...60).contains(queue.join(perSecond: 10, now: 100 * Self.second))) }
    #expect(queue.join(perSecond: 10, now: 101 * Self.second) == 60)
    #expect(queue.join(perSecond: 10, now: 161 * Self.second) == 1)
  }
}
