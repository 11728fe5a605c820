internal import PicoAgent
internal import PicoConfiguration
internal import PicoCore

/// The options of `pico forward` and their defaults. The server's keys are those of the agent, so that one file of variables serves both.
struct ForwardConfiguration: Sendable, Equatable {
  /// Nil only before the command line was read.
  var local: HostPort?
  var endpoint: EndpointID?
  var server = AgentConfiguration().server
  var log = LogConfiguration()
  /// How long open connections may go on after SIGTERM.
  var gracePeriod: Duration = .zero

  static let schema = ConfigurationSchema(
    initial: ForwardConfiguration(),
    keys: [
      .key("server.url", \.server.url, "The server that the endpoint is asked of"),
      .key("server.token-file", \.server.tokenFile, "A file with the token; read again before each connection"),
      .key("server.tls.ca", \.server.tls.ca, "A PEM file of authorities for the server's certificate", unset: "the system's"),
      .key("server.tls.server-name", \.server.tls.serverName, "The name in the server's certificate", unset: "the host"),
      .key("server.tls.cert", \.server.tls.certificate, "A PEM file with the certificate to show, and those that lead to its authority"),
      .key("server.tls.key", \.server.tls.key, "A PEM file with the key of server.tls.cert"),
      .key(
        "server.http-proxy", \.server.httpProxy,
        "A proxy that opens the connections to the server, http://[USER:PASSWORD@]HOST:PORT; none does without", unset: "the environment's"),
      .key(
        "server.allow-plaintext-token", \.server.allowPlaintextToken,
        "Whether the token may go unencrypted to a host that is not loopback"),
      .key("server.protocol", \.server.protocol, "What the server speaks; piko is for a Piko server"),
      .key("grace-period", \.gracePeriod, "How long open connections may go on after SIGTERM"),
      .key("log.level", \.log.level, "The least important messages that are logged", reloadable: true),
      .key("log.format", \.log.format, "How log lines look", unset: "text on a terminal, else json"),
    ],
    flagAliases: [
      "server": "server.url", "server-protocol": "server.protocol", "token-file": "server.token-file", "ca": "server.tls.ca",
    ], check: check)

  @Sendable
  private static func check(_ configuration: ForwardConfiguration, _ problems: inout ConfigurationProblems) {
    configuration.server.check(&problems)
  }

  /// No key belongs to the positional arguments.
  private static let none = ConfigurationSchema(initial: ForwardConfiguration(), keys: [])

  static func load(
    arguments: [String], environment: [String: String]
  ) throws(ConfigurationError) -> LoadedConfiguration<ForwardConfiguration> {
    try ConfigurationReader.load(schema, arguments: arguments, environment: environment, further: none) {
      flags, configuration, problems in
      configuration.server.takeProxy(from: environment, problems: &problems)
      guard flags.positionals.count == 2 else {
        let said =
          switch flags.positionals.count {
          case 0: "needs LOCAL_ADDRESS and ENDPOINT"
          case 1: "needs ENDPOINT after LOCAL_ADDRESS \"\(flags.positionals[0])\""
          default: "unexpected argument \"\(flags.positionals[2])\""
          }
        return problems.add("", at: nil, said, isUsage: true)
      }
      let (local, endpoint) = (flags.positionals[0], flags.positionals[1])
      if let port = HostPort.port(local) {
        configuration.local = HostPort(host: "localhost", port: port)
      } else {
        do throws(MalformedValue) {
          configuration.local = try HostPort(text: local)
        } catch {
          problems.add("", at: .argument("LOCAL_ADDRESS"), "\(error)", isUsage: true)
        }
      }
      configuration.endpoint = EndpointID(endpoint)
      if configuration.endpoint == nil {
        problems.add(
          "", at: .argument("ENDPOINT"), "\"\(endpoint)\" is not an endpoint (1 to 128 of A-Z a-z 0-9 . _ ~ -)", isUsage: true)
      }
    }
  }
}
