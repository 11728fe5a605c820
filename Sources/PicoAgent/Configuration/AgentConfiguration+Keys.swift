package import PicoConfiguration
internal import PicoCore
internal import PicoTracing

extension AgentConfiguration {
  /// Every key of `pico agent`.
  package static let schema = ConfigurationSchema(
    initial: AgentConfiguration(), keys: keys + tracingKeys,
    flagAliases: [
      "server": "server.url", "server-protocol": "server.protocol", "token-file": "server.token-file", "ca": "server.tls.ca",
    ], check: check)

  private static let keys: [ConfigurationKey<AgentConfiguration>] = [
    .objects("listeners", \.listeners, "The endpoints and the services behind them", of: ListenerConfiguration.schema),
    .key("server.url", \.server.url, "The server to register with"),
    .key("server.token-file", \.server.tokenFile, "A file with the token; read again before each connection"),
    .key("server.tls.ca", \.server.tls.ca, "A PEM file of authorities for the server's certificate", unset: "the system's"),
    .key("server.tls.server-name", \.server.tls.serverName, "The name in the server's certificate", unset: "the host"),
    .key("server.tls.cert", \.server.tls.certificate, "A PEM file with the certificate to show, and those that lead to its authority"),
    .key("server.tls.key", \.server.tls.key, "A PEM file with the key of server.tls.cert"),
    .key(
      "server.http-proxy", \.server.httpProxy,
      "A proxy that opens the connections to the server, http://[USER:PASSWORD@]HOST:PORT; none does without", unset: "the environment's"),
    .key(
      "server.allow-plaintext-token", \.server.allowPlaintextToken, "Whether the token may go unencrypted to a host that is not loopback"),
    .key("server.protocol", \.server.protocol, "What the server speaks; piko is for a Piko server"),
    .key("metrics.listen", \.metrics.listen, "Where /metrics, /health and /ready are served"),
    .key("agent.id", \.agent.id, "The name of the agent", unset: "random for each process"),
    .key("agent.metadata", \.agent.metadata, "What the server shows of the agent besides its name"),
    .key("grace-period", \.gracePeriod, "How long requests in flight may go on after SIGTERM"),
    .key("log.level", \.log.level, "The least important messages that are logged", reloadable: true),
    .key("log.format", \.log.format, "How log lines look", unset: "text on a terminal, else json"),
  ]

  private static let tracingKeys = TracingConfiguration.keys.map { $0.within("tracing", \AgentConfiguration.tracing) }

  /// The most bytes of all metadata, keys and values.
  package static let maximumMetadata = 2048

  @Sendable
  private static func check(_ configuration: AgentConfiguration, _ problems: inout ConfigurationProblems) {
    configuration.server.check(&problems)
    configuration.tracing.check(&problems)
    let metadata = configuration.agent.metadata
    if metadata.reduce(0, { $0 + $1.key.utf8.count + $1.value.utf8.count }) > maximumMetadata {
      problems.contradiction("agent.metadata", "is longer than \(maximumMetadata) bytes")
    }
    if let twice = metadata.indices.first(where: { index in metadata[..<index].contains { $0.key == metadata[index].key } }) {
      problems.contradiction("agent.metadata", "gives \(metadata[twice].key) twice")
    }
    // Compared only with those of the same endpoint: an agent may have many thousands.
    var seen: [EndpointID: [Int]] = [:]
    for (index, listener) in configuration.listeners.enumerated() {
      let others = seen[listener.endpoint, default: []]
      seen[listener.endpoint] = others + [index]
      guard let first = others.first(where: { configuration.listeners[$0] == listener }) else { continue }
      problems.contradiction("listeners[\(index)]", "is the same as listeners[\(first)] (connections gives more tunnels)")
    }
    if configuration.listeners.isEmpty { problems.contradiction("listeners", "needs at least one listener") }
  }
}

extension ListenerConfiguration {
  /// The keys of one object of `listeners`.
  package static let schema = ConfigurationSchema(
    initial: ListenerConfiguration(),
    keys: [.key("endpoint", \.endpoint, "The name that requests are routed to"), .key("upstream", \.upstream, "The service behind it")]
      + optionalKeys,
    required: ["endpoint", "upstream"], check: check)

  /// The same without what stands in positional arguments.
  static let flagSchema = ConfigurationSchema(initial: ListenerConfiguration(), keys: optionalKeys)

  private static let optionalKeys: [ConfigurationKey<ListenerConfiguration>] = [
    .key("timeout", \.timeout, "How long the upstream may take to its response head; 0 leaves it to proxy.timeout"),
    .key("host-header", \.hostHeader, "What Host becomes", unset: "left alone", check: { $0.flatMap(hostComplaint) }),
    .key(
      "connections", \.connections, "Tunnels to the server, at different nodes if it has several",
      check: ConfigurationCheck.within(1...256)),
    .key(
      "weight", \.weight, "The share of requests in relation to other listeners of the endpoint", check: ConfigurationCheck.within(1...1000)
    ),
    .key(
      "health.path", \.health.path, "A path of the upstream that answers 200 to 399 while it is well", check: { $0.flatMap(pathComplaint) }),
    .key(
      "health.interval", \.health.interval, "How often the upstream is checked", unset: "5s with a path, else never",
      check: { $0.flatMap(ConfigurationCheck.positive) }),
    .key("access-log", \.accessLog, "One line for each request: true is standard output, a path is a file"),
    .key(
      "pool-size", \.poolSize, "Idle connections to the upstream, for each event loop; 0 keeps none",
      check: ConfigurationCheck.within(0...4096)),
    .key("pool-idle", \.poolIdle, "How long an idle connection is kept, unless the upstream's Keep-Alive says more"),
    .key("tls.ca", \.tls.ca, "A PEM file of authorities for the upstream's certificate", unset: "the system's"),
    .key("tls.server-name", \.tls.serverName, "The name in the upstream's certificate", unset: "the host"),
    .key("tls.cert", \.tls.certificate, "A PEM file with the certificate to show the upstream, and those that lead to its authority"),
    .key("tls.key", \.tls.key, "A PEM file with the key of tls.cert"),
  ]

  /// A header value that can do no harm (RFC 9110, section 7.2).
  @Sendable
  private static func hostComplaint(_ text: String) -> String? {
    text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F && $0 != 0x40 } ? nil : "is not a Host (like app.example.com:8080)"
  }

  @Sendable
  private static func pathComplaint(_ text: String) -> String? {
    text.hasPrefix("/") && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x23 } ? nil : "is not a path (like /healthz)"
  }

  @Sendable
  private static func check(_ listener: ListenerConfiguration, _ problems: inout ConfigurationProblems) {
    if case .https = listener.upstream {
    } else {
      for (key, isGiven) in listener.tls.given where isGiven {
        problems.contradiction("tls.\(key)", "has no use with \(listener.upstream), which is not https")
      }
    }
    if let pair = listener.tls.incomplete { problems.contradiction("tls.\(pair.given)", "needs tls.\(pair.missing)") }
    if case .h2c = listener.upstream, listener.health.path != nil {
      problems.contradiction("health.path", "has no use with \(listener.upstream): only whether it can be connected to is looked at")
    }
    if case .tcp = listener.upstream {
      for (key, isGiven) in [("health.path", listener.health.path != nil), ("host-header", listener.hostHeader != nil)] where isGiven {
        problems.contradiction(key, "has no use with \(listener.upstream), which is not HTTP")
      }
    }
  }
}
