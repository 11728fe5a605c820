/// A series in one line, a character for each value: the eighths of a block, or eight characters of ASCII that rise. What is not known is blank.
package enum Sparkline {
  package static func characters(_ series: [Double?], scale: GraphScale = .automatic, isASCII: Bool = false) -> [Character] {
    let maximum = scale.maximum(of: series)
    let steps = isASCII ? ascii : blocks
    return series.map { value in
      guard let share = Resampling.share(value, of: maximum) else { return " " }
      return steps[min(Int(share * 8), 7)]
    }
  }

  private static let blocks: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
  private static let ascii: [Character] = ["_", ".", ":", "-", "=", "+", "*", "#"]
}
