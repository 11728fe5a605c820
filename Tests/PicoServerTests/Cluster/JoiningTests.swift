import Testing

@testable import PicoServer

@Suite struct JoiningTests {
  private let start = ContinuousClock.now

  @Test(arguments: [
    (true, Duration.zero, false), (true, .milliseconds(299), false), (true, Joining.hearing, true), (false, Joining.hearing, false),
    (false, .milliseconds(1999), false), (false, Joining.patience, true),
  ])
  func `a node is ready a moment after its reading, when it is linked or has waited long enough`(
    isLinked: Bool, waited: Duration, isReady: Bool
  ) {
    var joining = Joining()
    joining.read(now: start)
    #expect((joining.reason(isLinked: isLinked, now: start + waited) == nil) == isReady)
  }

  @Test func `a store that was not read is the reason, however long that takes`() {
    var joining = Joining()
    #expect(joining.reason(isLinked: true, now: start + .seconds(60)) == "cluster not read yet")
    joining.read(now: start + .seconds(60))
    #expect(joining.reason(isLinked: false, now: start + .seconds(61)) == "not linked to all nodes yet")
  }

  @Test func `what was read again, or a link that is lost later, makes no node unready`() {
    var joining = Joining()
    joining.read(now: start)
    #expect(joining.reason(isLinked: true, now: start + .seconds(1)) == nil)
    joining.read(now: start + .seconds(1))
    #expect(joining.reason(isLinked: false, now: start + .seconds(1)) == nil)
  }
}
