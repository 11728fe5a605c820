import PicoCore
import Testing

@testable import PicoServer

@Suite struct DepartureTests {
  private static let (low, high) = (NodeID("n-0000000000000001")!, NodeID("n-0000000000000002")!)

  @Test func `a node leaves when another one stays, and not twice`() {
    var departure = Departure()
    let begun = [departure.mean(), departure.mean()]
    #expect(begun == [true, false])
    let leaves = departure.decide(othersStay: true)
    #expect(leaves && departure.state == .leaves)
    let again = [departure.mean(), departure.decide(othersStay: true), departure.stays(for: Self.low, own: Self.high)]
    #expect(again == [false, false, false] && departure.state == .leaves)
  }

  @Test func `a node that is the last one stays, and can be asked again`() {
    var departure = Departure()
    let leaves = [departure.mean(), departure.decide(othersStay: false)]
    #expect(leaves == [true, false] && departure.state == .stays)
    let after = [departure.stays(for: Self.high, own: Self.low), departure.mean()]
    #expect(after == [true, true])
  }

  /// In every order of what two nodes hear of each other.
  @Test func `of two that ask each other at once the one with the lower ID goes`() {
    for lowIsFirst in [true, false] {
      var (low, high) = (Departure(), Departure())
      let begun = [low.mean(), high.mean()]
      #expect(begun == [true, true])
      let answers: (toLow: Bool, toHigh: Bool)
      if lowIsFirst {
        let toLow = high.stays(for: Self.low, own: Self.high)
        answers = (toLow, low.stays(for: Self.high, own: Self.low))
      } else {
        let toHigh = low.stays(for: Self.high, own: Self.low)
        answers = (high.stays(for: Self.low, own: Self.high), toHigh)
      }
      #expect(answers == (true, false))
      let leave = [low.decide(othersStay: answers.toLow), high.decide(othersStay: answers.toHigh)]
      #expect(leave == [true, false])
      #expect(low.state == .leaves && high.state == .stays)
    }
  }

  @Test func `who has said that it stays does, although a third node would stay too`() {
    var high = Departure()
    let said = [high.mean(), high.stays(for: Self.low, own: Self.high), high.decide(othersStay: true)]
    #expect(said == [true, true, false] && high.state == .stays)
  }
}
