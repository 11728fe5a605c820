import PicoCore
import PicoStatus
import Testing

@testable import PicoServer

/// What a node remembers of the last hour.
@Suite struct TrafficHistoryTests {
  private static let start: UInt64 = 10_000

  private static func slice(_ requests: UInt64, errors: UInt64 = 0, latencies: [UInt64] = []) -> TrafficSlice {
    var recent = RecentLatency()
    for latency in latencies { recent.record(nanoseconds: latency, now: 1_000_000_000) }
    return TrafficSlice(requests: requests, errors: errors, latency: recent.counts(epoch: 1))
  }

  private static func endpoint(_ name: String) throws -> EndpointID { try #require(EndpointID(name)) }

  private static func series(
    _ history: TrafficHistory, _ subject: TrafficHistory.Subject, at epoch: UInt64, since: UInt64? = nil
  ) -> [HistorySeries] {
    history.series(of: subject, epoch: epoch, since: since) { Timestamp(seconds: Int64($0)) }
  }

  @Test func `an hour of traffic is there by the second and by ten seconds`() throws {
    var history = TrafficHistory(start: Self.start)
    let a = try Self.endpoint("a")
    let b = try Self.endpoint("b")
    let end = Self.start + 4000
    for epoch in Self.start..<end {
      var slices = [a: Self.slice(10, errors: 1, latencies: [2_000_000])]
      if epoch % 2 == 0 { slices[b] = Self.slice(4) }
      history.record(epoch: epoch, slices)
    }
    let all = Self.series(history, .all(.all), at: end)
    #expect(all.map(\.points.count) == [300, 360])
    #expect(all[0].from == Timestamp(seconds: Int64(end - 300)))
    #expect(all[0].points.allSatisfy { $0.requestRate == 10 || $0.requestRate == 14 })
    #expect(all[1].points.allSatisfy { $0.requestRate == 12 && $0.errorRate == 1 })
    let one = Self.series(history, .endpoint(b), at: end)
    #expect(one[0].points.map(\.requestRate).prefix(4) == [4, 0, 4, 0])
    #expect(one[1].points.allSatisfy { $0.requestRate == 2 && $0.p50 == 0 })
    let point = try #require(Self.series(history, .endpoint(a), at: end)[0].points.first)
    #expect(abs(point.p50 - 2) < 0.1 && abs(point.p99 - 2) < 0.1)
    #expect(point.latencyBuckets.map(\.count) == [1])
  }

  @Test func `points are only of seconds that were, and of those that are asked for`() throws {
    var history = TrafficHistory(start: Self.start)
    history.record(epoch: Self.start + 5, [try Self.endpoint("a"): Self.slice(1)])
    let early = Self.series(history, .all(.all), at: Self.start + 12)
    #expect(early.map(\.points.count) == [12, 1])
    #expect(early[0].points.map(\.requestRate) == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    let later = Self.series(history, .all(.all), at: Self.start + 12, since: Self.start + 4)
    #expect(later.map(\.points.count) == [7, 0])
    #expect(later[0].points.first?.requestRate == 1)
    #expect(Self.series(history, .endpoint(nil), at: Self.start + 12).map(\.points.count) == [12, 1])
    #expect(Self.series(history, .all(.all), at: Self.start + 12, since: Self.start + 100).map(\.points.count) == [0, 0])
  }

  @Test func `of more endpoints than are kept the longest idle is forgotten, and a busy one never`() throws {
    var history = TrafficHistory(start: Self.start)
    let names = try (0...TrafficHistory.maximumEndpoints).map { try Self.endpoint("e\($0)") }
    for (index, name) in names.dropLast().enumerated() {
      history.record(epoch: Self.start + UInt64(index / 100), [name: Self.slice(1)])
    }
    #expect(history.endpointCount == TrafficHistory.maximumEndpoints)
    let late = Self.start + 100
    history.record(epoch: late, [names[1000]: Self.slice(7)])
    #expect(history.endpointCount == TrafficHistory.maximumEndpoints)
    #expect(Self.series(history, .endpoint(names[1000]), at: late + 1)[0].points.last?.requestRate == 7)
    let firstHundred = names[..<100].count { Self.series(history, .endpoint($0), at: late)[0].points.allSatisfy { $0.requestRate == 0 } }
    #expect(firstHundred == 1)
    var busy = TrafficHistory(start: Self.start)
    for epoch in Self.start..<(Self.start + 3) {
      busy.record(epoch: epoch, Dictionary(uniqueKeysWithValues: names.dropLast().map { ($0, Self.slice(1)) }))
    }
    busy.record(epoch: Self.start + 3, [names[1000]: Self.slice(1)])
    #expect(Self.series(busy, .endpoint(names[1000]), at: Self.start + 4)[0].points.allSatisfy { $0.requestRate == 0 })
  }

  @Test(arguments: 0..<50)
  func `a point keeps every count and about the places, whatever the spread`(seed: UInt64) {
    var generator = SplitMixGenerator(seed: seed)
    let latencies = (0..<200).map { _ in
      UInt64.random(in: 200...(1 << UInt64.random(in: 8...(10 + seed % 30), using: &generator)), using: &generator)
    }
    let slice = Self.slice(200, latencies: latencies)
    let point = HistoryPoint(epoch: 1, slice).point(seconds: 1)
    #expect(point.latencyBuckets.reduce(0) { $0 + $1.count } == 200)
    #expect(point.latencyBuckets.count <= 11)
    #expect(point.latencyBuckets.map(\.index) == point.latencyBuckets.map(\.index).sorted())
    let exact = slice.latency.nanoseconds(atPercents: [50, 90, 99])
    for (value, exact) in zip([point.p50, point.p90, point.p99], exact) {
      #expect(abs(value * 1e6 - Double(exact)) <= max(64, Double(exact) * 0.05))
    }
  }

  @Test func `a point takes 64 bytes`() { #expect(MemoryLayout<HistoryPoint>.stride == 64) }
}
