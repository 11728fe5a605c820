/// The bucket scheme of every latency histogram: 16 buckets of equal width in each octave of nanoseconds, so a bucket's midpoint is at
/// most 3.2 % from what fell into it. Below 1.024 µs the buckets are 64 ns wide; at 1,099 s and above everything is in the last one.
///
/// A page is the 16 buckets of one octave: a histogram that keeps only the pages it used stays small.
package enum LatencyBuckets {
  /// Buckets of a page.
  package static let bucketsPerPage = 16
  /// Pages of a whole histogram: one below 2^10 ns and one for each octave from 2^10 to 2^40.
  package static let pagesPerHistogram = 31
  /// Buckets of a whole histogram.
  package static let count = 496
  /// The largest value that has a bucket of its own width.
  package static let maximumNanoseconds: UInt64 = (1 << 40) - 1

  /// The bucket of a value, from 0 to `count - 1`. The page is `index / 16`.
  @inlinable
  package static func index(nanoseconds: UInt64) -> Int {
    let value = min(nanoseconds, maximumNanoseconds)
    // Octaves above the first: 0 for values below 2^11. The first two pages share a width, 64 ns.
    let octave = 53 &- (value | 1024).leadingZeroBitCount
    return octave &* 16 &+ Int(truncatingIfNeeded: value &>> UInt64(truncatingIfNeeded: octave &+ 6))
  }

  /// The least value of the bucket, in nanoseconds. `index` may be `count`: the end of the last bucket.
  package static func lowerBound(_ index: Int) -> UInt64 {
    guard index >= 32 else { return UInt64(max(index, 0)) << 6 }
    let octave = min(index, count) / 16 - 1
    return UInt64(min(index, count) - octave * 16) << UInt64(octave + 6)
  }

  /// The middle of the bucket, in nanoseconds.
  package static func midpoint(_ index: Int) -> UInt64 {
    let index = min(max(index, 0), count - 1)
    return (lowerBound(index) + lowerBound(index + 1)) / 2
  }
}
