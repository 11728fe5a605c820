import PicoClient
import PicoCore
import Testing

struct ReconnectPolicyTests {
  typealias Event = ReconnectPolicy.Event

  private func delays(_ events: [Event], seed: UInt64 = 1) -> [Duration] {
    var policy = ReconnectPolicy()
    var generator = SplitMixGenerator(seed: seed)
    return events.map { policy.delay(after: $0, using: &generator) }
  }

  @Test func `delays stay below a ceiling that doubles to 15 seconds`() {
    var largest = [Duration](repeating: .zero, count: 12)
    for seed in 0..<300 as Range<UInt64> {
      for (index, delay) in delays(Array(repeating: .unreachable, count: 12), seed: seed).enumerated() {
        let ceiling = min(Duration.milliseconds(100) * (1 << index), .seconds(15))
        #expect(delay <= ceiling)
        largest[index] = max(largest[index], delay)
      }
    }
    // Full jitter uses all of it.
    #expect(largest[0] > .milliseconds(90))
    #expect(largest[11] > .seconds(14))
  }

  /// What was answered, and the range of the wait.
  @Test(
    arguments: [
      (401, nil, 7.5, 15), (403, nil, 7.5, 15), (404, nil, 7.5, 15), (400, nil, 7.5, 15), (401, 1, 7.5, 15), (500, nil, 0, 0.1),
      (503, nil, 0, 0.1), (429, nil, 0, 0.1), (503, 0, 0, 0.1), (503, 2, 2.1, 3.1), (429, 3, 3.1, 4.1), (429, 1_000_000, 3600.1, 3601.1),
      (403, 3, 3.1, 3.5), (403, 60, 7.5, 15), (403, 1_000_000, 7.5, 15),
    ] as [(Int, Int?, Double, Double)])
  func `a refusal is waited for as its status and Retry-After say`(status: Int, after: Int?, least: Double, most: Double) {
    for seed in 0..<50 as Range<UInt64> {
      let delay = delays([.refused(status: status, retryAfterSeconds: after)], seed: seed)[0].inSeconds
      #expect((least...most).contains(delay))
    }
  }

  @Test func `a server that drains does not make the back-off grow, and is not asked more than every half second for long`() {
    let draining = [Event](repeating: .refused(status: 503, retryAfterSeconds: 0), count: 20)
    var later = Duration.zero
    for seed in 0..<100 as Range<UInt64> {
      let waits = delays(draining + [.unreachable], seed: seed)
      #expect(waits[20] <= .milliseconds(100))
      #expect(waits.allSatisfy { $0 <= .seconds(1) })
      later += waits[10]
      #expect(delays(draining + [.lost(lived: .seconds(9)), draining[0]], seed: seed)[21] <= .milliseconds(100))
    }
    #expect(later / 100 > .milliseconds(350))
  }

  /// Whole seconds would be waves of agents otherwise.
  @Test func `those who are told the same time come back over a second`() {
    let waits = (0..<200 as Range<UInt64>).map { delays([.refused(status: 429, retryAfterSeconds: 1)], seed: $0)[0] }
    for tenth in 0..<10 { #expect(waits.contains { Int(($0 - .milliseconds(1100)) / .milliseconds(100)) == tenth }) }
  }

  @Test func `a tunnel that lived makes delays short again, one that did not is one more failure`() {
    let failures = [Event](repeating: .unreachable, count: 8)
    for seed in 0..<50 as Range<UInt64> {
      #expect(delays(failures + [.lost(lived: .seconds(6))], seed: seed)[8] <= .milliseconds(100))
    }
    let short = (0..<50 as Range<UInt64>).map { delays(failures + [.lost(lived: .seconds(1))], seed: $0)[8] }
    #expect(short.max() ?? .zero > .seconds(5))
  }

  @Test func `a move is spread over the time that the server gives, at most a minute`() {
    let moves = (0..<200 as Range<UInt64>).map { delays([.asked(within: .seconds(10), lived: .seconds(60))], seed: $0)[0] }
    #expect(moves.max() ?? .zero <= .seconds(10))
    #expect(moves.max() ?? .zero > .seconds(9))
    let long = (0..<200 as Range<UInt64>).map { delays([.asked(within: .seconds(900), lived: .seconds(60))], seed: $0)[0] }
    #expect(long.max() ?? .zero <= .seconds(60))
  }

  @Test func `a server that asks to move again and again is not followed at once`() {
    let moves = (0..<50 as Range<UInt64>).map {
      delays([Event](repeating: .asked(within: .zero, lived: .zero), count: 10), seed: $0)[9]
    }
    #expect(moves.max() ?? .zero > .seconds(5))
  }

  @Test func `a block delays the next attempt, once, to its end or to the slow end`() {
    for seed in 0..<50 as Range<UInt64> {
      var policy = ReconnectPolicy()
      var generator = SplitMixGenerator(seed: seed)
      policy.blocked(for: .seconds(4))
      let short = policy.delay(after: .lost(lived: .seconds(60)), using: &generator)
      #expect((.seconds(4)...(.milliseconds(4500))).contains(short))
      #expect(policy.delay(after: .lost(lived: .seconds(60)), using: &generator) <= .milliseconds(100))
      policy.blocked(for: .seconds(1_000_000))
      let long = policy.delay(after: .lost(lived: .seconds(60)), using: &generator)
      #expect((.milliseconds(7500)...(.seconds(15))).contains(long))
    }
  }
}
