/// A completion script that the parser of command lines made, in which the commands that read their flags themselves are completed too.
///
/// The parser knows nothing of their flags, which are the keys of a configuration. What it wrote for such a command is taken out of its script
/// and what the schema knows is put there.
package struct CompletionScript {
  /// The commands whose flags are keys, by name.
  package let commands: [Command]

  package struct Command: Sendable {
    package let name: String
    package let flags: [FlagCompletion]
    /// What its positional arguments are called.
    package let positionals: [String]
    /// Whether `config check` knows its configuration.
    package let isChecked: Bool

    package init(name: String, flags: [FlagCompletion], positionals: [String] = [], isChecked: Bool) {
      self.name = name
      self.flags = flags
      self.positionals = positionals
      self.isChecked = isChecked
    }
  }

  package init(commands: [Command]) {
    self.commands = commands
  }

  /// `nil` if there is no function of that name: then the parser writes its scripts differently than is known here.
  static func replaceFunction(_ name: String, in script: String, with text: String) -> String? {
    var lines = script.split(separator: "\n", omittingEmptySubsequences: false)
    guard let start = lines.firstIndex(of: "\(name)() {"), let end = lines[start...].firstIndex(of: "}") else { return nil }
    lines.replaceSubrange(start...end, with: text.split(separator: "\n", omittingEmptySubsequences: false))
    return lines.joined(separator: "\n")
  }

  /// A word that the shell takes as it is, in single quotes. `escape` stands for a quote within.
  static func quoted(_ text: String, quote escape: String = "'\\''") -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: escape) + "'"
  }
}
