package import PicoConfiguration
internal import PicoCore
internal import PicoTracing

extension ServerConfiguration {
  /// Every key of `pico server`.
  package static let schema = ConfigurationSchema(
    initial: ServerConfiguration(), keys: proxyKeys + portKeys + tlsKeys + clusterKeys + nodeKeys + tracingKeys, check: check)

  /// Of rates: one each microsecond.
  static let highestRate = 1_000_000

  private static let proxyKeys: [ConfigurationKey<ServerConfiguration>] = [
    .key("proxy.listen", \.proxy.listen, "Where requests are taken"),
    .key(
      "proxy.timeout", \.proxy.timeout, "How long the response head may take; then 504", reloadable: true,
      check: ConfigurationCheck.positive),
    .key(
      "proxy.head-timeout", \.proxy.headTimeout, "How long a client may take to send a request head; then 408",
      reloadable: true, check: ConfigurationCheck.positive),
    .key(
      "proxy.idle-timeout", \.proxy.idleTimeout, "How long a connection may wait between requests; keep it above the load balancer's",
      reloadable: true, check: ConfigurationCheck.positive),
    .key(
      "proxy.body-idle-timeout", \.proxy.bodyIdleTimeout,
      "How long a client may send nothing of a body it declared, or take nothing of a response",
      reloadable: true, check: ConfigurationCheck.positive),
    .key(
      "proxy.max-head", \.proxy.maxHead, "The largest request head; then 431",
      reloadable: true, check: ConfigurationCheck.within(.kibibytes(1) ... .mebibytes(1))),
    .key("proxy.max-body", \.proxy.maxBody, "The largest request body; then 413; 0 is no limit", reloadable: true),
    .key(
      "proxy.max-connections", \.proxy.maxConnections, "The most client connections", unset: "80 % of the descriptor limit",
      reloadable: true, check: { $0.flatMap(ConfigurationCheck.positive) }),
    .key(
      "proxy.max-requests-per-endpoint", \.proxy.maxRequestsPerEndpoint,
      "The most requests in flight of an endpoint; then 429; 0 is no limit", reloadable: true, check: ConfigurationCheck.notNegative),
    .key(
      "proxy.rate-limit", \.proxy.rateLimit, "The most requests a second of an endpoint; then 429; 0 is no limit",
      reloadable: true, check: ConfigurationCheck.notNegative),
    .key(
      "proxy.client-rate-limit", \.proxy.clientRateLimit,
      "The most requests a second of one client address (IPv6: /64); then 429; 0 is no limit",
      reloadable: true, check: ConfigurationCheck.within(0...highestRate)),
    .key("proxy.allow", \.proxy.access.allow, "The only client addresses that are let in; empty is all", reloadable: true),
    .key("proxy.deny", \.proxy.access.deny, "Client addresses that are not let in, whatever proxy.allow says", reloadable: true),
    .key("proxy.endpoint-from", \.proxy.endpointFrom, "Where a request may name its endpoint"),
    .key(
      "proxy.domains", \.proxy.domains,
      "Suffixes of Host below which the first label names an endpoint; empty is any; {domain: D, tenant: T} for a tenant's"),
    .key("proxy.proxy-protocol", \.proxy.proxyProtocol, "Whether connections start with a PROXY protocol header (version 1 or 2)"),
    .key(
      "proxy.trusted-proxies", \.proxy.trustedProxies, "Clients whose Forwarded, X-Forwarded-* and X-Real-IP are believed"),
    .key(
      "proxy.access-log", \.proxy.accessLog, "One line for each request: true is standard output, a path is a file"),
    .key(
      "proxy.access-log-format", \.proxy.accessLogFormat, "How its lines look; combined is that of Apache and nginx",
      unset: "that of the log"),
    .key("proxy.access-log-headers", \.proxy.accessLogHeaders, "Request headers to log; those with secrets never show"),
    .key("proxy.via", \.proxy.via, "Whether Via is added; it turns compression off at many upstreams"),
    .key(
      "proxy.retry-buffer", \.proxy.retryBuffer, "How much of a request body is kept so that it can be sent to another listener",
      reloadable: true, check: ConfigurationCheck.within(ByteSize(bytes: 0) ... .mebibytes(1))),
    .key("proxy.http2", \.proxy.http2, "Whether clients may speak HTTP/2: with TLS if they ask for it, in the clear if they begin with it"),
    .key(
      "proxy.http2-max-streams", \.proxy.http2MaxStreams, "The most requests at a time on one connection of HTTP/2",
      check: ConfigurationCheck.within(1...10_000)),
  ]

  private static let upstreamKeys: [ConfigurationKey<ServerConfiguration>] = [
    .key("upstream.listen", \.upstream.listen, "Where listeners register", unset: "same as proxy.listen"),
    .key(
      "upstream.max-listeners", \.upstream.maxListeners, "The most listeners of the node; then 429; 0 is no limit",
      reloadable: true, check: ConfigurationCheck.notNegative),
    .key(
      "upstream.max-listeners-per-endpoint", \.upstream.maxListenersPerEndpoint,
      "The most listeners of an endpoint; then 429; 0 is no limit", reloadable: true, check: ConfigurationCheck.notNegative),
    .key(
      "upstream.max-listeners-per-token", \.upstream.maxListenersPerToken,
      "The most listeners of one sub of a token, of one token without sub, or of one client certificate; then 429; 0 is no limit",
      reloadable: true, check: ConfigurationCheck.notNegative),
    .key(
      "upstream.registration-rate", \.upstream.registrationRate,
      "The most registrations a second, two seconds' worth at once; then 429; 0 is no limit",
      reloadable: true, check: ConfigurationCheck.within(0...highestRate)),
    .key(
      "upstream.registration-rate-per-address", \.upstream.registrationRatePerAddress,
      "The most registrations a second from one address (IPv6: /64); then 429; 0 is no limit",
      reloadable: true, check: ConfigurationCheck.within(0...highestRate)),
    .key("upstream.allow", \.upstream.access.allow, "The only addresses that may register listeners; empty is all", reloadable: true),
    .key("upstream.deny", \.upstream.access.deny, "Addresses that may not, whatever upstream.allow says", reloadable: true),
  ]

  private static let adminKeys: [ConfigurationKey<ServerConfiguration>] = [
    .key("admin.listen", \.admin.listen, "Where status, metrics and probes are served"),
    .key("admin.allow", \.admin.access.allow, "The only addresses that may connect to the admin port; empty is all", reloadable: true),
    .key("admin.deny", \.admin.access.deny, "Addresses that may not, whatever admin.allow says", reloadable: true),
    .key("admin.probe-listen", \.admin.probeListen, "A further address with /health and /ready only"),
    .key("admin.allowed-origins", \.admin.allowedOrigins, "Origins whose pages may use the admin port"),
    .key(
      "admin.allowed-hosts", \.admin.allowedHosts, "Names besides localhost and IP addresses that Host may have on the admin port"),
    .key(
      "admin.max-watchers", \.admin.maxWatchers, "The most status WebSockets at a time; then 503",
      check: ConfigurationCheck.within(1...10_000)),
  ]

  private static let portKeys =
    Authentication.keys.map { $0.within("proxy.auth", \.proxy.auth) } + upstreamKeys
    + Authentication.keys.map { $0.within("upstream.auth", \.upstream.auth) } + adminKeys
    + Authentication.keys.map { $0.within("admin.auth", \.admin.auth) }
    + [.key("admin.auth.protect-health", \.admin.protectsHealth, "Whether /health, /ready and /metrics want a token too")]

  private static let tracingKeys = TracingConfiguration.keys.map { $0.within("tracing", \ServerConfiguration.tracing) }

  private static let nodeKeys: [ConfigurationKey<ServerConfiguration>] = [
    .key(
      "tunnel.ping-interval", \.tunnel.pingInterval, "How often each end of a tunnel asks the other for a sign of life",
      check: ConfigurationCheck.positive),
    .key(
      "tunnel.ping-timeout", \.tunnel.pingTimeout, "After how long without any byte the other end counts as gone",
      check: ConfigurationCheck.positive),
    .key("tunnel.stream-window", \.tunnel.streamWindow, "How much an agent may send on a stream before it is read"),
    .key("tunnel.max-streams", \.tunnel.maxStreams, "The most streams of a tunnel", check: ConfigurationCheck.within(1...65_536)),
    .key(
      "tunnel.max-buffered", \.tunnel.maxBuffered, "The most unread bytes of a tunnel",
      check: ConfigurationCheck.within(.mebibytes(1) ... .mebibytes(16_384))),
    .key(
      "memory.max-buffered", \.memory.maxBuffered, "The most unread bytes of the node; then 503", unset: "a quarter of the memory limit",
      reloadable: true, check: { $0.flatMap(ConfigurationCheck.within(.mebibytes(1) ... .mebibytes(1 << 24))) }),
    .key("metrics.endpoint-label", \.metrics.endpointLabel, "Whether metrics tell endpoints apart (10,000 at most)"),
    .key("node.id-prefix", \.node.idPrefix, "What the ID of the node starts with"),
    .key(
      "server.threads", \.server.threads, "Event loops; 0 is one for each core", check: ConfigurationCheck.within(0...1024)),
    .key("grace-period", \.gracePeriod, "How long requests in flight may go on after SIGTERM"),
    .key("drain-delay", \.drainDelay, "How long everything is still served after SIGTERM while /ready says 503"),
    .key("log.level", \.log.level, "The least important messages that are logged", reloadable: true),
    .key("log.format", \.log.format, "How log lines look", unset: "text on a terminal, else json"),
  ]

  @Sendable
  private static func check(_ configuration: ServerConfiguration, _ problems: inout ConfigurationProblems) {
    let tunnel = configuration.tunnel
    if tunnel.pingTimeout < tunnel.pingInterval {
      let (timeout, interval) = (tunnel.pingTimeout.text, tunnel.pingInterval.text)
      if problems.provenance["tunnel.ping-timeout"] != nil {
        problems.contradiction("tunnel.ping-timeout", "\"\(timeout)\" is less than tunnel.ping-interval (\(interval))")
      } else {
        problems.contradiction("tunnel.ping-interval", "\"\(interval)\" is more than tunnel.ping-timeout (\(timeout))")
      }
    }
    if let total = configuration.memory.maxBuffered, total < tunnel.maxBuffered, problems.provenance["tunnel.max-buffered"] != nil {
      problems.contradiction("memory.max-buffered", "\"\(total)\" is less than tunnel.max-buffered (\(tunnel.maxBuffered))")
    }
    if configuration.proxy.endpointFrom.isEmpty {
      problems.contradiction("proxy.endpoint-from", "is empty, so no request could name an endpoint")
    }
    if configuration.proxy.accessLogFormat == .combined, !configuration.proxy.accessLogHeaders.isEmpty {
      problems.contradiction("proxy.access-log-headers", "has no place in proxy.access-log-format: combined")
    }
    checkPorts(configuration, &problems)
    checkAuthentication(configuration, &problems)
    checkTLS(configuration, &problems)
    checkCluster(configuration, &problems)
    configuration.tracing.check(&problems)
    let listeners = configuration.sharesSocket ? configuration.proxy.tls : configuration.upstream.tls
    if !configuration.upstream.auth.isOn, listeners.clientCA == nil, problems.provenance["upstream.max-listeners-per-token"] != nil {
      problems.contradiction(
        "upstream.max-listeners-per-token",
        "has no effect without upstream.auth with keys or client certificates: nobody says who registers")
    }
  }

  private static func checkPorts(_ configuration: ServerConfiguration, _ problems: inout ConfigurationProblems) {
    let proxy = configuration.proxy.listen
    let ports: [(key: String, address: HostPort?)] = [
      ("upstream.listen", configuration.upstream.listen == proxy ? nil : configuration.upstream.listen),
      ("admin.listen", configuration.admin.listen), ("admin.probe-listen", configuration.admin.probeListen),
    ]
    var taken = [(key: "proxy.listen", address: proxy)]
    for case (let key, let address?) in ports where address.port != 0 {
      if let other = taken.first(where: { $0.address == address }) {
        problems.contradiction(key, "\"\(address)\" is the address of \(other.key) too")
      }
      taken.append((key, address))
    }
    let listeners = configuration.sharesSocket ? configuration.proxy.tls : configuration.upstream.tls
    checkAnonymous("proxy", proxy, configuration.proxy.auth, configuration.proxy.tls, &problems)
    checkAnonymous("upstream", configuration.upstream.listen ?? proxy, configuration.upstream.auth, listeners, &problems)
    checkAnonymous("admin", configuration.admin.listen, configuration.admin.auth, configuration.admin.tls, &problems)
  }

  private static func checkAnonymous(
    _ port: String, _ address: HostPort, _ auth: Authentication, _ tls: TLSFiles, _ problems: inout ConfigurationProblems
  ) {
    // Who has no certificate of the port's authorities does not come in either.
    guard !address.isLoopback, !auth.isOn, tls.clientCA == nil else { return }
    if auth.allowAnonymous {
      problems.warn("\(port).auth.allow-anonymous: \(address) is open to other machines without authentication")
    } else {
      let key = port == "upstream" && problems.provenance["upstream.listen"] == nil ? "proxy.listen" : "\(port).listen"
      problems.contradiction(
        key,
        "\"\(address)\" is open to other machines and the \(port) port has no authentication "
          + "(set \(port).auth.hmac-secret-file, \(port).auth.public-key-file or \(port).auth.jwks, or \(port).auth.allow-anonymous: true)"
      )
    }
  }
}
