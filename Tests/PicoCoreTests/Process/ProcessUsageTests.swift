import Glibc
import Testing

@testable import PicoCore

@Suite struct ProcessUsageTests {
  @Test func `this process has memory, threads, descriptors and a start in the past`() throws {
    let usage = try #require(ProcessUsage.current())
    #expect(usage.residentBytes > 1 << 20)
    #expect(usage.virtualBytes >= usage.residentBytes)
    #expect(usage.threads >= 1)
    #expect(try #require(usage.openDescriptors) >= 3)
    #expect(usage.startedAt > Double(time(nil)) - 3600)
    #expect(usage.startedAt < Double(time(nil)) + 1)
    #expect(ProcessUsage.descriptorLimit >= 64)
  }

  @Test func `processor time grows with work`() throws {
    let before = try #require(ProcessUsage.current()).cpu
    let deadline = ContinuousClock.now + .seconds(20)
    var value: UInt64 = 1
    var after = before
    while after < before + .milliseconds(20), ContinuousClock.now < deadline {
      for _ in 0..<100_000 { value = value &* 6_364_136_223_846_793_005 &+ 1 }
      after = try #require(ProcessUsage.current()).cpu
    }
    #expect(after >= before + .milliseconds(20), "\(value)")
  }

  @Test func `a process that is not there has no usage`() {
    #expect(ProcessUsage(pid: 0x3fff_ffff) == nil)
  }
}
