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
  /// The most states of all patterns together.
  package static let maximumStates = 1024

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
