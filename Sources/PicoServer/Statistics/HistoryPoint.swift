internal import PicoCore
internal import PicoStatus

/// One second or ten of traffic in 64 bytes: percentiles as numbers of buckets, and a histogram that is as fine as eleven counts allow.
struct HistoryPoint: Sendable {
  /// Steady seconds at which it begins.
  let epoch: UInt32
  let requests: UInt32
  let errors: UInt32
  /// Buckets of `LatencyBuckets`; meaningless without latencies.
  private let p50: UInt16
  private let p90: UInt16
  private let p99: UInt16
  private let counts: InlineArray<11, Count>

  /// Seven bits of the first bucket's quarter octave, three for how many octaves' quarters it spans, 22 of the count.
  private struct Count: Sendable {
    var packed: UInt32 = 0

    init() {}

    init(quarter: Int, spanShift: Int, count: UInt64) {
      packed = UInt32(quarter) << 25 | UInt32(spanShift) << 22 | UInt32(min(count, (1 << 22) - 1))
    }

    var quarter: Int { Int(packed >> 25) }
    var spanShift: Int { Int(packed >> 22 & 7) }
    var count: UInt64 { UInt64(packed & ((1 << 22) - 1)) }
  }

  private static let bucketsPerQuarter = 4

  init(epoch: UInt64, _ slice: TrafficSlice) {
    self.epoch = UInt32(truncatingIfNeeded: epoch)
    requests = UInt32(clamping: slice.requests)
    errors = UInt32(clamping: slice.errors)
    let percentiles = slice.latency.nanoseconds(atPercents: [50, 90, 99]).map { UInt16(LatencyBuckets.index(nanoseconds: $0)) }
    (p50, p90, p99) = (percentiles[0], percentiles[1], percentiles[2])
    counts = Self.coarse(slice.latency.buckets)
  }

  /// Neighbouring quarters of an octave are merged, two, four, eight together, until there are few enough.
  private static func coarse(_ buckets: [LatencyBucket]) -> InlineArray<11, Count> {
    var counts = InlineArray<11, Count>(repeating: Count())
    for shift in 0..<5 {
      var used = 0
      var last = -1
      var fits = true
      for bucket in buckets {
        let group = (bucket.index / bucketsPerQuarter) >> shift
        if group != last {
          guard used < 11 else {
            fits = false
            break
          }
          counts[used] = Count(quarter: group << shift, spanShift: shift, count: bucket.count)
          used += 1
          last = group
        } else {
          counts[used - 1] = Count(quarter: group << shift, spanShift: shift, count: counts[used - 1].count + bucket.count)
        }
      }
      guard !fits else { return counts }
      counts = InlineArray<11, Count>(repeating: Count())
    }
    return counts
  }

  /// Each count stands at the bucket in the middle of what it covers.
  var latencyBuckets: [LatencyBucket] {
    var buckets: [LatencyBucket] = []
    for index in 0..<11 where counts[index].count > 0 {
      let width = Self.bucketsPerQuarter << counts[index].spanShift
      let middle = counts[index].quarter * Self.bucketsPerQuarter + width / 2
      buckets.append(LatencyBucket(index: min(middle, LatencyBuckets.count - 1), count: counts[index].count))
    }
    return buckets
  }

  /// As the wire has it; `seconds` is what the point covers.
  func point(seconds: Int) -> HistorySeries.Point {
    let buckets = latencyBuckets
    func milliseconds(_ bucket: UInt16) -> Double { buckets.isEmpty ? 0 : Double(LatencyBuckets.midpoint(Int(bucket))) / 1e6 }
    return HistorySeries.Point(
      requestRate: Double(requests) / Double(seconds), errorRate: Double(errors) / Double(seconds), p50: milliseconds(p50),
      p90: milliseconds(p90), p99: milliseconds(p99), latencyBuckets: buckets)
  }
}
