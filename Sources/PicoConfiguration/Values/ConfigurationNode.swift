/// Where a value was given. The description is what an error message starts with.
package enum Provenance: Hashable, Sendable, CustomStringConvertible {
  /// `--proxy.listen`, as it was written.
  case flag(String)
  /// `ENDPOINT`, the name of a positional argument.
  case argument(String)
  /// `PICO_PROXY_LISTEN`
  case environment(String)
  /// `pico.yaml:7`; lines count from 1.
  case file(path: String, line: Int)

  package var description: String {
    switch self {
    case .flag(let name), .argument(let name), .environment(let name): name
    case .file(let path, let line): "\(path):\(line)"
    }
  }

  /// Whether the value came from the command line, where the name of the flag already names the key.
  var isCommandLine: Bool {
    switch self {
    case .flag, .argument: true
    case .environment, .file: false
    }
  }
}

/// A value as it was given, before anybody knows of what kind it should be.
package struct ConfigurationNode: Sendable {
  package enum Content: Sendable {
    case scalar(String)
    case list([ConfigurationNode])
    case mapping([Entry])
    /// A key with nothing behind it, `~` or `null`.
    case nothing
  }

  package struct Entry: Sendable {
    package let key: String
    /// The line of the key, which may be above that of its value.
    package let provenance: Provenance
    package let value: ConfigurationNode

    package init(key: String, provenance: Provenance, value: ConfigurationNode) {
      self.key = key
      self.provenance = provenance
      self.value = value
    }
  }

  package let content: Content
  package let provenance: Provenance

  package init(_ content: Content, _ provenance: Provenance) {
    self.content = content
    self.provenance = provenance
  }

  /// `a mapping`, `a list`, for messages.
  package var kindName: String {
    switch content {
    case .scalar: "a single value"
    case .list: "a list"
    case .mapping: "a mapping"
    case .nothing: "nothing"
    }
  }
}
