package import PicoCore
package import PicoStatus

/// What is known of how the traffic of one thing went: points by the second and by 10 s, to which later ones are added.
package struct HistoryTracks: Equatable, Sendable {
  /// Of which endpoint; nil for all.
  package private(set) var endpoint: String?
  package private(set) var tracks: [HistoryTrack] = []

  package init() {}

  /// Another subject begins anew.
  package mutating func merge(_ history: History) {
    if history.endpoint != endpoint {
      self = HistoryTracks()
      endpoint = history.endpoint
    }
    for series in history.series where (100...3_600_000).contains(series.stepMilliseconds) && tracks.count < 4 {
      if let index = tracks.firstIndex(where: { $0.stepMilliseconds == series.stepMilliseconds }) {
        tracks[index].merge(series)
      } else {
        var track = HistoryTrack(stepMilliseconds: series.stepMilliseconds)
        track.merge(series)
        tracks.append(track)
      }
    }
    tracks.sort { $0.stepMilliseconds < $1.stepMilliseconds }
  }

  /// From when on points are missing or may not be whole; nil when there is none yet.
  package var askSince: Timestamp? {
    guard let finest = tracks.first, let last = finest.lastSlot else { return nil }
    return Timestamp(milliseconds: (last - 3) * Int64(finest.stepMilliseconds))
  }
}

/// Points at equal distances, the newest last; holes are nil.
package struct HistoryTrack: Equatable, Sendable {
  package let stepMilliseconds: Int
  package private(set) var points: [HistorySeries.Point?] = []
  /// The number of steps from 1970 to the last point.
  package private(set) var lastSlot: Int64?

  /// An hour by 10 s is 360.
  package static let capacity = 360

  package init(stepMilliseconds: Int) { self.stepMilliseconds = stepMilliseconds }

  /// Points that are known already are replaced. A series from long before what is here makes it begin anew: the server's clock went back.
  package mutating func merge(_ series: HistorySeries) {
    let first = Int64((Double(series.from.milliseconds) / Double(stepMilliseconds)).rounded())
    let new = series.points.suffix(Self.capacity)
    let start = first + Int64(series.points.count - new.count)
    guard let newLast = new.isEmpty ? nil : start + Int64(new.count - 1) else { return }
    if let lastSlot, newLast < lastSlot - Int64(points.count) || newLast > lastSlot + Int64(Self.capacity) { points = [] }
    let last = points.isEmpty ? newLast : max(lastSlot ?? newLast, newLast)
    if !points.isEmpty, let lastSlot, last > lastSlot { points += Array(repeating: nil, count: Int(last - lastSlot)) }
    let from = points.isEmpty ? start : min(start, last - Int64(points.count) + 1)
    let wanted = min(Self.capacity, Int(last - from) + 1)
    if points.count < wanted { points = Array(repeating: nil, count: wanted - points.count) + points }
    if points.count > wanted { points.removeFirst(points.count - wanted) }
    lastSlot = last
    let oldest = last - Int64(points.count) + 1
    for (offset, point) in new.enumerated() {
      let slot = start + Int64(offset) - oldest
      if slot >= 0, slot < Int64(points.count) { points[Int(slot)] = point }
    }
  }

  /// Several servers as one: their ends are laid together, as their clocks need not agree.
  package static func merged(_ tracks: [HistoryTrack]) -> HistoryTrack? {
    guard var all = tracks.first else { return nil }
    for track in tracks.dropFirst() where track.stepMilliseconds == all.stepMilliseconds {
      let length = max(all.points.count, track.points.count)
      all.points = (0..<length).map { index in
        let left = all.points.element(fromEnd: length - index)
        let right = track.points.element(fromEnd: length - index)
        guard let left, let right else { return left ?? right }
        return left.merged(with: right)
      }
    }
    return all
  }
}

extension Array {
  /// From 1; nil outside and for holes.
  fileprivate func element<Wrapped>(fromEnd place: Int) -> Wrapped? where Element == Wrapped? {
    place >= 1 && place <= count ? self[count - place] : nil
  }
}

extension HistorySeries.Point {
  /// Percentiles come from the buckets, or are the larger where there are none.
  func merged(with other: HistorySeries.Point) -> HistorySeries.Point {
    var histogram = LatencyHistogram()
    histogram.add(latencyBuckets)
    histogram.add(other.latencyBuckets)
    let isCounted = histogram.count > 0
    return HistorySeries.Point(
      requestRate: requestRate + other.requestRate, errorRate: errorRate + other.errorRate,
      p50: isCounted ? histogram.percentile(50).inMilliseconds : max(p50, other.p50),
      p90: isCounted ? histogram.percentile(90).inMilliseconds : max(p90, other.p90),
      p99: isCounted ? histogram.percentile(99).inMilliseconds : max(p99, other.p99), latencyBuckets: histogram.filledBuckets)
  }
}

extension LatencyHistogram {
  mutating func add(_ buckets: [LatencyBucket]) {
    for bucket in buckets { add(bucket.count, toBucket: bucket.index) }
  }

  var filledBuckets: [LatencyBucket] {
    buckets.enumerated().filter { $0.element > 0 }.map { LatencyBucket(index: $0.offset, count: $0.element) }
  }
}

extension TotalsRow {
  /// Several servers as one: figures add up, percentiles come from the buckets.
  static func merged(_ rows: [TotalsRow]) -> TotalsRow {
    guard var all = rows.first, rows.count > 1 else { return rows.first ?? TotalsRow() }
    var histogram = LatencyHistogram()
    histogram.add(all.latencyBuckets)
    for row in rows.dropFirst() {
      if let asOf = row.asOf { all.asOf = min(all.asOf ?? asOf, asOf) }
      all.listeners &+= row.listeners
      all.endpoints &+= row.endpoints
      all.inFlight &+= row.inFlight
      all.requestsTotal &+= row.requestsTotal
      all.requestRate += row.requestRate
      all.errorRate += row.errorRate
      all.bytesInRate += row.bytesInRate
      all.bytesOutRate += row.bytesOutRate
      all.status.add(row.status)
      all.latency.max = max(all.latency.max, row.latency.max)
      histogram.add(row.latencyBuckets)
    }
    if histogram.count > 0 {
      all.latency.p50 = histogram.percentile(50).inMilliseconds
      all.latency.p90 = histogram.percentile(90).inMilliseconds
      all.latency.p99 = histogram.percentile(99).inMilliseconds
    } else {
      all.latency.p50 = rows.map(\.latency.p50).max() ?? 0
      all.latency.p90 = rows.map(\.latency.p90).max() ?? 0
      all.latency.p99 = rows.map(\.latency.p99).max() ?? 0
    }
    all.latencyBuckets = histogram.filledBuckets
    return all
  }
}

extension StatusClasses {
  fileprivate mutating func add(_ other: StatusClasses) {
    informational &+= other.informational
    successful &+= other.successful
    redirection &+= other.redirection
    clientError &+= other.clientError
    serverError &+= other.serverError
  }
}
