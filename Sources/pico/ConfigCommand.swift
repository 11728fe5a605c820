internal import ArgumentParser
internal import PicoAgent
internal import PicoConfiguration
internal import PicoCore
internal import PicoServer

struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Look at configuration files.", subcommands: [Check.self])

  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check", abstract: "Say with file and line what is wrong with a configuration file.",
      discussion: "Exits with 0 when the file can be used and with 78 when not. Flags and the environment are not looked at.")

    enum Kind: String, ExpressibleByArgument, CaseIterable {
      case server, agent
    }

    @Argument(help: "Whose configuration it is.")
    var kind: Kind

    @Argument(help: "The file.")
    var file: String

    func run() async throws {
      let warnings =
        switch kind {
        case .server: try ConfigurationReader.check(ServerConfiguration.schema, file: file).warnings
        case .agent: try AgentConfiguration.load(arguments: ["--config=" + file], environment: [:]).warnings
        }
      for warning in warnings { Output.error("warning: \(warning)") }
      Output.line("\(file.escapedForDisplay): good")
    }
  }
}
