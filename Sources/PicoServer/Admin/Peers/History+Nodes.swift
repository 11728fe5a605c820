internal import PicoCore
internal import PicoStatus

/// One history of those of several nodes: second by second, as near as their clocks' seconds are to each other.
extension History {
  /// Milliseconds that more is asked for than is wanted: two of the longest steps.
  static let margin: Int64 = 20_000

  /// By the clock of whoever heard it at that moment.
  func moved(to heardAt: Timestamp) -> History {
    var history = self
    let shift = heardAt.milliseconds - now.milliseconds
    for index in series.indices { history.series[index].from = Timestamp(milliseconds: series[index].from.milliseconds + shift) }
    history.now = heardAt
    return history
  }

  /// On this one's points, back to the first that any has. It ends with the last that all have, as a point that grew afterwards would never be
  /// asked for again.
  /// - Parameter since: points that begin later; nil for all.
  func merged(with others: [History], since: Timestamp?) -> History {
    var merged = self
    merged.series = series.map { own in
      let same = others.compactMap { $0.series.first { $0.stepMilliseconds == own.stepMilliseconds } }
      return own.merged(with: same).after(since)
    }
    return merged
  }
}

extension HistorySeries {
  /// A series that ends so many points before the others is of a node whose clock was set, and holds them up no longer.
  private static let longestLag = 3

  fileprivate func merged(with others: [HistorySeries]) -> HistorySeries {
    let step = Int64(stepMilliseconds)
    // The place of each one's first point among this one's.
    let placed = others.map { other -> (start: Int, points: [Point]) in
      let distance = Double(other.from.milliseconds - from.milliseconds) / Double(step)
      return (Int(min(max(distance.rounded(), -1e6), 1e6)), other.points)
    }
    let ends = placed.map { $0.start + $0.points.count }.filter { $0 >= points.count - Self.longestLag }
    let end = min(points.count, ends.min() ?? points.count)
    let start = min(0, placed.filter { !$0.points.isEmpty }.map(\.start).min() ?? 0)
    guard start < end else { return HistorySeries(stepMilliseconds: stepMilliseconds, from: from, points: []) }
    let all = [(start: 0, points: points)] + placed
    return HistorySeries(
      stepMilliseconds: stepMilliseconds, from: Timestamp(milliseconds: from.milliseconds + Int64(start) * step),
      points: (start..<end).map { place in
        Point(
          sumOf: all.compactMap { start, points in points.indices.contains(place - start) ? points[place - start] : nil })
      })
  }

  fileprivate func after(_ since: Timestamp?) -> HistorySeries {
    guard let since, from.milliseconds <= since.milliseconds else { return self }
    let step = Int64(stepMilliseconds)
    let count = min(points.count, Int((since.milliseconds - from.milliseconds) / step) + 1)
    return HistorySeries(
      stepMilliseconds: stepMilliseconds, from: Timestamp(milliseconds: from.milliseconds + Int64(count) * step),
      points: Array(points[count...]))
  }
}

extension HistorySeries.Point {
  /// Percentiles of one are its own, and of several those of their buckets.
  fileprivate init(sumOf points: [HistorySeries.Point]) {
    let busy = points.filter { $0 != HistorySeries.Point() }
    guard busy.count > 1 else {
      self = busy.first ?? HistorySeries.Point()
      return
    }
    var latency = LatencyCounts()
    for point in busy {
      let last = point.latencyBuckets.last.map { LatencyBuckets.midpoint($0.index) } ?? 0
      latency.merge(LatencyCounts(buckets: point.latencyBuckets, maximumNanoseconds: last))
    }
    let percentiles = latency.nanoseconds(atPercents: [50, 90, 99]).map { Double($0) / 1e6 }
    self.init(
      requestRate: busy.reduce(0) { $0 + $1.requestRate }, errorRate: busy.reduce(0) { $0 + $1.errorRate }, p50: percentiles[0],
      p90: percentiles[1], p99: percentiles[2], latencyBuckets: latency.buckets)
  }
}
