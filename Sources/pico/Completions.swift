internal import ArgumentParser
internal import PicoAgent
internal import PicoConfiguration
internal import PicoCore
internal import PicoServer

/// What `--generate-completion-script SHELL` prints: the script of the parser, with the flags that are keys of a configuration.
enum Completions {
  private static let flag = "--generate-completion-script"

  /// `nil` if the words ask for something else, or for a shell that is not known, of which the parser says what is wrong.
  static func script(asked arguments: [String]) throws(PicoError) -> String? {
    guard let word = arguments.first, word == flag || word.hasPrefix(flag + "=") else { return nil }
    let name = word == flag ? arguments.dropFirst().first : String(word.dropFirst(flag.utf8.count + 1))
    guard let shell = name.map({ CompletionShell(rawValue: $0) }) ?? CompletionShell.autodetected() else { return nil }
    let parsers = Pico.completionScript(for: shell)
    let whole =
      switch shell {
      case .bash: keys.bash(parsers)
      case .zsh: keys.zsh(parsers)
      case .fish: keys.fish(parsers)
      default: parsers
      }
    guard let whole else {
      throw PicoError(.internalError, "the completion script of the parser is not as it was", side: .internal)
    }
    return whole
  }

  private static var keys: CompletionScript {
    CompletionScript(commands: [
      .init(name: "server", flags: ServerConfiguration.schema.flagCompletions, isChecked: true),
      .init(name: "agent", flags: AgentConfiguration.flagCompletions, positionals: ["endpoint", "upstream"], isChecked: true),
      .init(
        name: "forward", flags: ForwardConfiguration.schema.flagCompletions, positionals: ["local address", "endpoint"], isChecked: false),
    ])
  }
}
