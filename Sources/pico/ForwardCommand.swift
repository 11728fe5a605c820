internal import ArgumentParser
internal import PicoAgent
internal import PicoClient
internal import PicoConfiguration
internal import PicoCore

struct ForwardCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forward", abstract: "Listen on a local TCP port and carry its connections to an endpoint.")

  @Argument(parsing: .captureForPassthrough, help: "LOCAL_ADDRESS ENDPOINT, and flags.")
  var arguments: [String] = []

  func run() async throws {
    let arguments = arguments
    let loaded = try Self.load(arguments)
    if loaded.flags.wantsHelp {
      Output.write(Self.help)
      return
    }
    for warning in loaded.warnings { Output.error("pico forward: warning: \(warning)") }
    let configuration = loaded.configuration
    // Both are there once the command line was read.
    guard let local = configuration.local, let endpoint = configuration.endpoint else { return }
    let log = CommandLog(configuration.log, label: "pico.forward")
    let signals = await RunUntilSignal.trap()
    let live = LiveConfiguration(ForwardConfiguration.schema, configuration, log.logger) { () throws(ConfigurationError) in
      try Self.load(arguments).configuration
    }
    let forwarder = try await Forwarder.start(on: local, to: Self.settings(configuration.server, endpoint), logger: log.logger)
    Output.line("pico forward: \(forwarder.address) goes to \(endpoint) on \(configuration.server.url)")
    await RunUntilSignal.run(
      signals: signals, drain: { await forwarder.shutdown(grace: configuration.gracePeriod) },
      reload: { if let configuration = live.reload() { log.apply(configuration.log) } })
  }

  private static func load(_ arguments: [String]) throws(ConfigurationError) -> LoadedConfiguration<ForwardConfiguration> {
    try ForwardConfiguration.load(arguments: arguments, environment: ProcessEnvironment.current)
  }

  private static func settings(_ server: AgentConfiguration.Server, _ endpoint: EndpointID) -> DialSettings {
    var settings = DialSettings(access: server.access, endpoint: endpoint)
    settings.dialect = server.protocol == .piko ? .piko : .pico
    return settings
  }

  private static var help: String {
    """
    OVERVIEW: Listen on a local TCP port and carry its connections to an endpoint.

    USAGE: pico forward LOCAL_ADDRESS ENDPOINT [flags]

    LOCAL_ADDRESS is PORT (on localhost), HOST:PORT or :PORT (on every interface); port 0 lets the system choose
    ENDPOINT is served by an agent with a tcp:// upstream: pico agent ENDPOINT tcp://HOST:PORT

    FLAGS:
    \(ForwardConfiguration.schema.help)

    """
  }
}
