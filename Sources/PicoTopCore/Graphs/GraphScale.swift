internal import Glibc

/// What the top of a graph stands for.
package enum GraphScale: Equatable, Sendable {
  case fixed(Double)
  /// The least of 1, 2, 5, 10, 20, … (or 0.5, 0.2, …) that nothing exceeds.
  case automatic

  /// More than 0.
  package func maximum(of series: [Double?]) -> Double {
    switch self {
    case .fixed(let maximum): maximum > 0 && maximum.isFinite ? maximum : 1
    case .automatic: Self.round(above: series.lazy.compactMap { $0 }.filter(\.isFinite).max() ?? 0)
    }
  }

  /// 1 for nothing above zero.
  package static func round(above value: Double) -> Double {
    guard value > 0, value.isFinite else { return 1 }
    let decade = pow(10, log10(value).rounded(.down))
    for step in [1.0, 2, 5] where value <= step * decade * (1 + 1e-12) { return step * decade }
    return 10 * decade
  }
}

/// A series brought to as many values as there is room for.
package enum Resampling {
  /// The largest value of each equal part, so that no peak is lost; nil where a part has none. A series with less than `count` values stays as it
  /// is.
  package static func peaks(_ series: [Double?], count: Int) -> [Double?] {
    guard count > 0 else { return [] }
    guard series.count > count else { return series }
    return (0..<count).map { part in
      let range = part * series.count / count..<(part + 1) * series.count / count
      return series[range].lazy.compactMap { $0 }.max()
    }
  }

  /// The part of the height that a value takes, from 0 to 1; nil for what is no number.
  static func share(_ value: Double?, of maximum: Double) -> Double? {
    guard let value, !value.isNaN else { return nil }
    return min(max(value / maximum, 0), 1)
  }
}
