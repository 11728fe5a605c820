package import PicoCore

/// Where access log lines go: `false`, `true` (standard output) or a path.
package enum AccessLogDestination: Hashable, Sendable, ConfigurationScalar {
  case off
  case standardOutput
  case file(String)

  package static var configurationKind: String { "boolean or path" }

  package var configurationText: String {
    switch self {
    case .off: "false"
    case .standardOutput: "true"
    case .file(let path): path
    }
  }

  /// A path has a slash, so that a mistyped word does not become a file.
  package init(configurationText: String) throws(MalformedValue) {
    switch configurationText {
    case "false": self = .off
    case "true": self = .standardOutput
    case _ where configurationText.contains("/") && !configurationText.hasSuffix("/"): self = .file(configurationText)
    default:
      throw MalformedValue(
        "\"\(configurationText.escapedForDisplay)\" is not true, false or a path (like ./access.log, /var/log/pico/access.log)")
    }
  }
}
