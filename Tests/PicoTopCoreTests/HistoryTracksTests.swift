import PicoCore
import PicoStatus
import PicoTopCore
import Testing

@Suite struct HistoryTracksTests {
  private func series(from second: Int64, _ rates: [Double]) -> HistorySeries {
    HistorySeries(
      stepMilliseconds: 1000, from: Timestamp(seconds: second), points: rates.map { HistorySeries.Point(requestRate: $0) })
  }

  private func rates(_ track: HistoryTrack) -> [Double?] { track.points.map { $0?.requestRate } }

  @Test(
    arguments: [
      // Later points join, those known already are replaced.
      ([(100, [1, 2, 3]), (102, [9, 4])], [1, 2, 9, 4]),
      // What is between is a hole.
      ([(100, [1]), (103, [2])], [1, nil, nil, 2]),
      // Older ones stand before.
      ([(100, [3]), (98, [1, 2])], [1, 2, 3]),
      // A clock that goes far back begins anew.
      ([(10_000, [1]), (100, [7])], [7]),
      ([(100, [])], []),
    ] as [([(Int64, [Double])], [Double?])])
  func `series become one track`(parts: [(Int64, [Double])], expected: [Double?]) {
    var track = HistoryTrack(stepMilliseconds: 1000)
    for (second, rates) in parts { track.merge(series(from: second, rates)) }
    #expect(rates(track) == expected)
  }

  @Test func `a track keeps no more than an hour`() {
    var track = HistoryTrack(stepMilliseconds: 1000)
    for second in 0..<1000 as Range<Int64> { track.merge(series(from: second, [Double(second)])) }
    #expect(track.points.count == HistoryTrack.capacity)
    #expect(rates(track).last == 999)
    track.merge(series(from: 2000, Array(repeating: 1, count: 5000)))
    #expect(track.points.count == HistoryTrack.capacity)
  }

  @Test func `two servers add up at their ends`() {
    var left = HistoryTrack(stepMilliseconds: 1000)
    left.merge(series(from: 100, [1, 2, 3]))
    var right = HistoryTrack(stepMilliseconds: 1000)
    right.merge(series(from: 500, [10, 20]))
    #expect(HistoryTrack.merged([left, right]).map(rates) == [1, 12, 23])
  }
}
