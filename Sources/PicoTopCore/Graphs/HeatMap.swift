internal import PicoCore
package import PicoStatus

/// Latencies over time: a column for each span of time, a row for each band of latency, and how many requests were in both.
///
/// The bands lie between 1, 1.5, 2, 3, 5, 7, 10, … milliseconds where there is much room, else between 1, 2, 5, 10, … or 1, 10, 100, …. The lowest takes
/// all that is below it, the highest all that is above.
package struct HeatMap: Equatable, Sendable {
  /// From the slowest band, each as wide as there are columns: 0 for none, then 1 to 4. A band with anything in it is not 0.
  package let levels: [[Int]]
  /// The upper end of each row's band: `5.0ms`; that of the highest has no end and is its lower one, `>5.0s`.
  package let labels: [String]

  /// For levels 0 to 4.
  package static let blocks: [Character] = [" ", "░", "▒", "▓", "█"]
  package static let ascii: [Character] = [" ", ".", ":", "*", "#"]

  /// `columns` are the counts of each span of time, oldest first.
  package init(_ columns: [[LatencyBucket]], rows: Int) {
    let bands = Self.bands(columns, rows: rows)
    var counts = Array(repeating: Array(repeating: UInt64(0), count: columns.count), count: bands.count + 1)
    for (column, buckets) in columns.enumerated() {
      for bucket in buckets where bucket.count > 0 {
        let latency = LatencyBuckets.midpoint(bucket.index)
        let band = bands.firstIndex { latency < $0 } ?? bands.count
        counts[band][column] &+= bucket.count
      }
    }
    let most = counts.joined().max() ?? 0
    levels = counts.reversed().prefix(max(0, rows)).map { row in row.map { Self.level($0, most) } }
    labels =
      rows < 1
      ? []
      : ((bands.last.map { [">" + Self.text($0)] } ?? [""]) + bands.reversed().map(Self.text))
  }

  private static func text(_ nanoseconds: UInt64) -> String { Quantity.milliseconds(Double(nanoseconds) / 1e6).text }

  /// By the square root, as a few among many should show.
  private static func level(_ count: UInt64, _ most: UInt64) -> Int {
    guard count > 0 else { return 0 }
    return min(4, 1 + Int((Double(count) / Double(most)).squareRoot() * 4))
  }

  /// The ends of all bands but the highest, rising: one less than there are rows.
  private static func bands(_ columns: [[LatencyBucket]], rows: Int) -> [UInt64] {
    guard rows > 1 else { return [] }
    let used = columns.joined().lazy.filter { $0.count > 0 }.map(\.index)
    // Without any request: from a millisecond on.
    let lowest = used.min().map { LatencyBuckets.midpoint($0) } ?? 1_000_000
    let highest = used.max().map { LatencyBuckets.midpoint($0) } ?? 1_000_000_000
    for ladder in ladders {
      let first = ladder.ends.firstIndex { lowest < $0 } ?? ladder.ends.count - 1
      let last = ladder.ends.firstIndex { highest < $0 } ?? ladder.ends.count - 1
      let spare = rows - 1 - (last - first + 1)
      guard spare >= rows * ladder.spare / 3 || ladder == ladders.last else { continue }
      // What is left over is as much above as below. Where they do not fit, the slow end is what matters.
      let start = spare >= -1 ? first - max(0, spare) / 2 : last - rows + 2
      return Array(ladder.ends[max(0, min(start, ladder.ends.count - rows + 1))...].prefix(rows - 1))
    }
    return []
  }

  /// Ends of bands, and how many thirds of the rows have to be left over for them: finer ones than the server counts in would leave gaps.
  private struct Ladder: Equatable {
    var ends: [UInt64]
    var spare: Int
  }

  private static let ladders = [
    Ladder(ends: ladder([10, 15, 20, 30, 50, 70]), spare: 1), Ladder(ends: ladder([10, 20, 50]), spare: 0),
    Ladder(ends: ladder([10]), spare: 0),
  ]

  /// From 1 µs to 1,000 s.
  private static func ladder(_ steps: [UInt64]) -> [UInt64] {
    (0..<10).flatMap { decade in
      let unit = (0..<decade).reduce(UInt64(100)) { unit, _ in unit * 10 }
      return steps.map { $0 * unit }
    }
  }
}
