import Testing

@testable import PicoCluster

@Suite(.timeLimit(.minutes(1))) struct DoorbellTests {
  let bell = Doorbell()

  @Test func `a ring before anybody waits is kept, once`() async {
    bell.ring()
    bell.ring()
    await bell.wait()
    let began = ContinuousClock.now
    await bell.wait(until: began + .milliseconds(50))
    #expect(ContinuousClock.now - began >= .milliseconds(50))
  }

  @Test func `who was cancelled while waiting leaves a bell that still waits and rings`() async {
    let cancelled = Task { await bell.wait() }
    cancelled.cancel()
    await cancelled.value
    let began = ContinuousClock.now
    await bell.wait(until: began + .milliseconds(50))
    #expect(ContinuousClock.now - began >= .milliseconds(50))
    async let woken: Void = bell.wait()
    bell.ring()
    await woken
  }
}
