/// A command line split into flags and the rest. `--key value`, `--key=value` and, for booleans, a bare `--key`; `--` ends the flags.
package struct CommandLineFlags: Sendable {
  /// What was given for each key; lists that were given several times are joined by commas.
  package private(set) var layer: [String: ConfigurationNode] = [:]
  /// What is no flag, in order.
  package private(set) var positionals: [String] = []
  /// The file of `--config FILE`.
  package private(set) var configurationFile: String?
  /// Whether `--help` or `-h` was there.
  package private(set) var wantsHelp = false

  /// A flag of the parser: the key it sets and whether it needs a value.
  struct Flag {
    let key: String
    let isBoolean: Bool
    /// Whether a boolean may be a path instead.
    let takesPath: Bool
    let isList: Bool
    let isFileOnly: Bool
  }

  /// Reads arguments without the name of the command. What is wrong is added to the problems, as misuse (exit code 64).
  static func parse(_ arguments: [String], flags: [String: Flag], problems: inout ConfigurationProblems) -> CommandLineFlags {
    var result = CommandLineFlags()
    result.read(arguments, flags: flags, problems: &problems)
    return result
  }

  private mutating func read(_ arguments: [String], flags: [String: Flag], problems: inout ConfigurationProblems) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" {
        positionals += rest
        return
      }
      guard argument.hasPrefix("-"), argument != "-" else {
        positionals.append(argument)
        continue
      }
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let name = parts[0]
      var value = parts.count == 2 ? parts[1] : nil
      switch (name, flags[name]) {
      case ("--help", _), ("-h", _):
        wantsHelp = true
      case ("--config", _):
        value = value ?? Self.takeValue(&rest)
        if configurationFile != nil { problems.add("", at: .flag(name), "is given twice") }
        configurationFile = value
        if value?.isEmpty ?? true { problems.add("", at: .flag(name), "needs a value: --config FILE") }
      case (_, let flag?):
        if value == nil {
          value = flag.isBoolean ? Self.takeBoolean(&rest, orPath: flag.takesPath) : Self.takeValue(&rest)
        }
        set(name, flag, value, problems: &problems)
      case (_, nil):
        let near = Spelling.nearest(to: name, among: flags.keys.sorted() + ["--config", "--help"])
        problems.add("", at: .flag(name), "unknown flag" + (near.map { " (did you mean \($0)?)" } ?? ""))
        // A value behind an unknown flag must not be taken for a positional argument.
        if value == nil, near != nil { _ = Self.takeValue(&rest) }
      }
    }
  }

  private mutating func set(_ name: String, _ flag: Flag, _ value: String?, problems: inout ConfigurationProblems) {
    guard !flag.isFileOnly else {
      problems.add(flag.key, at: .flag(name), "can be given only in a configuration file")
      return
    }
    guard let value else {
      problems.add(flag.key, at: .flag(name), "needs a value")
      return
    }
    if let before = layer[flag.key] {
      guard flag.isList, case .scalar(let text) = before.content else {
        problems.add(flag.key, at: .flag(name), "is given twice")
        return
      }
      layer[flag.key] = ConfigurationNode(.scalar(text + "," + value), .flag(name))
    } else {
      layer[flag.key] = ConfigurationNode(.scalar(value), .flag(name))
    }
  }

  private static func takeValue(_ rest: inout ArraySlice<String>) -> String? {
    guard let next = rest.first, !next.hasPrefix("--") else { return nil }
    return rest.popFirst()
  }

  /// A bare boolean is true; `true` and `false` behind it belong to it, and where it may be a path, what has a slash.
  private static func takeBoolean(_ rest: inout ArraySlice<String>, orPath takesPath: Bool) -> String {
    guard let next = rest.first, next == "true" || next == "false" || (takesPath && next.contains("/") && !next.hasPrefix("--")) else {
      return "true"
    }
    rest.removeFirst()
    return next
  }
}
