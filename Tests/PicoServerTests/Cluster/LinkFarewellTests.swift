import Testing

@testable import PicoServer

@Suite struct LinkFarewellTests {
  private static let second: UInt64 = 1_000_000_000

  @Test(
    arguments: [
      (0, true, .serves), (2.9, true, .serves), (3, true, .ends), (3, false, .empties), (12.9, false, .empties), (13, false, .ends),
    ] as [(Double, Bool, LinkFarewell.Step)])
  func `without another link it serves for the handover, and what is open has the grace period behind it`(
    seconds: Double, isIdle: Bool, step: LinkFarewell.Step
  ) {
    let farewell = LinkFarewell(now: Self.second, grace: .seconds(10))
    #expect(farewell.step(now: Self.second + UInt64(seconds * Double(Self.second)), isIdle: isIdle) == step)
  }

  @Test func `with another link it takes nothing new, and ends when nothing is open on it`() {
    var farewell = LinkFarewell(now: Self.second, grace: .seconds(10))
    farewell.replace(now: 2 * Self.second)
    #expect(farewell.step(now: 2 * Self.second, isIdle: false) == .empties)
    #expect(farewell.step(now: 2 * Self.second, isIdle: true) == .ends)
    #expect(farewell.step(now: 14 * Self.second, isIdle: false) == .ends)
    // No later than it was.
    farewell.replace(now: 9 * Self.second)
    #expect(farewell.step(now: 2 * Self.second, isIdle: true) == .ends)
  }
}
