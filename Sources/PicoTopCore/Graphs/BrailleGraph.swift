/// A series as an area of braille dots, two values and four dots to a cell; in ASCII one value and three steps to a cell.
///
/// The newest value is the last and stands at the right edge; a series too short leaves the left empty, one too long loses its oldest. A value
/// that is known has one dot at least, so only what is not known is blank.
package struct BrailleGraph: Equatable, Sendable {
  /// From the top, each as wide as asked for.
  package let rows: [[Character]]
  /// What the upper edge stands for.
  package let maximum: Double

  package init(_ series: [Double?], size: Size, scale: GraphScale = .automatic, isASCII: Bool = false) {
    let shown = Array(series.suffix(size.columns * 2))
    maximum = scale.maximum(of: shown)
    guard size.columns > 0, size.rows > 0 else {
      rows = Array(repeating: [], count: max(0, size.rows))
      return
    }
    let padded = [Double?](repeating: nil, count: size.columns * 2 - shown.count) + shown
    rows = isASCII ? Self.ascii(padded, size, maximum) : Self.braille(padded, size, maximum)
  }

  private static func braille(_ series: [Double?], _ size: Size, _ maximum: Double) -> [[Character]] {
    let heights = series.map { height($0, size.rows * 4, maximum) }
    return (0..<size.rows).map { row in
      let below = (size.rows - 1 - row) * 4
      return (0..<size.columns).map { column in
        let left = min(max(heights[column * 2] - below, 0), 4)
        let right = min(max(heights[column * 2 + 1] - below, 0), 4)
        // The braille block has a character for each set of its eight dots.
        let scalar = Unicode.Scalar(0x2800 | leftDots[left] | rightDots[right])
        return scalar.map(Character.init) ?? " "
      }
    }
  }

  /// Dots of a column of a cell, filled from below.
  private static let leftDots: [UInt32] = [0, 0x40, 0x44, 0x46, 0x47]
  private static let rightDots: [UInt32] = [0, 0x80, 0xA0, 0xB0, 0xB8]

  private static func ascii(_ series: [Double?], _ size: Size, _ maximum: Double) -> [[Character]] {
    let heights = (0..<size.columns).map { column in
      max(height(series[column * 2], size.rows * 3, maximum), height(series[column * 2 + 1], size.rows * 3, maximum))
    }
    return (0..<size.rows).map { row in
      let below = (size.rows - 1 - row) * 3
      return heights.map { steps[min(max($0 - below, 0), 3)] }
    }
  }

  private static let steps: [Character] = [" ", ".", ":", "#"]

  private static func height(_ value: Double?, _ dots: Int, _ maximum: Double) -> Int {
    guard let share = Resampling.share(value, of: maximum) else { return 0 }
    return max(1, Int((share * Double(dots)).rounded()))
  }
}
