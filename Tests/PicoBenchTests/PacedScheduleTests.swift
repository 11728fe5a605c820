import Testing

@testable import PicoBench

@Suite struct PacedScheduleTests {
  @Test func `requests are due at the rate, whenever they are taken`() {
    var schedule = PacedSchedule(start: 1000, rate: 1e6, count: 4)
    #expect(schedule.take(now: 999) == nil)
    #expect(schedule.take(now: 1000) == 1000)
    #expect(schedule.next == 2000)
    #expect(schedule.take(now: 1999) == nil)
    // Late: each still counts from when it was due.
    #expect(schedule.take(now: 9000) == 2000)
    #expect(schedule.take(now: 9000) == 3000)
    #expect(schedule.take(now: 9000) == 4000)
    #expect(schedule.take(now: 9000) == nil)
    #expect(schedule.next == nil)
  }

  @Test func `a rate that divides nothing does not drift`() {
    var schedule = PacedSchedule(start: 0, rate: 3, count: 3_000_001)
    var last: UInt64 = 0
    while let due = schedule.take(now: .max) { last = due }
    #expect(abs(Double(last) - 1e15) < 1000)
  }
}
