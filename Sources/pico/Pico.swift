internal import ArgumentParser
internal import Glibc
internal import PicoConfiguration
internal import PicoCore

/// The root of the command line.
@main
struct Pico: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pico",
    abstract: "A tunnelling reverse proxy: agents open tunnels to a server, clients' requests go back through them.",
    discussion: """
      Try it:  pico server
               python3 -m http.server 3000
               pico agent my-endpoint-123 localhost:3000
               curl http://localhost:8080 -H "x-pico-endpoint: my-endpoint-123"
      or everything in one process:  pico demo
      """,
    version: "pico \(PicoVersion.current)",
    subcommands: [
      ServerCommand.self, AgentCommand.self, ForwardCommand.self, StatusCommand.self, DisconnectCommand.self, BlocksCommand.self,
      UnblockCommand.self, TokenCommand.self, BenchCommand.self, DemoCommand.self, ConfigCommand.self,
    ])

  static func main() async {
    // A reader that goes away ends a write with an error, not the process.
    _ = signal(SIGPIPE, SIG_IGN)
    Glibc.exit(await run())
  }

  /// Runs the command line and gives the exit code. Whatever was wrong has been said on standard error by then.
  private static func run() async -> Int32 {
    do {
      let arguments = try ProcessArguments.current()
      // These two read their flags themselves; without a look at all commands they start in half the time and memory.
      switch arguments.first {
      case "server":
        try await ServerCommand.run(Array(arguments.dropFirst()))
        return SysExit.ok.rawValue
      case "agent":
        try await AgentCommand.run(Array(arguments.dropFirst()))
        return SysExit.ok.rawValue
      default:
        if let script = try Completions.script(asked: arguments) {
          Output.write(script)
          return SysExit.ok.rawValue
        }
      }
      var command = try parseAsRoot(try rewritten(arguments))
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
      return SysExit.ok.rawValue
    } catch {
      return report(error)
    }
  }

  /// `server`, `agent` and `forward` take their flags from the configuration's keys, so they print their own help.
  private static func rewritten(_ arguments: [String]) throws -> [String] {
    if arguments.first == "help", let name = arguments.dropFirst().first, !name.hasPrefix("-"),
      !configuration.subcommands.contains(where: { $0._commandName == name })
    {
      throw ValidationError("\"\(name)\" is not a command")
    }
    guard arguments.count == 2, arguments[0] == "help", ["server", "agent", "forward"].contains(arguments[1]) else { return arguments }
    return [arguments[1], "--help"]
  }

  /// One line for each thing that is wrong.
  private static func report(_ error: any Error) -> Int32 {
    switch error {
    case let error as ExitCode:
      return error.rawValue
    case let error as ConfigurationError:
      for problem in error.problems {
        // A line that begins with file:line stays as editors know it.
        let isInFile = if case .file = problem.provenance { true } else { false }
        Output.error(isInFile ? "\(problem)" : "pico: \(problem)")
      }
      return error.exit.rawValue
    case let error as PicoError:
      Output.error("pico: \(error)")
      return error.exit.rawValue
    default:
      let code = exitCode(for: error)
      guard code != .success else {
        Output.write(fullMessage(for: error) + "\n")
        return code.rawValue
      }
      let isUsage = code == .validationFailure
      let text = isUsage ? message(for: error) : "\(error)"
      let line = text.split(separator: "\n").first.map(String.init) ?? text
      Output.error("pico: \(line.escapedForDisplay)")
      return isUsage ? SysExit.usage.rawValue : SysExit.software.rawValue
    }
  }

  func run() async throws {
    Output.write(Self.helpMessage() + "\n")
  }
}
