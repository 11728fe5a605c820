package import PicoCore

/// A condition on the rows of a table as a person writes it: `rate>10 and p99>200ms or name~^api`. docs/pico-top.md tells the language.
///
/// The text may come from anybody who may look at a server: length, nesting and patterns are bounded, and so is the work for a row.
package struct FilterExpression: Equatable, Sendable {
  /// As it was given.
  package let text: String
  let condition: Condition

  /// The most bytes of a text.
  package static let maximumLength = 4096
  /// The deepest nesting of parentheses and `not`.
  package static let maximumDepth = 64

  /// An empty or blank text is true of every row. Throws for what does not read as a filter of any table.
  package init(_ text: String) throws(FilterError) {
    var parser = try FilterParser(text)
    self.text = text
    condition = try parser.parse()
  }

  /// `now` is what an age is taken from.
  package func matches<Row: FilterableRow>(_ row: Row, now: Timestamp = .now()) -> Bool { condition.holds(of: row, now: now) }

  /// Throws for a name that is known, but not in this table.
  package func validate<Row: FilterableRow>(for rows: Row.Type) throws(FilterError) {
    for use in condition.uses where !Row.fields.contains(use.field) {
      throw FilterError.unknownName(use.name, at: use.offset, names: Row.fieldNames)
    }
  }

  /// Whether rows come and go in the result though they do not change.
  package var readsClock: Bool { condition.uses.contains { $0.field.readsClock } }

  /// Whether it is true of every row.
  package var isEmpty: Bool { condition == .all([]) }
}

/// Why a text is no filter. The message names what is wrong, where, and what would be right.
package struct FilterError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One escaped line; places in it count from 1.
  package var message: String
  /// In characters from 0: where the text goes wrong.
  package var offset: Int

  package var description: String { message }

  init(_ message: String, at offset: Int, hint: String = "") {
    self.message = "\(message) at \(offset + 1)\(hint)"
    self.offset = offset
  }

  static func unknownName(_ name: String, at offset: Int, names: [String]) -> FilterError {
    FilterError(
      "unknown name \"\(name.escapedForDisplay)\"", at: offset, hint: "; names are \(names.joined(separator: " "))")
  }
}

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
