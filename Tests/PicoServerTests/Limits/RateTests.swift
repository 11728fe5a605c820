import PicoAuth
import PicoCore
import Testing

@testable import PicoServer

@Suite struct RateTests {
  private static let second: UInt64 = 1_000_000_000
  private static let start: UInt64 = 100 * second

  private static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

  @Test(arguments: [(1, 1), (3, 1), (1000, 1), (5000, 2), (10, 5), (1_000_000, 1)])
  func `the burst comes at once, then no more than the rate`(perSecond: Int, seconds: Int) {
    let rate = Rate(perSecond: perSecond, burstSeconds: seconds)
    var fullAt: UInt64 = 0
    var now = Self.start
    var taken = 0
    while rate.take(fullAt: &fullAt, now: now) { taken += 1 }
    #expect(taken == perSecond * seconds)
    taken = 0
    let steps = 1000
    for _ in 0..<steps {
      now += 10 * Self.second / UInt64(steps)
      while rate.hasRoom(fullAt: fullAt, now: now), rate.take(fullAt: &fullAt, now: now) { taken += 1 }
    }
    #expect((10 * perSecond - 1...10 * perSecond + 1).contains(taken), "\(taken)")
    now += 3600 * Self.second
    taken = 0
    while rate.take(fullAt: &fullAt, now: now) { taken += 1 }
    #expect(taken == perSecond * seconds, "what was not used does not pile up")
  }

  @Test func `a clock that is a little behind another loop's takes nothing away`() {
    let rate = Rate(perSecond: 2)
    var fullAt: UInt64 = 0
    #expect(rate.take(fullAt: &fullAt, now: Self.start))
    #expect(rate.take(fullAt: &fullAt, now: Self.start - 1000) == false || fullAt <= Self.start + Self.second)
    #expect(rate.take(fullAt: &fullAt, now: Self.start + Self.second))
  }

  @Test func `each address has a share of its own, an IPv6 network of 64 bits one together`() throws {
    let rates = AddressRates()
    let rate = Rate(perSecond: 1)
    for (text, isTaken) in [
      ("192.0.2.1", true), ("192.0.2.1", false), ("192.0.2.2", true), ("::ffff:192.0.2.2", false), ("2001:db8::1", true),
      ("2001:db8::2", false), ("2001:db8:0:0:ffff::1", false), ("2001:db8:0:1::1", true), ("::1", true), ("::2", false),
    ] {
      #expect(rates.hasRoom(try Self.address(text), rate, now: Self.start) == isTaken, "\(text)")
      #expect(rates.take(try Self.address(text), rate, now: Self.start) == isTaken, "\(text)")
    }
  }

  /// Many more addresses than the table has room for, while one asks for more than it may have.
  @Test func `whoever takes most is not forgotten, and a table that is full lets newcomers in`() throws {
    let rates = AddressRates(capacity: 512)
    let rate = Rate(perSecond: 10)
    let greedy = try Self.address("203.0.113.9")
    for _ in 0..<10 { #expect(rates.take(greedy, rate, now: Self.start)) }
    for number in 0..<100_000 as Range<UInt32> {
      #expect(rates.take(IPAddress(v4: 0x0A00_0000 + number), rate, now: Self.start))
      if number.isMultiple(of: 1000) { #expect(!rates.take(greedy, rate, now: Self.start)) }
    }
    #expect(rates.take(greedy, rate, now: Self.start + Self.second))
  }

  @Test func `addresses that follow each other spread over the whole table`() {
    let rates = AddressRates()
    let rate = Rate(perSecond: 2)
    for number in 0..<32_768 as Range<UInt32> { _ = rates.take(IPAddress(v4: 0x0A00_0000 + number), rate, now: Self.start) }
    // The table is half full: few sets have had a ninth address, which throws one of the eight out.
    let kept = (0..<32_768 as Range<UInt32>).count { number in
      _ = rates.take(IPAddress(v4: 0x0A00_0000 + number), rate, now: Self.start)
      return !rates.hasRoom(IPAddress(v4: 0x0A00_0000 + number), rate, now: Self.start)
    }
    #expect(kept > 31_000, "\(kept)")
  }

  static let policies: [(allow: [String], deny: [String], permitted: [String], refused: [String])] = [
    ([], [], ["192.0.2.1", "::1"], []), (["10.0.0.0/8"], [], ["10.1.2.3", "::ffff:10.1.2.3"], ["11.0.0.1", "::1", "::a01:203"]),
    ([], ["10.0.0.0/8"], ["11.0.0.1", "::1"], ["10.1.2.3"]),
    (["10.0.0.0/8", "fd00::/8"], ["10.1.0.0/16"], ["10.2.0.0", "fd12::1"], ["10.1.0.1", "fc00::1"]),
    (["10.0.0.1"], ["10.0.0.1"], [], ["10.0.0.1"]), (["0.0.0.0/0"], [], ["10.0.0.1"], ["::1"]), (["::/0"], [], ["10.0.0.1", "::1"], []),
  ]

  @Test(arguments: policies)
  func `deny wins, and an empty allow is everybody`(allow: [String], deny: [String], permitted: [String], refused: [String]) throws {
    var policy = AddressPolicy()
    policy.allow = try allow.map { try AddressRange(text: $0) }
    policy.deny = try deny.map { try AddressRange(text: $0) }
    for text in permitted { #expect(policy.permits(try Self.address(text)), "\(text)") }
    for text in refused { #expect(!policy.permits(try Self.address(text)), "\(text)") }
    #expect(policy.permits(nil) == !policy.isOn)
  }

  @Test func `of tokens that were good the last ones are known, and none that was taken out`() {
    var tokens = GoodTokens(capacity: 4)
    let all = (0..<10 as Range<UInt8>).map { Fingerprint([$0]) }
    for token in all {
      tokens.insert(token)
      tokens.insert(token)
      #expect(tokens.contains(token))
    }
    #expect(tokens.contains(all[8]) && !tokens.contains(all[4]))
    tokens.remove(all[8])
    #expect(!tokens.contains(all[8]) && tokens.contains(all[9]))
  }

  @Test func `a place among the listeners of one identity is free again when it is let go`() {
    let holds = ListenerHolds()
    var first = holds.take(.identity("a", .default), limit: 2)
    let second = holds.take(.identity("a", .default), limit: 2)
    #expect(first != nil && second != nil && holds.take(.identity("a", .default), limit: 2) == nil)
    #expect(holds.take(.identity("b", .default), limit: 2) != nil && holds.take(.token(Fingerprint([1])), limit: 1) != nil)
    first = nil
    #expect(holds.take(.identity("a", .default), limit: 2) != nil)
    #expect(holds.take(.identity("a", .default), limit: 0) != nil)
    withExtendedLifetime(second) { #expect(holds.count == 1) }
  }
}
