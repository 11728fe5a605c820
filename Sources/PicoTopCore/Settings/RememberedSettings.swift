internal import PicoConfiguration
internal import PicoStatus

/// The contents of `top-state.yaml`.
struct RememberedSettings: Equatable, Sendable {
  var theme = ""
  var sort: [String: String] = [:]
  var columns: [String: [String]] = [:]
  /// What the person's own file said of these when they were remembered.
  var configured = ""

  init() {}

  init(_ settings: TopSettings, configured: TopSettings) {
    theme = settings.theme
    sort = settings.sort
    columns = settings.columns
    self.configured = Self.mark(of: configured)
  }

  static let schema = ConfigurationSchema(
    initial: RememberedSettings(),
    keys: [
      .key("theme", \.theme, "As it was last"), .key("sort", \.sort, "As it was last"), .key("columns", \.columns, "As they were last"),
      .key("configured", \.configured, "What top.yaml said of these"),
    ], check: { TopSettings.checkTables(columns: $0.columns, sort: $0.sort, &$1) })

  func applied(to settings: TopSettings) -> TopSettings {
    guard configured == Self.mark(of: settings) else { return settings }
    var settings = settings
    settings.theme = theme
    settings.sort = sort
    settings.columns = columns
    return settings
  }

  private static func mark(of settings: TopSettings) -> String {
    "\(settings.theme) \(settings.sort.configurationText) \(settings.columns.configurationText)"
  }

  /// YAML, of which JSON values are a part.
  var text: String {
    """
    # Written by pico-top when theme, sort or columns change. Your own settings belong into top.yaml.
    theme: \(Self.json(theme))
    sort: \(Self.json(sort))
    columns: \(Self.json(columns))
    configured: \(Self.json(configured))

    """
  }

  private static func json(_ value: some JSONValue) -> String {
    var writer = JSONWriter()
    value.write(to: &writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}
