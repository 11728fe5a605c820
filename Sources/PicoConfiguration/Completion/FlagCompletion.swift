/// A flag as a shell completes it.
package struct FlagCompletion: Sendable, Equatable {
  /// With the hyphens in front; the key's own name last, shorter ones before it.
  package let names: [String]
  package let summary: String
  package let value: Value
  /// Whether it may stand on a command line several times.
  package let isRepeatable: Bool

  /// What may stand behind a flag.
  package enum Value: Sendable, Equatable {
    /// Nothing.
    case none
    /// `true`, `false` or nothing; some take a path too.
    case boolean(orFile: Bool)
    /// One of these.
    case word([String])
    /// Some of these, with commas between them.
    case words([String])
    /// The path of a file, or of several with commas between them.
    case file
    /// What no shell can know: an address, a duration. The word says what it is.
    case free(String)
  }
}

extension ConfigurationSchema {
  /// `--config`, `--help` and each key that a flag can give.
  package var flagCompletions: [FlagCompletion] {
    let config = FlagCompletion(names: ["--config"], summary: "Read the configuration from a YAML file", value: .file, isRepeatable: false)
    let help = FlagCompletion(names: ["-h", "--help"], summary: "Show help information", value: .none, isRepeatable: false)
    return [config] + keyCompletions + [help]
  }

  /// The keys alone.
  package var keyCompletions: [FlagCompletion] {
    descriptions.filter { !$0.isFileOnly }.map { key in
      let aliases = flagAliases.filter { $0.value == key.name }.keys.sorted().map { "--" + $0 }
      return FlagCompletion(
        names: aliases + [key.flag], summary: key.summary, value: key.completion, isRepeatable: key.kind.hasPrefix("list"))
    }
  }
}

extension ConfigurationKeyDescription {
  /// By the key's kind. That a text is the path of a file is said by the end of the key's name.
  package var completion: FlagCompletion.Value {
    let isList = kind.hasPrefix("list of ")
    let element = isList ? String(kind.dropFirst("list of ".count)) : kind
    if element == "boolean" { return .boolean(orFile: false) }
    if element == "boolean or path" { return .boolean(orFile: true) }
    if element.contains("path") { return .file }
    if element.contains("|") {
      let words = element.split(separator: "|").map(String.init)
      return isList ? .words(words) : .word(words)
    }
    let lastWord = name.split { $0 == "." || $0 == "-" }.last ?? ""
    if element == "text", ["file", "ca", "cert", "key"].contains(lastWord) { return .file }
    return .free(element)
  }
}
