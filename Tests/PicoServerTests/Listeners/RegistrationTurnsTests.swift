import Testing

@testable import PicoServer

@Suite struct RegistrationTurnsTests {
  @Test func `a slice is taken at once, and the rest a slice for each pause, the first first`() {
    var turns = RegistrationTurns()
    let slice = RegistrationTurns.slice
    for _ in 0..<slice {
      let isTaken = turns.come()
      #expect(isTaken)
    }
    for _ in 0..<slice + 3 {
      let isTaken = turns.come()
      #expect(!isTaken)
    }
    #expect(turns.next() == slice)
    // Who comes now is behind those that wait.
    let isTaken = turns.come()
    #expect(!isTaken)
    #expect(turns.next() == 4)
    for _ in 0..<slice - 4 {
      let isTaken = turns.come()
      #expect(isTaken)
    }
    let isLate = turns.come()
    #expect(!isLate)
    #expect(turns.next() == 1)
    #expect(turns.next() == nil)
    #expect(turns == RegistrationTurns())
  }
}
