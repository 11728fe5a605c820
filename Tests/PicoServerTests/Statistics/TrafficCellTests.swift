import PicoCore
import Testing

@testable import PicoServer

/// Counts and latencies of one loop for one listener.
@Suite struct TrafficCellTests {
  private static let second: UInt64 = 1_000_000_000

  @Test func `totals stay and rates are those of the last whole second`() {
    let cell = TrafficCell()
    let start = 1000 * Self.second
    for index in 0..<10 {
      cell.recordResponse(status: index < 3 ? 503 : 204, latency: 1000, now: start, isError: index < 3)
      cell.recordBytes(in: 5, out: 7, now: start)
    }
    cell.recordCut(now: start)
    func report(_ now: UInt64) -> TrafficReport {
      var report = TrafficReport()
      cell.add(to: &report, now: now)
      return report
    }
    #expect(report(start).requestRate == 0)
    let next = report(start + Self.second)
    #expect(next.requestRate == 10)
    #expect(next.errorRate == 4)
    #expect(next.bytesInRate == 50)
    #expect(next.bytesOutRate == 70)
    for later: UInt64 in [2, 3, 4, 5, 8] { #expect(report(start + later * Self.second).requestRate == 0) }
    #expect(next.totals.requests == 10)
    #expect(next.totals.errors == 4)
    #expect(next.totals.status == [0, 7, 0, 0, 3])
  }

  @Test(arguments: [(99, 0), (100, 0), (299, 1), (404, 3), (599, 4), (999, 4)])
  func `any status has a class`(status: Int, index: Int) {
    let cell = TrafficCell()
    cell.recordResponse(status: status, latency: 1, now: Self.second, isError: false)
    #expect(cell.totals.status[index] == 1)
  }

  @Test(arguments: [UInt64(500), 20_000, 3_000_000, 123_456_789, 40_000_000_000])
  func `a latency is told within five percent for ten seconds and then forgotten`(latency: UInt64) {
    var recent = RecentLatency()
    let start = 1000 * Self.second
    for _ in 0..<1000 { recent.record(nanoseconds: latency, now: start) }
    func histogram(_ now: UInt64) -> LatencyHistogram {
      var histogram = LatencyHistogram()
      recent.add(to: &histogram, now: now)
      return histogram
    }
    for later: UInt64 in [0, 2, 5, 8, 9] {
      let median = Double(histogram(start + later * Self.second).percentileNanoseconds(50))
      #expect(abs(median - Double(latency)) <= max(Double(latency) * 0.05, 32))
      #expect(histogram(start + later * Self.second).count == 1000)
    }
    #expect(histogram(start + 10 * Self.second).count == 0)
    #expect(histogram(start + 1000 * Self.second).count == 0)
  }

  @Test func `hours of changing latencies are counted each for its ten seconds`() {
    var recent = RecentLatency()
    var latency: UInt64 = 100
    for round: UInt64 in 0..<5000 {
      let now = (1000 + round * 2) * Self.second
      for _ in 0..<3 {
        recent.record(nanoseconds: latency, now: now)
        latency = latency &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        latency >>= latency & 31
      }
      var histogram = LatencyHistogram()
      recent.add(to: &histogram, now: now)
      #expect(histogram.count == min(3 * (round + 1), 15))
    }
  }
}
