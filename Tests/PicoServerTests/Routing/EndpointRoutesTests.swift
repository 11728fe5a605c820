import NIOCore
import NIOPosix
import PicoCore
import PicoTunnel
import Synchronization
import Testing

@testable import PicoServer

/// Which listener a request is given to.
@Suite struct EndpointRoutesTests {
  private static let second: UInt64 = 1_000_000_000
  private static let endpoint = EndpointID("e")!
  private let here = LoopResources(eventLoop: MultiThreadedEventLoopGroup.singleton.next(), index: 0)
  private let there = LoopResources(eventLoop: MultiThreadedEventLoopGroup.singleton.next(), index: 1)
  private let none = InlineArray<3, ListenerID?>(repeating: nil)

  private func listener(_ loop: LoopResources? = nil, inFlight: Int = 0, weight: Int = 1) -> Listener {
    let listener = Listener(
      id: .random(), endpoint: Self.endpoint, loop: loop ?? here, loopCount: 2, isPico: true, remoteAddress: "", connectedAt: 0,
      agent: Listener.AgentFacts())
    listener.inFlight.store(inFlight, ordering: .relaxed)
    listener.weight = weight
    return listener
  }

  private func routes(_ listeners: [Listener]) -> EndpointRoutes {
    let routes = EndpointRoutes(endpoint: Self.endpoint)
    for listener in listeners { routes.add(listener) }
    return routes
  }

  /// How often each is picked of a thousand.
  private func picks(_ listeners: [Listener], now: UInt64 = 1000 * second) -> [Int] {
    let routes = routes(listeners)
    var counts = [Int](repeating: 0, count: listeners.count)
    for _ in 0..<1000 {
      guard let picked = routes.pick(excluding: none, caller: here, now: now) else { continue }
      if let index = listeners.firstIndex(where: { $0 === picked }) { counts[index] += 1 }
    }
    return counts
  }

  private func leaveOut(_ listener: Listener, now: UInt64 = 1000 * second) {
    for _ in 0..<Listener.failureLimit { _ = listener.recordConnectFailure(isHalfFailing: false, now: now) }
  }

  @Test func `the one with fewer requests in flight is taken, by weight`() {
    #expect(picks([listener(inFlight: 1), listener(inFlight: 0)]) == [0, 1000])
    #expect(picks([listener(inFlight: 3, weight: 4), listener(inFlight: 1)]) == [1000, 0])
    // Of three, two are looked at: the worst is never taken, the best in two of three cases.
    let counts = picks([listener(inFlight: 2), listener(inFlight: 1), listener(inFlight: 0)])
    #expect(counts[0] == 0)
    #expect((600...730).contains(counts[2]))
  }

  @Test func `of equals the one on the request's loop is taken`() {
    #expect(picks([listener(there), listener(here)]) == [0, 1000])
    let apart = picks([listener(here), listener(here), listener(here)])
    #expect(apart.allSatisfy { $0 > 200 })
  }

  @Test func `those that drain or were tried get nothing`() {
    let one = listener()
    let two = listener()
    let three = listener()
    two.state = .draining
    #expect(picks([one, two, three])[1] == 0)
    var tried = none
    tried[0] = one.id
    let routes = routes([one, two, three])
    for _ in 0..<100 { #expect(routes.pick(excluding: tried, caller: here, now: 1) === three) }
    tried[1] = three.id
    #expect(routes.pick(excluding: tried, caller: here, now: 1) == nil)
    one.state = .draining
    #expect(self.routes([one]).pick(excluding: none, caller: here, now: 1) == nil)
    #expect(self.routes([]).pick(excluding: none, caller: here, now: 1) == nil)
  }

  @Test func `those left out get nothing, unless they are the last or more than half`() {
    let one = listener()
    let two = listener()
    leaveOut(one)
    #expect(picks([one, two]) == [0, 1000])
    #expect(picks([one]) == [1000])
    leaveOut(two)
    #expect(picks([one, two]).allSatisfy { $0 > 300 })
    let three = listener()
    #expect(picks([one, two, three])[0] > 0)
    let four = listener()
    #expect(picks([one, two, three, four]).prefix(2) == [0, 0])
  }

  @Test func `those whose upstream is down are the very last choice`() {
    let down = listener()
    down.state = .unhealthy
    let out = listener()
    leaveOut(out)
    #expect(picks([down, out]) == [0, 1000])
    #expect(picks([down]) == [1000])
    // They do not count for the half either.
    let others = [listener(), listener()]
    #expect(picks([down, listener().unhealthy(), out] + others).prefix(3) == [0, 0, 0])
  }

  @Test func `a listener is left out for one second, doubling to thirty, until a response comes`() {
    let listener = listener()
    var now = 1000 * Self.second
    for _ in 0..<4 { #expect(!listener.recordConnectFailure(isHalfFailing: false, now: now)) }
    for leave: UInt64 in [1, 2, 4, 8, 16, 30, 30] {
      #expect(listener.recordConnectFailure(isHalfFailing: false, now: now))
      // More failures at that time make it no longer.
      #expect(!listener.recordConnectFailure(isHalfFailing: false, now: now))
      #expect(listener.isLeftOut(now: now + leave * Self.second - 1))
      now += leave * Self.second
      #expect(!listener.isLeftOut(now: now))
    }
    #expect(listener.recordConnectFailure(isHalfFailing: false, now: now))
    listener.recordSuccess(now: now)
    #expect(!listener.isLeftOut(now: now))
    for _ in 0..<4 { #expect(!listener.recordConnectFailure(isHalfFailing: false, now: now)) }
    #expect(listener.recordConnectFailure(isHalfFailing: false, now: now))
    #expect(!listener.isLeftOut(now: now + Self.second))
  }

  @Test func `a listener of which every other request fails is left out whatever else comes`() {
    let listener = listener()
    let cell = listener.cell(here)
    let now = 1000 * Self.second
    var isOut = false
    var requests = 0
    while !isOut, requests < 100 {
      cell.recordResponse(status: 200, latency: 1, now: now, isError: false)
      listener.recordSuccess(now: now)
      isOut = listener.recordConnectFailure(isHalfFailing: cell.recordConnectFailure(now: now), now: now)
      requests += 2
    }
    #expect(requests == 10)
    listener.recordSuccess(now: now)
    #expect(listener.isLeftOut(now: now))
    // One in three is not enough, and neither are those of long ago.
    let other = self.listener()
    let otherCell = other.cell(here)
    for round in 0..<100 {
      for _ in 0..<2 { otherCell.recordResponse(status: 200, latency: 1, now: now, isError: false) }
      #expect(!otherCell.recordConnectFailure(now: now), "\(round)")
    }
    for _ in 0..<4 { #expect(!otherCell.recordConnectFailure(now: now + 20 * Self.second)) }
    #expect(otherCell.recordConnectFailure(now: now + 20 * Self.second))
  }

  @Test func `an endpoint without listeners is forgotten, and a new listener has new routes`() {
    let table = RouteTable()
    let one = listener()
    let routes = table.add(one)
    #expect(table.routes(of: Self.endpoint) === routes)
    table.remove(one)
    table.remove(one)
    #expect(routes.isRetired)
    #expect(table.routes(of: Self.endpoint) == nil)
    #expect(table.add(listener()) !== routes)
  }

  @Test func `a bucket gives what it holds, fills with time and never for a clock that goes back`() {
    var bucket = TokenBucket()
    let now = 1000 * Self.second
    func taken(_ count: Int, at time: UInt64) -> Int { (0..<count).filter { _ in bucket.take(rate: 10, now: time) }.count }
    #expect(taken(20, at: now) == 10)
    #expect(taken(5, at: now - Self.second) == 0)
    #expect(taken(5, at: now + Self.second / 5) == 2)
    #expect(taken(20, at: now + 100 * Self.second) == 10)
  }
}

extension Listener {
  fileprivate func unhealthy() -> Listener {
    state = .unhealthy
    return self
  }
}
