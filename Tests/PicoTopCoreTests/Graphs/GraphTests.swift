import PicoCore
import PicoStatus
import Testing

@testable import PicoTopCore

@Suite struct BrailleGraphTests {
  private static func text(_ rows: [[Character]]) -> [String] { rows.map { String($0) } }

  @Test(
    arguments: [
      ([1, 2, 3, 4], 2, 1, ["⣠⣾"]), ([4, 4], 1, 1, ["⣿"]), ([0, 4], 1, 1, ["⣸"]), ([nil, 4], 1, 1, ["⢸"]), ([4, nil], 1, 1, ["⡇"]),
      ([4], 2, 1, ["⠀⢸"]), ([4, 2], 1, 2, ["⡇", "⣿"]), ([9, 9, 4, 4], 1, 1, ["⣿"]), ([], 2, 1, ["⠀⠀"]), ([99, -1], 1, 1, ["⣇"]),
      ([.nan, 4], 1, 1, ["⢸"]), ([.infinity, 0], 1, 1, ["⣇"]),
    ] as [([Double?], Int, Int, [String])])
  func `an area is filled from below, the newest at the right`(series: [Double?], columns: Int, rows: Int, text: [String]) {
    let graph = BrailleGraph(series, size: Size(columns: columns, rows: rows), scale: .fixed(4))
    #expect(Self.text(graph.rows) == text)
    #expect(graph.maximum == 4)
  }

  @Test func `in ASCII a cell has three steps`() {
    let graph = BrailleGraph([1, 1, 2, nil, 6, 3, nil, nil], size: Size(columns: 4, rows: 2), scale: .fixed(6), isASCII: true)
    #expect(Self.text(graph.rows) == ["  # ", ".:# "])
  }

  @Test(arguments: [(0.0, 1.0), (0.3, 0.5), (1, 1), (1.1, 2), (3, 5), (7, 10), (10, 10), (11, 20), (1e9, 1e9), (0.001, 0.001), (-3, 1)])
  func `an automatic scale ends at a round number`(value: Double, maximum: Double) {
    let found = BrailleGraph([value], size: Size(columns: 1, rows: 1)).maximum
    #expect(abs(found - maximum) <= maximum * 1e-9)
  }

  @Test func `a graph without room is empty`() {
    #expect(BrailleGraph([1], size: Size(columns: 0, rows: 2)).rows == [[], []])
    #expect(BrailleGraph([1], size: Size(columns: 2, rows: 0)).rows == [])
  }

  @Test func `a series too long keeps its peaks`() {
    #expect(Resampling.peaks([1, 9, nil, nil, 2, 3], count: 3) == [9, nil, 3])
    #expect(Resampling.peaks([1, 2], count: 3) == [1, 2])
    #expect(Resampling.peaks([1, 2], count: 0) == [])
    #expect(Resampling.peaks((0..<7).map(Double.init), count: 3) == [1, 3, 6])
  }
}

@Suite struct SparklineTests {
  @Test func `a line rises in eighths`() {
    #expect(String(Sparkline.characters([0, 1, 2, 3, 4, 5, 6, 7, 8, nil], scale: .fixed(8))) == "▁▂▃▄▅▆▇██ ")
    #expect(String(Sparkline.characters([0, 4, 8, nil, .nan], scale: .fixed(8), isASCII: true)) == "_=#  ")
    #expect(String(Sparkline.characters([])) == "")
  }
}

@Suite struct HeatMapTests {
  private static func bucket(_ milliseconds: Double, _ count: UInt64) -> LatencyBucket {
    LatencyBucket(index: LatencyBuckets.index(nanoseconds: UInt64(milliseconds * 1e6)), count: count)
  }

  @Test func `each band has its row and each time its column`() {
    let map = HeatMap([[Self.bucket(1.5, 16)], [], [Self.bucket(1.5, 4), Self.bucket(30, 1)]], rows: 6)
    #expect(map.labels == [">50ms", "50ms", "20ms", "10ms", "5.0ms", "2.0ms"])
    #expect(map.levels == [[0, 0, 0], [0, 0, 2], [0, 0, 0], [0, 0, 0], [0, 0, 0], [4, 0, 3]])
  }

  @Test func `latencies that lie close together have fine bands in the middle`() {
    let map = HeatMap([[Self.bucket(90, 1), Self.bucket(400, 1)]], rows: 12)
    #expect(
      map.labels == [">1.5s", "1.5s", "1.0s", "700ms", "500ms", "300ms", "200ms", "150ms", "100ms", "70ms", "50ms", "30ms"])
    #expect(map.levels.map(\.[0]) == [0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0])
  }

  @Test func `where there are few rows the bands are decades`() {
    let map = HeatMap([[Self.bucket(0.5, 1), Self.bucket(5, 1), Self.bucket(500, 1)]], rows: 4)
    #expect(map.labels == [">100ms", "100ms", "10ms", "1.0ms"])
    #expect(map.levels == [[4], [0], [4], [4]])
  }

  @Test func `where they do not fit at all the slow end is shown`() {
    let map = HeatMap([[Self.bucket(0.01, 1), Self.bucket(50_000, 1)]], rows: 3)
    #expect(map.labels == [">100s", "100s", "10s"])
    #expect(map.levels == [[0], [4], [4]])
  }

  @Test(arguments: 0..<40) func `there is a label for each row whatever the size`(rows: Int) {
    for columns in [[], [[]], [[Self.bucket(0, 1), Self.bucket(1e6, 1)]], [[Self.bucket(3, .max), Self.bucket(3.5, .max)]]] {
      let map = HeatMap(columns, rows: rows)
      #expect(map.levels.count == map.labels.count)
      #expect(map.levels.count <= rows)
      #expect(map.levels.allSatisfy { $0.count == columns.count && $0.allSatisfy((0...4).contains) })
      #expect(map.labels.allSatisfy { $0.utf8.count <= 7 })
    }
  }
}
