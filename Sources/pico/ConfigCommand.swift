internal import ArgumentParser
internal import PicoAgent
internal import PicoConfiguration
internal import PicoCore
internal import PicoServer

struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Look at configurations.", subcommands: [Check.self])

  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check", abstract: "Say with file and line what is wrong with a configuration.",
      usage: """
        pico config check server [FILE] [flags]
        pico config check agent [FILE] [ENDPOINT UPSTREAM] [flags]
        """,
      discussion: """
        Checked is what pico server or pico agent would run with here: the file, above it the PICO_* variables of this environment, above \
        them the flags, which are those of pico server and pico agent. The last line names the file and the variables that counted. \
        A program that gets its variables elsewhere, from a unit or a pod, needs them here too; env -i pico config check ... looks at \
        the file alone.

        Exits with 0 when the configuration can be used, with 78 when not, and with 64 when the command line is wrong.
        """)

    enum Kind: String, ExpressibleByArgument, CaseIterable {
      case server, agent
    }

    @Argument(help: "Whose configuration it is.")
    var kind: Kind

    @Argument(parsing: .captureForPassthrough, help: "FILE, and what the command would be given besides.")
    var words: [String] = []

    func run() async throws {
      let (file, arguments) = split()
      let environment = ProcessEnvironment.current
      switch kind {
      case .server:
        say(file, try ConfigurationReader.load(ServerConfiguration.schema, arguments: arguments, environment: environment))
      case .agent:
        say(file, try AgentConfiguration.load(arguments: arguments, environment: environment))
      }
    }

    /// The file, and the arguments of the command that would run with it. A file is the word in front, unless the words in front are an
    /// agent's ENDPOINT and UPSTREAM.
    private func split() -> (file: String?, arguments: [String]) {
      let leading = words.prefix { !$0.hasPrefix("-") }.count
      guard leading > 0, !(kind == .agent && leading == 2) else { return (nil, words) }
      return (words[0], ["--config=" + words[0]] + words.dropFirst())
    }

    private func say<Root>(_ file: String?, _ loaded: LoadedConfiguration<Root>) {
      if loaded.flags.wantsHelp { return Output.write(Pico.helpMessage(for: Self.self) + "\n") }
      for warning in loaded.warnings { Output.error("warning: \(warning)") }
      var variables: [String] = []
      for case .environment(let name) in loaded.provenance.values { variables.append(name) }
      let sources = [file ?? loaded.flags.configurationFile].compactMap { $0?.escapedForDisplay } + variables.sorted()
      Output.line("\(sources.isEmpty ? "the defaults" : sources.joined(separator: ", ")): good")
    }
  }
}
