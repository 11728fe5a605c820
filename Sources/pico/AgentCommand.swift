internal import ArgumentParser
internal import Logging
internal import PicoAgent
internal import PicoConfiguration
internal import PicoCore

struct AgentCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent", abstract: "Open listeners on a server and forward their requests to a local service.")

  @Argument(parsing: .captureForPassthrough, help: "ENDPOINT UPSTREAM, or --config FILE, and flags.")
  var arguments: [String] = []

  func run() async throws { try await Self.run(arguments) }

  /// With the words behind the command's name.
  static func run(_ arguments: [String]) async throws {
    let loaded = try load(arguments)
    if loaded.flags.wantsHelp {
      Output.write(help)
      return
    }
    for warning in loaded.warnings { Output.error("pico agent: warning: \(warning)") }
    let configuration = loaded.configuration
    let log = CommandLog(configuration.log, label: "pico.agent")
    let supervised = try Supervised(timeToEnd: configuration.gracePeriod + .seconds(5), logger: log.logger)
    let signals = await RunUntilSignal.trap()
    let live = LiveConfiguration(AgentConfiguration.schema, configuration, log.logger) { () throws(ConfigurationError) in
      try load(arguments).configuration
    }
    let agent = Agent(configuration: configuration, logger: log.logger)
    try await agent.start()
    StartupPages.release()
    // Ready without a tunnel: whether the server can be reached is not for a restart to mend, nor for a machine's start to wait for.
    supervised.ready("no tunnel yet to \(configuration.server.url)")
    let connecting = Task {
      while !agent.isConnected { try await Task.sleep(for: .milliseconds(5)) }
      for listener in configuration.listeners {
        Output.line("pico agent: \(listener.endpoint) on \(configuration.server.url) goes to \(listener.upstream)")
      }
      supervised.status("connected to \(configuration.server.url)")
    }
    await RunUntilSignal.run(
      signals: signals, supervised: supervised, proof: { await agent.visitLoops() },
      drain: {
        connecting.cancel()
        await agent.shutdown(graceful: true)
      },
      reload: {
        agent.reopenAccessLogs()
        if let configuration = live.reload() { log.apply(configuration.log) }
      })
  }

  private static func load(_ arguments: [String]) throws(ConfigurationError) -> LoadedConfiguration<AgentConfiguration> {
    try AgentConfiguration.load(arguments: arguments, environment: ProcessEnvironment.current)
  }

  private static var help: String {
    """
    OVERVIEW: Open listeners on a server and forward their requests to a local service.

    USAGE: pico agent ENDPOINT UPSTREAM [flags]
           pico agent --config FILE [flags]

    ENDPOINT is the name that clients use: 1 to 128 of A-Z a-z 0-9 . _ ~ -
    UPSTREAM is PORT, HOST:PORT, http://..., https://..., h2c://HOST:PORT, tcp://HOST:PORT or unix:/path

    FLAGS:
    \(AgentConfiguration.help)

    """
  }
}
