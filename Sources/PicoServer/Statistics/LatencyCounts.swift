internal import PicoCore
internal import PicoStatus

/// Latencies as counts of the buckets that are not empty: what a few requests of many listeners need, where a dense histogram is 4 KiB.
struct LatencyCounts: Equatable, Sendable {
  /// By rising index.
  var buckets: [LatencyBucket] = []
  /// The largest latency itself; 0 when there is none.
  var maximumNanoseconds: UInt64 = 0

  var isEmpty: Bool { buckets.isEmpty }
  var count: UInt64 { buckets.reduce(0) { $0 &+ $1.count } }

  mutating func merge(_ other: LatencyCounts) {
    maximumNanoseconds = max(maximumNanoseconds, other.maximumNanoseconds)
    guard !other.isEmpty else { return }
    guard !isEmpty else {
      buckets = other.buckets
      return
    }
    var merged: [LatencyBucket] = []
    merged.reserveCapacity(buckets.count + other.buckets.count)
    var left = buckets[...]
    var right = other.buckets[...]
    while let one = left.first, let two = right.first {
      if one.index == two.index {
        merged.append(LatencyBucket(index: one.index, count: one.count &+ two.count))
        left.removeFirst()
        right.removeFirst()
      } else if one.index < two.index {
        merged.append(left.removeFirst())
      } else {
        merged.append(right.removeFirst())
      }
    }
    buckets = merged + left + right
  }

  /// As ``LatencyHistogram/percentileNanoseconds(_:)``, for rising percentages.
  func nanoseconds(atPercents percents: [Double]) -> [UInt64] {
    let count = count
    guard count > 0 else { return percents.map { _ in 0 } }
    var seen: UInt64 = 0
    var place = buckets.startIndex
    return percents.map { percent in
      let rank = min(max(UInt64((percent / 100 * Double(count)).rounded(.up)), 1), count)
      guard rank < count else { return maximumNanoseconds }
      while place < buckets.endIndex, seen &+ buckets[place].count < rank {
        seen &+= buckets[place].count
        place += 1
      }
      return place < buckets.endIndex ? min(LatencyBuckets.midpoint(buckets[place].index), maximumNanoseconds) : maximumNanoseconds
    }
  }
}

extension LatencySummary {
  /// In milliseconds.
  init(_ counts: LatencyCounts) {
    guard !counts.isEmpty else {
      self.init()
      return
    }
    let values = counts.nanoseconds(atPercents: [50, 90, 99])
    self.init(
      p50: Double(values[0]) / 1e6, p90: Double(values[1]) / 1e6, p99: Double(values[2]) / 1e6,
      max: Double(counts.maximumNanoseconds) / 1e6)
  }
}
