package import PicoConfiguration
internal import PicoCore

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
  /// `themes` are those that there are.
  package init(configuration: String?, state: String?, themes: [String] = []) throws(ConfigurationError) {
    var notices: [String] = []
    var configured = TopSettings()
    if let configuration, TextFile.exists(configuration) {
      let loaded = try ConfigurationReader.check(TopSettings.schema(themes: themes), file: configuration)
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
      var applied = remembered.applied(to: configured)
      if !themes.isEmpty, !themes.contains(applied.theme) {
        notices.append("the theme \"\(applied.theme.escapedForDisplay)\" that was remembered is gone")
        applied.theme = configured.theme
      }
      settings = applied
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
