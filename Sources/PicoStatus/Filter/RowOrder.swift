internal import PicoCore

/// An order of the rows of a table by one field: `request_rate`, `-rate` for the largest first. Rows that are equal in it follow by key, so no
/// two rows are level.
package struct RowOrder<Row: FilterableRow>: Equatable, Sendable {
  package let field: RowField
  package let isDescending: Bool

  package init(_ field: RowField, isDescending: Bool = false) {
    self.field = field
    self.isDescending = isDescending
  }

  /// A field name with or without a sign; nil for a name that the rows have not.
  package init?(_ sort: String) {
    let sign = sort.first
    let name = sign == "-" || sign == "+" ? sort.dropFirst() : Substring(sort)
    guard let field = RowField(named: name), Row.fields.contains(field) else { return nil }
    self.init(field, isDescending: sign == "-")
  }

  /// What `init(_:)` reads back.
  package var text: String { (isDescending ? "-" : "") + field.names[0] }

  /// What is absent comes last in either direction.
  package func precedes(_ left: Row, _ right: Row) -> Bool {
    precedes(value(of: left), left.key, value(of: right), right.key)
  }

  /// What a row is placed by. An age is taken at 1970, which orders as it does at any other time.
  package func value(of row: Row) -> FieldValue { row.value(of: field, now: Timestamp(seconds: 0)) }

  /// As ``precedes(_:_:)``, for those who keep the values of rows. A key is only asked for where the values are level.
  package func precedes(
    _ left: FieldValue, _ leftKey: @autoclosure () -> String, _ right: FieldValue, _ rightKey: @autoclosure () -> String
  ) -> Bool {
    switch (left, right) {
    case (.number(let left), .number(let right)) where left != right: (left < right) != isDescending
    case (.text(let left), .text(let right)) where left != right: (left < right) != isDescending
    case (.absent, .absent), (.number, .number), (.text, .text): leftKey() < rightKey()
    case (.absent, _): false
    case (_, .absent): true
    case (.number, .text): true
    case (.text, .number): false
    }
  }
}
