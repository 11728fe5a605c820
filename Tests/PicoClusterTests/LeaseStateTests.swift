import EtcdClient
import Testing

@testable import PicoCluster

@Suite struct LeaseStateTests {
  let start = ContinuousClock.now
  let lease = EtcdLease(id: 7)

  @Test func `it is renewed when a third of its time has passed since it was asked for`() {
    var state = LeaseState(now: start)
    #expect(state.next(now: start) == .grant)
    state.granted(lease, lasting: .seconds(9), now: start)
    #expect(state.next(now: start) == .wait(start + .seconds(3)))
    #expect(state.next(now: start + .seconds(3)) == .keepAlive(lease))
    state.kept(lease, lasting: .seconds(9), started: start + .seconds(3))
    #expect(state.next(now: start + .seconds(4)) == .wait(start + .seconds(6)))
  }

  @Test func `no answer is no loss, however long there is none`() {
    var state = LeaseState(now: start)
    state.granted(lease, lasting: .seconds(9), now: start)
    for second in 3..<600 {
      let now = start + .seconds(second)
      #expect(state.next(now: now) == .keepAlive(lease))
      state.keepingFailed(lease, now: now)
      #expect(state.next(now: now) == .wait(now + .milliseconds(250)))
    }
  }

  @Test func `when the store does not know it a new one is asked for, once`() {
    var state = LeaseState(now: start)
    state.granted(lease, lasting: .seconds(9), now: start)
    let losses = [EtcdLease(id: 6), lease, lease].map { state.lost($0, now: start) }
    #expect(losses == [false, true, false])
    #expect(state.next(now: start) == .grant)
    state.grantFailed(now: start)
    #expect(state.next(now: start) == .wait(start + .milliseconds(250)))
    state.kept(lease, lasting: .seconds(9), started: start)
    #expect(state.lease == nil)
  }

  @Test func `a doubt has it asked for now`() {
    var state = LeaseState(now: start)
    state.doubt(now: start)
    #expect(state.next(now: start) == .grant)
    state.granted(lease, lasting: .seconds(9), now: start)
    state.doubt(now: start + .seconds(1))
    #expect(state.next(now: start + .seconds(1)) == .keepAlive(lease))
  }
}
