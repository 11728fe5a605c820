import PicoCore
import Testing

@testable import PicoServer

@Suite struct PeerRoutesTests {
  private let start = ContinuousClock.now
  private let kept = EndpointID("kept")!
  private let said = EndpointID("said")!

  /// A value is not changed in an expectation, what holds it is.
  private final class Kept {
    private var routes = PeerRoutes()
    var counts: [EndpointID: Int] { routes.counts }
    var isUnlisted: Bool { routes.isUnlisted }
    func tell(_ count: Int, of endpoint: EndpointID) -> Bool { routes.tell(count, of: endpoint) }
    func unlist() { routes.unlist() }
    func list(now: PeerRoutes.Instant) { routes.list(now: now) }
    func endDoubt(now: PeerRoutes.Instant) -> [EndpointID] { routes.endDoubt(now: now) }
  }

  private func known() -> Kept {
    let routes = Kept()
    _ = routes.tell(2, of: kept)
    _ = routes.tell(1, of: said)
    return routes
  }

  @Test func `counts are as they were told last, and what changes nothing is said to`() {
    let routes = known()
    #expect(routes.counts == [kept: 2, said: 1])
    #expect(!routes.tell(2, of: kept))
    #expect(routes.tell(3, of: kept))
    #expect(routes.tell(0, of: kept))
    #expect(!routes.tell(0, of: kept))
    #expect(routes.counts == [said: 1])
  }

  @Test func `what a node had stays when all its keys are gone`() {
    let routes = known()
    routes.unlist()
    #expect(routes.isUnlisted)
    #expect(!routes.tell(0, of: kept))
    #expect(routes.counts == [kept: 2, said: 1])
    #expect(routes.endDoubt(now: start + .seconds(3600)).isEmpty, "for as long as it takes")
  }

  @Test func `what a node says anew can be taken back at once, also before its record is there`() {
    let routes = known()
    routes.unlist()
    #expect(!routes.tell(1, of: said), "it is what was kept")
    #expect(routes.tell(0, of: said))
    #expect(routes.counts == [kept: 2])
  }

  @Test func `what a node that is back does not say again is dropped when its time is over`() {
    let routes = known()
    routes.unlist()
    routes.list(now: start)
    #expect(!routes.isUnlisted)
    _ = routes.tell(1, of: said)
    #expect(routes.endDoubt(now: start + PeerRoutes.patience - .milliseconds(1)).isEmpty)
    #expect(routes.endDoubt(now: start + PeerRoutes.patience) == [kept])
    #expect(routes.counts == [said: 1])
    #expect(routes.endDoubt(now: start + PeerRoutes.patience * 2).isEmpty)
  }

  @Test func `a node that is back says what it has no longer`() {
    let routes = known()
    routes.unlist()
    routes.list(now: start)
    #expect(!routes.tell(1, of: said) && routes.tell(0, of: said))
    #expect(routes.counts == [kept: 2])
  }

  @Test func `keys that go a second time begin it anew`() {
    let routes = known()
    routes.unlist()
    routes.list(now: start)
    _ = routes.tell(1, of: said)
    routes.unlist()
    #expect(!routes.tell(0, of: said) && !routes.tell(0, of: kept))
    #expect(routes.endDoubt(now: start + PeerRoutes.patience * 2).isEmpty)
    #expect(routes.counts == [kept: 2, said: 1])
  }
}
