internal import ArgumentParser
internal import NIOCore
internal import NIOPosix
internal import PicoAgent
internal import PicoBench
internal import PicoConfiguration
internal import PicoCore
internal import PicoServer

struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Everything in one process: a server, two sample services, agents and light traffic.")

  @Option(help: "Where requests and listeners are served.", transform: { try Self.place($0) })
  var listen = HostPort(host: "localhost", port: 8080)

  @Option(help: "Where the admin port is.", transform: { try Self.place($0) })
  var admin = HostPort(host: "localhost", port: 8081)

  func run() async throws {
    let signals = await RunUntilSignal.trap()
    var logging = LogConfiguration()
    logging.level = .warning
    let log = CommandLog(logging, label: "pico.demo")

    var configuration = ServerConfiguration()
    configuration.proxy.listen = listen
    configuration.admin.listen = admin
    configuration.log = logging
    configuration.gracePeriod = .seconds(5)
    let server = Server(configuration: configuration, logger: log.logger)
    try await server.start()
    let proxy = HostPort(host: listen.host, port: server.proxyAddresses.first?.port ?? listen.port)
    let status = HostPort(host: admin.host, port: server.adminAddresses.first?.port ?? admin.port)

    let group = MultiThreadedEventLoopGroup.singleton
    let fast = try await DemoService(name: "the fast service", delay: 0...0, group: group)
    let slow = try await DemoService(name: "the slow service", delay: 80...400, group: group)
    var agents: [Agent] = []
    for upstreams in [[("fast", fast), ("slow", slow), ("hello", fast)], [("fast", fast), ("slow", slow)]] {
      var agent = AgentConfiguration()
      agent.server.url = BaseURL(isTLS: false, address: proxy)
      agent.log = logging
      agent.gracePeriod = .seconds(5)
      agent.listeners = upstreams.compactMap { name, service in
        EndpointID(name).map { ListenerConfiguration(endpoint: $0, upstream: .http(service.address)) }
      }
      agents.append(Agent(configuration: agent, logger: log.logger))
    }
    for agent in agents { try await agent.start() }
    Output.write(Self.guide(proxy: proxy, admin: status))

    let traffic = Task { await Self.traffic(to: proxy) }
    let running = agents
    await RunUntilSignal.run(signals: signals) {
      Output.line("pico demo: stopping")
      traffic.cancel()
      await traffic.value
      for agent in running { await agent.shutdown(graceful: true) }
      await server.shutdown(graceful: true)
      await fast.shutdown()
      await slow.shutdown()
    }
  }

  private static func guide(proxy: HostPort, admin: HostPort) -> String {
    let flag = admin.port == 8081 ? "" : " --admin http://\(admin)"
    let isDefault = proxy.port == 8080
    return """
      pico demo: requests and listeners on http://\(proxy), admin on http://\(admin)

      Endpoints "fast" and "slow" have two listeners each, "hello" has one. Try:

        curl http://\(proxy)/any/path -H "x-pico-endpoint: fast"
        curl http://\(proxy)/ -H "x-pico-endpoint: slow" -d "some body"
        curl http://\(proxy)/ -H "Host: hello.example"
        curl -i http://\(proxy)/ -H "x-pico-endpoint: nobody"
        pico-top\(admin.port == 8081 ? "" : " \(admin)")
        pico status endpoints\(flag)
        pico status listeners\(flag)
        pico bench\(isDefault ? "" : " http://\(proxy)") --endpoint fast --rate 500
        curl http://\(admin)/metrics

      Put a service of your own behind it: pico agent my-endpoint-123 localhost:3000\(isDefault ? "" : " --server http://\(proxy)")
      Ctrl-C ends the demo.

      """
  }

  /// A few requests a second, until the task is cancelled.
  private static func traffic(to proxy: HostPort) async {
    await withTaskGroup { tasks in
      for (endpoint, rate) in [("fast", 8.0), ("slow", 2.0), ("hello", 1.0)] {
        tasks.addTask {
          var load = BenchConfiguration()
          load.host = proxy.host
          load.port = proxy.port
          load.endpoint = endpoint
          load.target = "/demo"
          load.connections = 2
          load.rate = rate
          load.duration = .seconds(3600)
          while !Task.isCancelled {
            // The first attempts may come before the listeners are there.
            _ = try? await Bench.run(load)
            try? await Task.sleep(for: .milliseconds(200))
          }
        }
      }
    }
  }

  private static func place(_ text: String) throws -> HostPort {
    do throws(MalformedValue) {
      return try HostPort(text: text)
    } catch {
      throw ValidationError("\(error)")
    }
  }
}
