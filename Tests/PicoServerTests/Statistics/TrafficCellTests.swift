import PicoCore
import PicoStatus
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
    func report(_ now: UInt64) -> TrafficReport { cell.report(now: now) }
    #expect(report(start).requestRate == 0)
    let next = report(start + Self.second)
    #expect(next.requestRate == 10)
    #expect(next.errorRate == 4)
    #expect(next.bytesInRate == 50)
    #expect(next.bytesOutRate == 70)
    for later: UInt64 in [2, 3, 4, 5, 8] { #expect(report(start + later * Self.second).requestRate == 0) }
    #expect(next.totals.requests == 10)
    #expect(next.totals.errors == 4)
    #expect(next.totals.status == StatusClasses(successful: 7, serverError: 3))
  }

  @Test(arguments: [(99, 0), (100, 0), (299, 1), (404, 3), (599, 4), (999, 4)])
  func `any status has a class`(status: Int, index: Int) {
    let cell = TrafficCell()
    cell.recordResponse(status: status, latency: 1, now: Self.second, isError: false)
    let status = cell.totals.status
    let classes = [status.informational, status.successful, status.redirection, status.clientError, status.serverError]
    #expect(classes.enumerated().allSatisfy { $0.element == ($0.offset == index ? 1 : 0) })
  }

  @Test(arguments: [UInt64(500), 20_000, 3_000_000, 123_456_789, 40_000_000_000])
  func `a latency is told within five percent for ten seconds and then forgotten`(latency: UInt64) {
    var recent = RecentLatency()
    let start = 1000 * Self.second
    for _ in 0..<1000 { recent.record(nanoseconds: latency, now: start) }
    for later: UInt64 in [0, 2, 5, 8, 9] {
      let counts = recent.counts(now: start + later * Self.second)
      for value in counts.nanoseconds(atPercents: [50, 99, 100]) {
        #expect(abs(Double(value) - Double(latency)) <= max(Double(latency) * 0.05, 32))
      }
      #expect(counts.count == 1000)
    }
    #expect(recent.counts(now: start + 10 * Self.second).isEmpty)
    #expect(recent.counts(now: start + 1000 * Self.second).isEmpty)
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
      #expect(recent.counts(now: now).count == min(3 * (round + 1), 15))
      #expect(recent.counts(epoch: 1000 + round * 2).count == 3)
      #expect(recent.counts(epoch: 999 + round * 2).isEmpty)
    }
  }

  @Test func `sparse counts have the percentiles of a histogram, also when they are merged`() {
    var generator = SplitMixGenerator(seed: 7)
    for _ in 0..<200 {
      var histogram = LatencyHistogram()
      var merged = LatencyCounts()
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        var recent = RecentLatency()
        for _ in 0..<Int.random(in: 0...40, using: &generator) {
          let latency = UInt64.random(in: 100...(1 << UInt64.random(in: 8...34, using: &generator)), using: &generator)
          histogram.record(nanoseconds: latency)
          recent.record(nanoseconds: latency, now: 5 * Self.second)
        }
        merged.merge(recent.counts(now: 5 * Self.second))
      }
      #expect(merged.count == histogram.count)
      #expect(merged.nanoseconds(atPercents: [1, 50, 90, 99, 100]) == [1, 50, 90, 99, 100].map(histogram.percentileNanoseconds))
      #expect(merged.buckets.map(\.index) == merged.buckets.map(\.index).sorted())
    }
  }

  @Test func `a cell without traffic for twelve seconds is idle, and gives its memory back`() {
    let cell = TrafficCell()
    cell.listedAt = 100 * Self.second
    cell.recordResponse(status: 200, latency: 1000, now: 105 * Self.second, isError: false)
    #expect(!cell.isIdle(now: 116 * Self.second))
    #expect(cell.isIdle(now: 117 * Self.second))
    let before = cell.report(now: 117 * Self.second)
    cell.unlist()
    #expect(cell.report(now: 117 * Self.second) == before)
    #expect(before == before.idle)
  }

  @Test func `a second is read by itself`() {
    let cell = TrafficCell()
    cell.recordResponse(status: 500, latency: 2_000_000, now: 50 * Self.second, isError: true)
    cell.recordResponse(status: 200, latency: 1_000_000, now: 51 * Self.second, isError: false)
    let slice = cell.slice(epoch: 50)
    #expect(slice?.requests == 1)
    #expect(slice?.errors == 1)
    #expect(slice?.latency.count == 1)
    #expect(cell.slice(epoch: 49) == nil)
    #expect(cell.slice(epoch: 51)?.errors == 0)
  }
}
