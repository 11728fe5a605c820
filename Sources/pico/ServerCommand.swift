internal import ArgumentParser
internal import EtcdClient
internal import Glibc
internal import Logging
internal import NIOCore
internal import PicoCluster
internal import PicoConfiguration
internal import PicoCore
internal import PicoServer

struct ServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "server", abstract: "Serve requests and listeners on localhost:8080, admin on localhost:8081.")

  @Argument(parsing: .captureForPassthrough, help: "Flags by the names of the configuration's keys.")
  var arguments: [String] = []

  func run() async throws { try await Self.run(arguments) }

  /// With the words behind the command's name.
  static func run(_ arguments: [String]) async throws {
    let loaded = try load(arguments)
    if loaded.flags.wantsHelp {
      Output.write(help)
      return
    }
    for warning in loaded.warnings { Output.error("pico server: warning: \(warning)") }
    let configuration = loaded.configuration
    let log = CommandLog(configuration.log, label: "pico.server")
    // Beside the two, what the last hops and the ports take.
    let supervised = try Supervised(timeToEnd: configuration.drainDelay + configuration.gracePeriod + .seconds(15), logger: log.logger)
    let signals = await RunUntilSignal.trap()
    let accessLog = try log.accessLog(configuration.proxy.accessLog, format: configuration.proxy.accessLogFormat)
    let live = LiveConfiguration(ServerConfiguration.schema, configuration, log.logger) { () throws(ConfigurationError) in
      try load(arguments).configuration
    }
    let server = Server(
      configuration: configuration, logger: log.logger, accessLog: accessLog,
      makeStore: configuration.cluster.isOn ? storeMaker(configuration.cluster) : nil, leave: { kill(getpid(), SIGTERM) })
    try await server.start()
    let places = places(configuration, server)
    Output.line("pico server: " + places)
    supervised.ready(places)
    StartupPages.release()
    await RunUntilSignal.run(
      signals: signals, supervised: supervised, proof: { await server.visitLoops() },
      drain: { await server.shutdown(graceful: true) },
      reload: {
        accessLog?.reopen()
        server.readCertificatesAgain()
        await server.readKeysAgain()
        guard let configuration = live.reload() else { return }
        log.apply(configuration.log)
        await server.apply(configuration)
      })
    accessLog?.close()
  }

  private static func load(_ arguments: [String]) throws(ConfigurationError) -> LoadedConfiguration<ServerConfiguration> {
    try ConfigurationReader.load(ServerConfiguration.schema, arguments: arguments, environment: ProcessEnvironment.current)
  }

  /// The cluster's routes in etcd.
  private static func storeMaker(_ cluster: ServerConfiguration.Cluster) -> Server.StoreMaker {
    { (node: NodeID, logger: Logger) throws(PicoError) -> any RouteStore in
      var etcd = EtcdConfiguration(endpoints: cluster.etcd.map(\.address))
      if cluster.etcdUsesTLS {
        etcd.tls = .init(authority: cluster.etcdCA, certificate: cluster.etcdCertificate, key: cluster.etcdKey)
      }
      if let name = cluster.username, let file = cluster.passwordFile {
        etcd.user = .init(name: name, password: try password(file))
      }
      return try EtcdRouteStore(
        .init(etcd: etcd, name: cluster.name ?? "", prefix: cluster.prefix, leaseTime: cluster.leaseTTL), node: node, log: logger)
    }
  }

  /// The first line of the file.
  private static func password(_ file: String) throws(PicoError) -> String {
    do throws(FileReadError) {
      return try TextFile.read(path: file, maximumSize: 4096).split(whereSeparator: \.isNewline).first.map { String($0) } ?? ""
    } catch {
      throw PicoError(.badConfiguration, "cluster.password-file: \(file) \(error.reason)", side: .internal)
    }
  }

  private static var help: String {
    """
    OVERVIEW: Serve requests and listeners on localhost:8080, admin on localhost:8081.

    USAGE: pico server [--config FILE] [flags]

    Each flag is a key of the configuration: --proxy.listen is PICO_PROXY_LISTEN in the environment
    and proxy: {listen: ...} in a file. A flag counts above the environment, the environment above the file.

    FLAGS:
    \(ServerConfiguration.schema.help)

    """
  }

  /// What listens where, by the names that the configuration has and the ports that the system chose.
  static func places(_ configuration: ServerConfiguration, _ server: Server) -> String {
    func url(_ place: HostPort, _ addresses: [SocketAddress], _ tls: TLSFiles) -> String {
      let host = place.host.isEmpty ? "0.0.0.0" : place.host
      return "\(tls.isOn ? "https" : "http")://\(HostPort(host: host, port: addresses.first?.port ?? place.port))"
    }
    let admin = url(configuration.admin.listen, server.adminAddresses, configuration.admin.tls)
    let proxy = url(configuration.proxy.listen, server.proxyAddresses, configuration.proxy.tls)
    guard let listeners = configuration.upstream.listen, !configuration.sharesSocket else {
      return "requests and listeners on \(proxy), admin on \(admin)"
    }
    let registration = url(listeners, server.upstreamAddresses, configuration.upstream.tls)
    return "requests on \(proxy), listeners on \(registration), admin on \(admin)"
  }
}
