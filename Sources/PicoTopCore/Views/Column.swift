internal import PicoCore
internal import PicoStatus

/// One column of a table.
struct Column<Row: FilterableRow>: Sendable {
  /// Its name in filters, sort keys and settings.
  var id: String
  var title: String
  /// What it needs at least.
  var width: Int
  /// What it takes when there is room; equal to `width` for figures.
  var idealWidth: Int
  /// 0 is always there; the largest goes first when there is no room.
  var priority: Int
  var align: Canvas.Alignment
  /// Whether it is shown until a person chooses.
  var isDefault: Bool
  var content: @Sendable (Row, RowContext) -> CellText

  /// Its priority; what somebody asked for goes before what is there anyhow.
  var urgency: Int { isDefault ? priority : 1 }

  /// Figures, at the right.
  static func figure(
    _ id: String, _ title: String, _ width: Int, priority: Int, isDefault: Bool = true,
    _ content: @escaping @Sendable (Row, RowContext) -> CellText
  ) -> Column {
    let width = max(width, title.count + 1)
    return Column(
      id: id, title: title, width: width, idealWidth: width, priority: priority, align: .right, isDefault: isDefault, content: content)
  }

  /// Words, at the left.
  static func words(
    _ id: String, _ title: String, _ width: Int, ideal: Int, priority: Int, isDefault: Bool = true,
    _ content: @escaping @Sendable (Row, RowContext) -> CellText
  ) -> Column {
    let width = max(width, title.count + 1)
    return Column(
      id: id, title: title, width: width, idealWidth: max(ideal, width), priority: priority, align: .left, isDefault: isDefault,
      content: content)
  }
}

/// What a cell shows. The text may come from anywhere: the canvas escapes it.
struct CellText: Equatable, Sendable {
  var text: String
  var role: Role

  init(_ text: String, _ role: Role = .foreground) {
    self.text = text
    self.role = role
  }

  /// Nothing to tell.
  static let none = CellText("-", .muted)
}

/// What columns know beside the row.
struct RowContext: Sendable {
  var serverName: String
  /// The server's clock; nil before it told.
  var clock: Timestamp?
  var isStale: Bool
  var isASCII: Bool

  /// Seconds since a moment of the server's clock, never negative.
  func age(of moment: Timestamp) -> Duration {
    guard let clock else { return .zero }
    return .milliseconds(max(0, clock.milliseconds - moment.milliseconds))
  }
}

extension FilterableRow {
  /// When what the row shows was heard of last, where that is of a node that cannot be reached; nil for what is of now.
  var heardLast: Timestamp? {
    guard case .number(let seconds) = value(of: .asOf, now: Timestamp(seconds: 0)) else { return nil }
    return Timestamp(milliseconds: Int64(seconds * 1000))
  }
}

extension CellText {
  /// With the age of a row that is not of now behind it.
  init(_ text: String, of row: some FilterableRow, _ context: RowContext) {
    self.init(text + (row.heardLast.map { " (\(Quantity.age(context.age(of: $0)).text) old)" } ?? ""))
  }

  /// Zero is quiet.
  static func count(_ value: Int, _ role: Role = .foreground) -> CellText { total(UInt64(max(0, value)), role) }
  static func total(_ value: UInt64, _ role: Role = .foreground) -> CellText {
    CellText(Quantity.count(value).text, value == 0 ? .muted : role)
  }

  static func rate(_ value: Double, _ role: Role = .rate) -> CellText { CellText(Quantity.rate(value).text, value > 0 ? role : .muted) }
  static func bytes(_ value: Double) -> CellText { CellText(Quantity.bytes(value).text, value > 0 ? .foreground : .muted) }

  /// Milliseconds; from a second on a person should look twice.
  static func latency(_ milliseconds: Double) -> CellText {
    guard milliseconds > 0 else { return none }
    return CellText(Quantity.milliseconds(milliseconds).text, milliseconds >= 1000 ? .highLatency : .foreground)
  }
}
