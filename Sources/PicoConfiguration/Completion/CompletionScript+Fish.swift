extension CompletionScript {
  /// The parser's script for fish with the keys; `nil` if it is not as expected.
  package func fish(_ script: String) -> String? {
    // What the parser offers to these commands are flags that they do not have.
    let own = commands.map { "\"pico \($0.name)\"" } + ["\"pico config check\""]
    let lines = script.split(separator: "\n", omittingEmptySubsequences: false)
    let kept = lines.filter { line in !(line.hasPrefix("complete ") && own.contains { line.contains($0) }) }
    guard lines.count - kept.count >= own.count, kept.contains("complete -c 'pico' -f") else { return nil }
    let texts = commands.map(Self.fishLines) + [fishCheck]
    return ([kept.joined(separator: "\n"), Self.fishMechanism] + texts).joined(separator: "\n\n") + "\n"
  }

  private static func fishLines(_ command: Command) -> String {
    let lines = command.flags.map { flag in
      let names = flag.names.map { name in
        let bare = name.drop { $0 == "-" }
        return name.hasPrefix("--") ? "-l \(bare)" : "-s \(bare)"
      }
      let unless = flag.isRepeatable ? "" : " " + flag.names.joined(separator: " ")
      let condition = "__pico_takes_key \(command.name)\(unless)"
      let summary = quoted(flag.summary, quote: "\\'")
      return "complete -c 'pico' -n '\(condition)' \(names.joined(separator: " ")) -d \(summary)\(value(flag.value))"
    }
    // A boolean stands alone as well, so its value is a word of its own to fish.
    let booleans = command.flags.filter { if case .boolean = $0.value { true } else { false } }
    let further = booleans.map { flag in
      let isPath = flag.value == .boolean(orFile: true)
      let condition = "__pico_takes_key \(command.name); and __pico_follows \(flag.names.joined(separator: " "))"
      return "complete -c 'pico' -n '\(condition)' -\(isPath ? "F" : "f")a 'true false'"
    }
    return (lines + further).joined(separator: "\n")
  }

  private static func value(_ value: FlagCompletion.Value) -> String {
    switch value {
    case .none, .boolean: ""
    case .word(let words): " -xa '\(words.joined(separator: " "))'"
    case .words(let words): " -xa '(__fish_append , \(words.joined(separator: " ")))'"
    case .file: " -rF"
    case .free: " -x"
    }
  }

  private var fishCheck: String {
    let names = commands.filter(\.isChecked).map(\.name)
    return """
      complete -c 'pico' -n '__pico_words config check; and test (count (commandline -opc)) -eq 3' -fa '\(names.joined(separator: " "))'
      complete -c 'pico' -n '__pico_words config check; and test (count (commandline -opc)) -gt 3' -F
      """
  }

  private static let fishMechanism = """
    # Whether the command line begins with these words.
    function __pico_words
        set -l tokens (commandline -opc)
        test "$tokens[2..$(math (count $argv) + 1)]" = "$argv"
    end

    # Whether the command, or the check of its configuration, has none of these flags yet. The last word may be one, which waits for its value.
    function __pico_takes_key -a command
        __pico_words $command; or __pico_words config check $command; or return 1
        set -l tokens (string replace -r '=.*' '' -- (commandline -opc)[..-2])
        for name in $argv[2..]
            contains -- $name $tokens; and return 1
        end
        return 0
    end

    # Whether the last whole word is one of these.
    function __pico_follows
        set -l tokens (commandline -opc)
        contains -- $tokens[-1] $argv
    end
    """
}
