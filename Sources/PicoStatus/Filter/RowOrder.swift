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
  package func precedes(_ left: Row, _ right: Row) -> Bool { precedes(value(of: left), value(of: right)) ?? (left.key < right.key) }

  /// What a row is placed by. An age is taken at 1970, which orders as it does at any other time.
  package func value(of row: Row) -> FieldValue {
    let value = row.value(of: field, now: Timestamp(seconds: 0))
    if case .number(let number) = value, number.isNaN { return .absent }
    return value
  }

  /// As above for the values of rows; nil where they are level and the key decides.
  package func precedes(_ left: FieldValue, _ right: FieldValue) -> Bool? {
    switch (left, right) {
    case (.number(let left), .number(let right)): left == right ? nil : (left < right) != isDescending
    case (.text(let left), .text(let right)): left == right ? nil : (left < right) != isDescending
    case (.absent, .absent): nil
    case (.absent, _): false
    case (_, .absent): true
    case (.number, .text): true
    case (.text, .number): false
    }
  }

  /// A number that says the same as ``precedes(_:_:)`` for numbers, for those who sort many rows. All texts have the same.
  package func rank(of value: FieldValue) -> UInt64 {
    switch value {
    // Above every other in either direction.
    case .absent: return .max
    case .text: return 0
    case .number(let number):
      // Minus zero is zero. The bits of a positive number rise with it, those of a negative one fall.
      let bits = (number + 0).bitPattern
      let rank = bits >> 63 == 0 ? bits | 1 << 63 : ~bits
      return isDescending ? ~rank : rank
    }
  }
}
