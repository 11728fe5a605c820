import PicoCore
import Testing

@testable import PicoCluster

@Suite struct LookupLimitsTests {
  let start = ContinuousClock.now
  let a = EndpointID("a")!
  var limits = LookupLimits()

  @Test mutating func `one lookup of a route serves all who ask meanwhile`() {
    #expect(limits.decide(a, now: start) == .read)
    #expect(limits.decide(a, now: start) == .join)
    #expect(limits.decide(EndpointID(a.name, of: TenantID("t")!)!, now: start) == .read)
    limits.finished(a, isMissing: false, now: start)
    #expect(limits.decide(a, now: start) == .read)
  }

  @Test mutating func `what was missing is so for a second, unless it appears`() {
    _ = limits.decide(a, now: start)
    limits.finished(a, isMissing: true, now: start)
    #expect(limits.decide(a, now: start + .milliseconds(999)) == .missing)
    #expect(limits.decide(a, now: start + .seconds(1)) == .read)
    limits.finished(a, isMissing: true, now: start + .seconds(1))
    limits.appeared(a)
    #expect(limits.decide(a, now: start + .milliseconds(1001)) == .read)
  }

  @Test mutating func `a hundred a second are read`() {
    func name(_ number: Int) -> EndpointID { EndpointID("e\(number)")! }
    let decisions = (0..<150).map { limits.decide(name($0), now: start) }
    #expect(decisions.count { $0 == .read } == 100)
    #expect(decisions.suffix(50).allSatisfy { $0 == .limited })
    let later = (200..<250).map { limits.decide(name($0), now: start + .milliseconds(200)) }
    #expect(later.count { $0 == .read } == 20)
  }
}
