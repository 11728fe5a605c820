package import PicoConfiguration
internal import PicoCore
internal import PicoStatus

/// A person's settings and where what they change by key is remembered. Their own file is only read, so its order and comments stay; theme, sort
/// and columns as they were last go to a file of the program's.
///
/// What was remembered counts until the same three are set otherwise in the person's own file.
package struct SettingsStore: Sendable {
  /// What holds at the start.
  package let settings: TopSettings
  /// One escaped line each: what was ignored.
  package let notices: [String]
  /// As in the person's file, without what was remembered.
  private let configured: TopSettings
  private let statePath: String?

  /// A file that is not there is as an empty one. Throws for what is wrong in `configuration`; a `state` that cannot be read is ignored with a
  /// notice.
  package init(configuration: String?, state: String?) throws(ConfigurationError) {
    var notices: [String] = []
    var configured = TopSettings()
    if let configuration, TextFile.exists(configuration) {
      let loaded = try ConfigurationReader.check(TopSettings.schema, file: configuration)
      configured = loaded.configuration
      notices = loaded.warnings
    }
    self.configured = configured
    statePath = state
    guard let state, TextFile.exists(state) else {
      (settings, self.notices) = (configured, notices)
      return
    }
    do throws(ConfigurationError) {
      let remembered = try ConfigurationReader.check(RememberedSettings.schema, file: state).configuration
      settings = remembered.applied(to: configured)
    } catch {
      settings = configured
      notices.append("what was remembered is ignored: \(error.lines[0])".escapedForDisplay)
    }
    self.notices = notices
  }

  /// Writes theme, sort and columns, so that the next start has them.
  package func remember(_ settings: TopSettings) throws(FileWriteError) {
    guard let statePath else { return }
    let text = RememberedSettings(settings, configured: configured).text
    do throws(FileWriteError) {
      try TextFile.replace(path: statePath, with: text)
    } catch {
      throw FileWriteError(reason: "\(statePath) \(error.reason)".escapedForDisplay)
    }
  }
}

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
