import PicoCore
import Testing

@Suite struct LatencyHistogramTests {
  @Test func `buckets follow each other without a gap`() {
    for index in 0..<LatencyBuckets.count {
      let lower = LatencyBuckets.lowerBound(index)
      let end = LatencyBuckets.lowerBound(index + 1)
      #expect(lower < end)
      #expect(LatencyBuckets.index(nanoseconds: lower) == index)
      #expect(LatencyBuckets.index(nanoseconds: end - 1) == index)
    }
    #expect(LatencyBuckets.lowerBound(0) == 0)
    #expect(LatencyBuckets.lowerBound(LatencyBuckets.count) == LatencyBuckets.maximumNanoseconds + 1)
    #expect(LatencyBuckets.count == LatencyBuckets.pagesPerHistogram * LatencyBuckets.bucketsPerPage)
  }

  @Test func `a page is an octave`() {
    #expect(LatencyBuckets.index(nanoseconds: 1024) / 16 == 1)
    #expect(LatencyBuckets.index(nanoseconds: 2047) / 16 == 1)
    #expect(LatencyBuckets.index(nanoseconds: 2048) / 16 == 2)
  }

  @Test func `what no bucket holds goes into the last`() {
    #expect(LatencyBuckets.index(nanoseconds: .max) == LatencyBuckets.count - 1)
    #expect(LatencyBuckets.maximumNanoseconds > 1_000_000_000_000)
  }

  @Test func `a midpoint is within 5 percent from 1 microsecond on`() {
    var generator = SplitMixGenerator(seed: 1)
    for _ in 0..<20_000 {
      let value = UInt64.random(in: 1000...(1 << UInt64.random(in: 10...39, using: &generator)), using: &generator)
      let midpoint = Double(LatencyBuckets.midpoint(LatencyBuckets.index(nanoseconds: value)))
      #expect(abs(midpoint / Double(value) - 1) < 0.05)
    }
  }

  @Test func `percentiles are those of the sorted values`() {
    var histogram = LatencyHistogram()
    var generator = SplitMixGenerator(seed: 2)
    let values = (0..<10_000).map { _ in UInt64.random(in: 1000...50_000_000, using: &generator) }.sorted()
    for value in values { histogram.record(nanoseconds: value) }
    for percent in [0.01, 1, 50, 90, 99, 99.9, 99.99] {
      let exact = Double(values[Int((percent / 100 * 10_000).rounded(.up)) - 1])
      #expect(abs(Double(histogram.percentileNanoseconds(percent)) / exact - 1) < 0.05)
    }
    #expect(histogram.percentileNanoseconds(100) == values.last)
    #expect(histogram.max == .nanoseconds(Int64(values.last!)))
    #expect(histogram.count == 10_000)
    #expect(histogram.sumNanoseconds == values.reduce(0, +))
  }

  @Test func `an empty histogram is all zero`() {
    #expect(LatencyHistogram().percentile(99) == .zero)
    #expect(LatencyHistogram().max == .zero)
    #expect(LatencyHistogram().mean == .zero)
  }

  @Test func `merging is the same as recording into one`() {
    var left = LatencyHistogram()
    var right = LatencyHistogram()
    var both = LatencyHistogram()
    for value in stride(from: UInt64(1), to: 1_000_000, by: 997) {
      if value % 2 == 0 { left.record(nanoseconds: value) } else { right.record(nanoseconds: value) }
      both.record(nanoseconds: value)
    }
    left.merge(right)
    #expect(left == both)
  }

  @Test func `buckets of another histogram can be added`() {
    var histogram = LatencyHistogram()
    histogram.add(5, toBucket: LatencyBuckets.index(nanoseconds: 1_000_000))
    histogram.add(1, toBucket: LatencyBuckets.count)
    #expect(histogram.count == 5)
    #expect(abs(histogram.percentile(50).inMilliseconds - 1) < 0.05)
    #expect(histogram.count(upTo: 500_000) == 0)
    #expect(histogram.count(upTo: 2_000_000) == 5)
  }
}
