/// What a person can set for the dashboard, and the defaults. `TopSettings+Keys.swift` gives each its key in top.yaml.
package struct TopSettings: Equatable, Sendable {
  /// A name that `ThemeCatalogue` finds.
  package var theme = Theme.defaultName
  /// By the name of an action, the keys that do it instead of its own: `[disconnect: [x, delete]]`.
  package var keys: [String: [String]] = [:]
  /// By table, the columns to show, from left to right; a table that is not here has its own.
  package var columns: [String: [String]] = [:]
  /// By table, a field as `RowOrder` reads it: `[endpoints: -rate]`.
  package var sort: [String: String] = [:]
  /// URLs of servers when the command line names none.
  package var servers: [String] = []
  package var mouse = true
  package var ascii = false
  /// Between updates.
  package var interval: Duration = .seconds(1)
  /// Patterns with `*` of servers that always ask for typing before something is cut.
  package var protected: [String] = []
  /// What the list of endpoints starts with.
  package var filter = ""

  package init() {}
}
