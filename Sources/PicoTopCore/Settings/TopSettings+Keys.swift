package import PicoConfiguration
internal import PicoCore
internal import PicoStatus

extension TopSettings {
  /// Every key of `top.yaml`. `themes` are those that there are; with none any name will do.
  package static func schema(themes: [String] = []) -> ConfigurationSchema<TopSettings> {
    ConfigurationSchema(
      initial: TopSettings(),
      keys: [
        .key("theme", \.theme, "The theme, a name of `t`'s list") {
          themes.isEmpty || themes.contains($0) ? nil : "is no theme (\(themes.joined(separator: " ")))"
        },
        .key("keys", \.keys, "Keys for an action instead of its own, by the name of the action"),
        .key("columns", \.columns, "The columns of a table from left to right, by the name of the table"),
        .key("sort", \.sort, "The field that a table is sorted by, with a - for the largest first"),
        .key("servers", \.servers, "The servers to watch when the command line names none"),
        .key("mouse", \.mouse, "Whether the mouse is used"),
        .key("ascii", \.ascii, "Whether only ASCII is drawn"),
        .key("interval", \.interval, "The time between updates") {
          (.milliseconds(100) ... .seconds(60)).contains($0) ? nil : "must be from 100ms to 1m"
        },
        .key("protected", \.protected, "Servers (with *) that always ask for typing before a listener is disconnected"),
        .key("filter", \.filter, "The filter that the endpoints start with"),
      ], check: check)
  }

  /// Tables whose columns can be set.
  package static let tables = ["endpoints", "listeners", "live", "nodes", "events", "blocks"]

  @Sendable
  private static func check(_ settings: TopSettings, _ problems: inout ConfigurationProblems) {
    checkTables(columns: settings.columns, sort: settings.sort, &problems)
    for url in settings.servers {
      do throws(MalformedValue) {
        _ = try StatusAccess.server(url)
      } catch {
        problems.contradiction("servers", "\(error)")
      }
    }
    do throws(KeyBindingError) {
      _ = try KeyTable(bindings: settings.keys)
    } catch {
      problems.contradiction("keys.\(error.action)", error.message)
    }
    do throws(FilterError) {
      try FilterExpression(settings.filter).validate(for: EndpointRow.self)
    } catch {
      problems.contradiction("filter", error.message)
    }
  }

  static func checkTables(columns: [String: [String]], sort: [String: String], _ problems: inout ConfigurationProblems) {
    for table in columns.keys.sorted() where !tables.contains(table) {
      problems.contradiction("columns.\(table)", "is no table; tables are \(tables.joined(separator: " "))")
    }
    for (table, columns) in columns.sorted(by: { $0.key < $1.key }) where columns.isEmpty {
      problems.contradiction("columns.\(table)", "names no column")
    }
    for (table, columns) in columns.sorted(by: { $0.key < $1.key }) {
      let known = columnNames(of: table)
      for column in columns where !known.isEmpty && !known.contains(column) {
        problems.contradiction("columns.\(table)", "\"\(column)\" is not a column (\(known.joined(separator: " ")))")
      }
    }
    for (table, sort) in sort.sorted(by: { $0.key < $1.key }) {
      if let complaint = complaint(sort, of: table) { problems.contradiction("sort.\(table)", complaint) }
    }
  }

  private static func columnNames(of table: String) -> [String] {
    switch table {
    case "endpoints": Column<EndpointRow>.all.map(\.id)
    case "listeners": Column<ListenerRow>.all.map(\.id)
    case "nodes": Column<NodeRow>.all.map(\.id)
    case "blocks": Column<BlockRow>.all.map(\.id)
    case "live": Column<RequestRow>.all.map(\.id)
    case "events": Column<EventRow>.all.map(\.id)
    default: []
    }
  }

  private static func complaint(_ sort: String, of table: String) -> String? {
    switch table {
    case "endpoints": complaint(sort, EndpointRow.self)
    case "listeners": complaint(sort, ListenerRow.self)
    case "nodes": complaint(sort, NodeRow.self)
    case "blocks": complaint(sort, BlockRow.self)
    case "live": complaint(sort, RequestRow.self)
    case "events": complaint(sort, EventRow.self)
    default: "is no table that can be sorted; these are \(tables.joined(separator: " "))"
    }
  }

  private static func complaint<Row: FilterableRow>(_ sort: String, _ rows: Row.Type) -> String? {
    guard RowOrder<Row>(sort) == nil else { return nil }
    return "\"\(sort)\" is not a field (\(Row.fieldNames.joined(separator: " ")))"
  }
}
