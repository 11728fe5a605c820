internal import PicoCore

/// The tree of a filter.
indirect enum Condition: Equatable, Sendable {
  /// True when empty.
  case all([Condition])
  case any([Condition])
  case not(Condition)
  /// A bare word, looked for in the names of a row.
  case named(TextPattern)
  case text(FieldUse, TextPattern)
  case number(FieldUse, Comparison, Double)
  /// A part of the requests, from 0 to 1.
  case errorShare(FieldUse, Comparison, Double)

  /// A name in the text of a filter.
  struct FieldUse: Equatable, Sendable {
    var field: RowField
    var name: String
    var offset: Int
  }

  enum Comparison: Equatable, Sendable {
    case equal, notEqual, less, greater, atMost, atLeast

    func holds(_ left: Double, _ right: Double) -> Bool {
      switch self {
      case .equal: left == right
      case .notEqual: left != right
      case .less: left < right
      case .greater: left > right
      case .atMost: left <= right
      case .atLeast: left >= right
      }
    }
  }

  func holds<Row: FilterableRow>(of row: Row, now: Timestamp) -> Bool {
    switch self {
    case .all(let conditions):
      for condition in conditions where !condition.holds(of: row, now: now) { return false }
      return true
    case .any(let conditions):
      for condition in conditions where condition.holds(of: row, now: now) { return true }
      return false
    case .not(let condition): return !condition.holds(of: row, now: now)
    case .named(let pattern):
      for field in Row.nameFields {
        if case .text(let text) = row.value(of: field, now: now), pattern.matches(text) { return true }
      }
      return false
    case .text(let use, let pattern):
      guard case .text(let text) = row.value(of: use.field, now: now) else { return false }
      return pattern.matches(text)
    case .number(let use, let comparison, let limit):
      guard case .number(let value) = row.value(of: use.field, now: now) else { return comparison == .notEqual }
      return comparison.holds(value, limit)
    case .errorShare(let use, let comparison, let limit):
      guard case .number(let errors) = row.value(of: use.field, now: now), case .number(let requests) = row.value(of: .rate, now: now)
      else { return false }
      return comparison.holds(requests > 0 ? errors / requests : 0, limit)
    }
  }

  var uses: [FieldUse] {
    switch self {
    case .all(let conditions), .any(let conditions): conditions.flatMap(\.uses)
    case .not(let condition): condition.uses
    case .named: []
    case .text(let use, _), .number(let use, _, _), .errorShare(let use, _, _): [use]
    }
  }
}
