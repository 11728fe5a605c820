/// A dense histogram in the scheme of `LatencyBuckets` for those who read, merge and print: 4 KiB on the heap.
package struct LatencyHistogram: Sendable, Equatable {
  /// One count for each bucket.
  package private(set) var buckets = [UInt64](repeating: 0, count: LatencyBuckets.count)
  /// Values recorded.
  package private(set) var count: UInt64 = 0
  /// The sum of what was recorded, in nanoseconds; of added buckets, the sum of their midpoints.
  package private(set) var sumNanoseconds: UInt64 = 0
  /// The largest value recorded, in nanoseconds; of added buckets, the midpoint of the last.
  package private(set) var maximumNanoseconds: UInt64 = 0

  package init() {}

  /// Records a value `times` times.
  package mutating func record(nanoseconds: UInt64, times: UInt64 = 1) {
    guard times > 0 else { return }
    buckets[LatencyBuckets.index(nanoseconds: nanoseconds)] &+= times
    count &+= times
    sumNanoseconds &+= nanoseconds &* times
    maximumNanoseconds = Swift.max(maximumNanoseconds, nanoseconds)
  }

  /// Records a duration; a negative one counts as zero.
  package mutating func record(_ duration: Duration) {
    record(nanoseconds: UInt64(Swift.max(0, duration.nanoseconds)))
  }

  /// Adds what a bucket of another histogram counted, when the values themselves are gone.
  package mutating func add(_ times: UInt64, toBucket index: Int) {
    guard buckets.indices.contains(index) else { return }
    record(nanoseconds: LatencyBuckets.midpoint(index), times: times)
  }

  package mutating func merge(_ other: LatencyHistogram) {
    for index in buckets.indices { buckets[index] &+= other.buckets[index] }
    count &+= other.count
    sumNanoseconds &+= other.sumNanoseconds
    maximumNanoseconds = Swift.max(maximumNanoseconds, other.maximumNanoseconds)
  }

  /// The value that `percent` of the values do not exceed, within 3.2 %; zero when nothing was recorded. 100 gives the maximum.
  package func percentile(_ percent: Double) -> Duration {
    .nanoseconds(Int64(clamping: percentileNanoseconds(percent)))
  }

  /// As `percentile(_:)`.
  package func percentileNanoseconds(_ percent: Double) -> UInt64 {
    guard count > 0 else { return 0 }
    let share = min(Swift.max(percent, 0), 100) / 100
    let rank = min(Swift.max(UInt64((share * Double(count)).rounded(.up)), 1), count)
    guard rank < count else { return maximumNanoseconds }
    var seen: UInt64 = 0
    for (index, bucket) in buckets.enumerated() {
      seen &+= bucket
      if seen >= rank { return min(LatencyBuckets.midpoint(index), maximumNanoseconds) }
    }
    return maximumNanoseconds
  }

  /// The largest value; zero when nothing was recorded.
  package var max: Duration { .nanoseconds(Int64(clamping: maximumNanoseconds)) }

  /// The mean; zero when nothing was recorded.
  package var mean: Duration { count == 0 ? .zero : .nanoseconds(Int64(clamping: sumNanoseconds / count)) }

  /// Values recorded at or below a bound, within the width of a bucket, for cumulative buckets of another scheme.
  package func count(upTo nanoseconds: UInt64) -> UInt64 {
    buckets[...LatencyBuckets.index(nanoseconds: nanoseconds)].reduce(0, &+)
  }
}
