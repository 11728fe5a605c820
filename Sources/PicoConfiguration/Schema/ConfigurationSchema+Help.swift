extension ConfigurationSchema {
  /// The flags for `--help`: one or two lines each, in the order of the table, 100 columns wide at most where the summary allows it.
  package var help: String {
    "  --config FILE\n      Read the configuration from a YAML file; flags and PICO_* variables count above it.\n" + keyHelp
  }

  /// As `help`, without `--config`.
  package var keyHelp: String {
    var lines: [String] = []
    for key in descriptions where !key.isFileOnly {
      let aliases = flagAliases.filter { $0.value == key.name }.keys.sorted().map { "--\($0), " }.joined()
      let value = key.kind == "boolean" ? "" : " \(key.kind.contains("|") ? key.kind : key.kind.uppercased())"
      lines.append("  \(aliases)\(key.flag)\(value)")
      lines.append("      \(key.summary) (\(key.defaultText == "required" ? "required" : "default: \(key.defaultText)"))")
    }
    return lines.joined(separator: "\n")
  }

  /// A table of all keys in Markdown, and one more for each list of objects.
  package var markdown: String {
    var tables = [Self.table(descriptions)]
    for key in descriptions where !key.elementKeys.isEmpty {
      tables.append("Each object of `\(key.name)`:\n\n" + Self.table(key.elementKeys))
    }
    return tables.joined(separator: "\n\n")
  }

  private static func table(_ keys: [ConfigurationKeyDescription]) -> String {
    var lines = ["| key | kind | default | reload | what it does |", "|---|---|---|---|---|"]
    for key in keys {
      let cells = ["`\(key.name)`", key.kind, key.defaultText, key.isReloadable ? "yes" : "", key.summary]
      lines.append("| " + cells.map(escaped).joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n")
  }

  private static func escaped(_ cell: String) -> String {
    cell.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }
}
