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
      discussion: "Exits with 0 when the file can be used and with 78 when not. Flags are not looked at.")

    enum Kind: String, ExpressibleByArgument, CaseIterable {
      case server, agent
    }

    @Argument(help: "Whose configuration it is.")
    var kind: Kind

    @Argument(help: "The file.")
    var file: String

    @Flag(help: "Count PICO_* variables above the file, as the server and the agent do.")
    var environment = false

    func run() async throws {
      let variables = environment ? ProcessEnvironment.current : [:]
      let warnings =
        switch kind {
        case .server: try ConfigurationReader.check(ServerConfiguration.schema, file: file, environment: variables).warnings
        case .agent: try AgentConfiguration.load(arguments: ["--config=" + file], environment: variables).warnings
        }
      for warning in warnings { Output.error("warning: \(warning)") }
      Output.line("\(file.escapedForDisplay): good")
    }
  }
}
