package import PicoCore

/// What a row has in a field.
package enum FieldValue: Equatable, Sendable {
  case text(String)
  /// In the unit of the field's kind; a moment is in seconds since 1970.
  case number(Double)
  case absent
}

/// A row that filters and orders understand.
package protocol FilterableRow: Sendable {
  /// What tells rows of a table apart.
  var key: String { get }
  /// In the order in which errors and completions list them.
  static var fields: [RowField] { get }
  /// Where a bare word is looked for.
  static var nameFields: [RowField] { get }
  /// `.absent` for a field that is not in `fields`.
  func value(of field: RowField, now: Timestamp) -> FieldValue
}

extension FilterableRow {
  /// The short names of all fields, for help and completion.
  package static var fieldNames: [String] { fields.map { $0.names[0] } }
}
