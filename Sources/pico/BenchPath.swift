internal import NIOCore
internal import NIOPosix
internal import PicoAgent
internal import PicoConfiguration
internal import PicoCore
internal import PicoServer

/// A server, an agent and a service in this process, on free ports of the loopback interface, for `pico bench --self`.
struct BenchPath: Sendable {
  let proxy: HostPort
  let admin: HostPort
  let endpoint: String
  private let server: Server
  private let agent: Agent
  private let service: DemoService

  /// Ready when it returns: the agent's tunnels are up.
  static func start() async throws -> BenchPath {
    var logging = LogConfiguration()
    logging.level = .warning
    let log = CommandLog(logging, label: "pico.bench")
    guard let endpoint = EndpointID("self") else { throw PicoError(.internalError, "\"self\" is no endpoint", side: .internal) }
    let place = HostPort(host: "127.0.0.1", port: 0)
    var serverConfiguration = ServerConfiguration()
    serverConfiguration.proxy.listen = place
    serverConfiguration.admin.listen = place
    let server = Server(configuration: serverConfiguration, logger: log.logger)
    try await server.start()
    let proxy = HostPort(host: place.host, port: server.proxyAddresses.first?.port ?? 0)
    let admin = HostPort(host: place.host, port: server.adminAddresses.first?.port ?? 0)
    let service = try await DemoService(name: "the service", delay: 0...0, group: MultiThreadedEventLoopGroup.singleton)
    var agentConfiguration = AgentConfiguration()
    agentConfiguration.server.url = BaseURL(isTLS: false, address: proxy)
    var listener = ListenerConfiguration(endpoint: endpoint, upstream: .http(service.address))
    listener.connections = max(1, System.coreCount)
    agentConfiguration.listeners = [listener]
    let agent = Agent(configuration: agentConfiguration, logger: log.logger)
    try await agent.start()
    let deadline = ContinuousClock.now + .seconds(10)
    while !agent.isConnected {
      guard ContinuousClock.now < deadline else {
        throw PicoError(.internalError, "the agent of --self did not connect in 10 s", side: .internal)
      }
      try await Task.sleep(for: .milliseconds(5))
    }
    return BenchPath(proxy: proxy, admin: admin, endpoint: endpoint.name, server: server, agent: agent, service: service)
  }

  func shutdown() async {
    await agent.shutdown(graceful: false)
    await server.shutdown(graceful: false)
    await service.shutdown()
  }
}
