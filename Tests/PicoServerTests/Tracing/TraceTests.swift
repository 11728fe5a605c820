import Logging
import NIOCore
import PicoAgent
import PicoCluster
import PicoConfiguration
import PicoCore
import PicoTracing
import PicoTunnel
import Support
import Synchronization
import Testing

@testable import PicoServer

extension NodeTests {
  /// Traces over whole requests: nodes, agents and a collector.
  @Suite(.timeLimit(.minutes(2))) struct TraceTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func tracing(_ collector: Collector?, sample: Double) throws -> TracingConfiguration {
      var tracing = TracingConfiguration()
      tracing.endpoint = try collector.map { try CollectorURL(configurationText: "http://127.0.0.1:\($0.port)") }
      tracing.sample = SampleRate(sample)
      return tracing
    }

    /// A node that is alone, with that agent's service behind the endpoint `e`.
    private func withNode(
      _ collector: Collector?, sample: Double = 1, _ body: (RunningNode) async throws -> Void
    ) async throws {
      let tracing = try tracing(collector, sample: sample)
      try await RunningNode.with {
        $0.tracing = tracing
      } _: {
        try await body($0)
      }
    }

    private func withAgent(
      of node: RunningNode, _ service: HTTPService, _ tracing: TracingConfiguration, _ body: () async throws -> Void
    ) async throws {
      var configuration = AgentConfiguration()
      configuration.server.url = BaseURL(isTLS: false, address: HostPort(host: "127.0.0.1", port: node.port))
      configuration.listeners = [
        ListenerConfiguration(endpoint: try #require(EndpointID("e")), upstream: .http(HostPort(host: "127.0.0.1", port: service.port)))
      ]
      configuration.tracing = tracing
      let agent = Agent(configuration: configuration, logger: Self.silent)
      try await agent.start()
      do {
        try await eventually("the agent connects") { agent.isConnected && node.server.listenerCount == 1 }
        try await body()
      } catch {
        await agent.shutdown(graceful: false)
        throw error
      }
      await agent.shutdown(graceful: false)
    }

    private func get(_ node: RunningNode, _ fields: String = "", path: String = "/p?secret=1") async throws -> RawClient.Response {
      let client = try node.client()
      try await client.send("GET \(path) HTTP/1.1\r\nHost: e.example:8080\r\n\(fields)\r\n")
      return try await client.response()
    }

    /// Fields of the one request that the service saw, as they came.
    private func seen(_ service: HTTPService, _ name: String) throws -> [String] {
      try #require(service.requests.last).values(name)
    }

    @Test(arguments: [1, 20_000])
    func `a request through two nodes and an agent is three spans, each the child of the one before`(pathLength: Int) async throws {
      let collector = try await Collector.start()
      let service = try await HTTPService.start()
      let directory = try TemporaryDirectory()
      try directory.write("secret", String(repeating: "s3cret-", count: 9))
      let tracing = try tracing(collector, sample: 0)
      let routes = MemoryRoutes()
      let store: Server.StoreMaker = { (node, _) throws(PicoError) -> any RouteStore in MemoryRouteStore(routes, node: node) }
      func configure(_ configuration: inout ServerConfiguration) {
        configuration.cluster.name = "tests"
        configuration.cluster.listen = HostPort(host: "127.0.0.1", port: 0)
        configuration.cluster.secretFile = directory.path("secret")
        configuration.tracing = tracing
      }
      var nodes: [String] = []
      try await RunningNode.member(of: store, threads: 1, configure) { one in
        try await RunningNode.member(of: store, threads: 1, configure) { two in
          nodes = [one, two].map { $0.server.nodeID?.text ?? "" }
          try await withAgent(of: two, service, tracing) {
            let id = try #require(EndpointID("e"))
            try await eventually("the route, and a link") {
              one.node?.routes.routes(of: id) != nil && one.node?.membership?.others == 1
            }
            let path = "/" + String(repeating: "x", count: pathLength) + "?secret=1"
            #expect(try await get(one, "traceparent: \(Self.parent)\r\ntracestate: a=1,b=2\r\n", path: path).status == 200)
          }
        }
      }
      let spans = try collector.spans()
      #expect(spans.count == 3 && spans.allSatisfy { $0.trace == "4bf92f3577b34da6a3ce929d0e0e4736" && $0.status == 0 })
      let agent = try #require(spans.first { $0.service == "pico-agent" })
      let hop = try #require(spans.first { $0.name == "hop" })
      let proxy = try #require(spans.first { $0.service == "pico-server" && $0.name == "GET" })
      #expect(proxy.parent == "00f067aa0ba902b7" && hop.parent == proxy.id && agent.parent == hop.id)
      // The service is told of the innermost one, and of nothing that stood before.
      #expect(try seen(service, "traceparent") == ["00-\(agent.trace)-\(agent.id)-01"])
      #expect(try seen(service, "tracestate") == ["a=1,b=2"])
      #expect(proxy.kind == 2 && hop.kind == 2 && agent.kind == 3)
      #expect(proxy.startedAt <= agent.endedAt && proxy.endedAt >= agent.startedAt)
      #expect(proxy.attributes["pico.node"] == nodes[0] && hop.attributes["pico.node"] == nodes[1])
      #expect(proxy.attributes["pico.hop_node"] == nodes[1] && hop.attributes["pico.listener"]?.hasPrefix("l-") == true)
      for span in spans {
        #expect(span.attributes["pico.endpoint"] == "e" && span.attributes["http.response.status_code"] == "200")
        #expect(!span.attributes.values.contains { $0.contains("secret") })
      }
      #expect(proxy.attributes["http.request.method"] == "GET" && proxy.attributes["server.address"] == "e.example")
      #expect(proxy.attributes["server.port"] == "8080" && proxy.attributes["network.peer.address"] == "127.0.0.1")
      #expect(agent.attributes["url.path"] == "/" + String(repeating: "x", count: min(pathLength, 2047)))
      #expect(agent.attributes["server.port"] == "\(service.port)")
      try await collector.stop()
    }

    @Test(
      arguments: [
        "traceparent: \(parent)\r\ntracestate: a=1,  b=2\r\ntracestate: c\r\n", "TraceParent: garbage\r\ntracestate:  x \r\n",
        "traceparent: \(parent)\r\ntraceparent: \(parent)\r\n",
      ])
    func `with tracing off the fields pass as they came`(fields: String) async throws {
      let agent = Locked("")
      try await withNode(nil) { node in
        let scripted = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        #expect(try await get(node, fields).status == 200)
        let text = try await scripted.streams(1) { $0.isEnded }.text
        agent.withLock { $0 = text }
      }
      #expect(agent.withLock { $0 }.contains(fields))
    }

    @Test func `an agent with tracing off passes the fields as they came`() async throws {
      let service = try await HTTPService.start()
      try await withNode(nil) { node in
        try await withAgent(of: node, service, TracingConfiguration()) {
          let response = try await get(node, "traceparent: garbage\r\ntracestate: a=1,  b=2\r\n")
          #expect(response.status == 200)
        }
      }
      #expect(try seen(service, "traceparent") == ["garbage"])
      #expect(try seen(service, "tracestate") == ["a=1,  b=2"])
    }

    @Test(arguments: [
      "traceparent: garbage\r\n", "traceparent: \(parent)\r\ntraceparent: \(parent)\r\n", "traceparent: ff\(parent.dropFirst(2))\r\n", "",
    ])
    func `a malformed context begins a new trace, without the state of the old one`(field: String) async throws {
      let collector = try await Collector.start()
      let service = try await HTTPService.start()
      try await withNode(collector) { node in
        try await withAgent(of: node, service, try tracing(collector, sample: 0)) {
          let response = try await get(node, "\(field)tracestate: a=1\r\n")
          #expect(response.status == 200)
        }
      }
      let spans = try collector.spans()
      let proxy = try #require(spans.first { $0.service == "pico-server" })
      let agent = try #require(spans.first { $0.service == "pico-agent" })
      #expect(spans.count == 2 && proxy.parent.isEmpty && agent.parent == proxy.id && agent.trace == proxy.trace)
      #expect(!Self.parent.contains(proxy.trace))
      #expect(try seen(service, "traceparent") == ["00-\(agent.trace)-\(agent.id)-01"])
      #expect(try seen(service, "tracestate").isEmpty)
      try await collector.stop()
    }

    @Test func `whoever sent the trace decides whether it is recorded, else the sample does, for all behind it`() async throws {
      let collector = try await Collector.start()
      let service = try await HTTPService.start()
      // The agent would record each trace that begins at it.
      try await withNode(collector, sample: 0) { node in
        try await withAgent(of: node, service, try tracing(collector, sample: 1)) {
          let unsampled = Self.parent.dropLast() + "0"
          #expect(try await get(node, "traceparent: \(unsampled)\r\n").status == 200)
          #expect(try seen(service, "traceparent") == [String(unsampled)])
          #expect(try await get(node).status == 200)
          let new = try #require(try seen(service, "traceparent").first)
          #expect(new.hasSuffix("-00") && TraceText.isWhole(new))
        }
      }
      #expect(try collector.spans().isEmpty)
      try await collector.stop()
    }

    @Test func `an agent begins a trace where the node has none`() async throws {
      let collector = try await Collector.start()
      let service = try await HTTPService.start()
      try await withNode(nil) { node in
        try await withAgent(of: node, service, try tracing(collector, sample: 1)) {
          let response = try await get(node)
          #expect(response.status == 200)
        }
      }
      let span = try #require(try collector.spans().first)
      #expect(span.parent.isEmpty && span.service == "pico-agent")
      #expect(try seen(service, "traceparent") == ["00-\(span.trace)-\(span.id)-01"])
      try await collector.stop()
    }

    @Test(
      arguments: [
        (StreamResetCode.upstreamTimeout, "upstream-timeout", "504"), (.malformedResponse, "malformed-response", "502"),
        (.notSent, "upstream-unreachable", "502"),
      ])
    func `the span of a request that failed says so, by the code that the client was told`(
      code: StreamResetCode, error: String, status: String
    ) async throws {
      let collector = try await Collector.start()
      try await withNode(collector) { node in
        for _ in 0..<2 { _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.refusing(code)) }
        let response = try await get(node)
        #expect("\(response.status)" == status && response.field("x-pico-error") == error)
      }
      let span = try #require(try collector.spans().first)
      #expect(span.status == 2 && span.message == error && span.attributes["error.type"] == error)
      #expect(span.attributes["http.response.status_code"] == status)
      #expect(span.attributes["pico.retries"] == (code == .notSent ? "1" : "0"))
      try await collector.stop()
    }

    @Test func `an error of the client's is named and is no failure of the node, and one of the service's is`() async throws {
      let collector = try await Collector.start()
      let service = try await HTTPService.start { request in .init(status: Int(request.target.dropFirst()) ?? 200) }
      try await withNode(collector) { node in
        try await withAgent(of: node, service, try tracing(collector, sample: 1)) {
          #expect(try await get(node, path: "/404").status == 404)
          #expect(try await get(node, path: "/503").status == 503)
          let client = try node.client()
          try await client.send("GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n")
          #expect(try await client.response().status == 400)
        }
      }
      let spans = try collector.spans()
      func span(_ service: String, _ path: String) throws -> Collector.Span {
        try #require(spans.first { $0.service == service && $0.attributes["url.path"] == path })
      }
      #expect(try span("pico-server", "/404").status == 0)
      #expect(try span("pico-agent", "/404").status == 2)
      #expect(try span("pico-server", "/503").message == "upstream-5xx")
      #expect(try span("pico-agent", "/503").attributes["error.type"] == "503")
      let refused = try span("pico-server", "/none")
      #expect(refused.status == 0 && refused.attributes["error.type"] == "missing-endpoint-id")
      try await collector.stop()
    }

    @Test func `no span is made of the node's own paths, and what was exported and lost is in the metrics`() async throws {
      let collector = try await Collector.start()
      try await withNode(collector) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try node.client()
        #expect(try await node.ready(on: client) == 200)
        #expect(try await node.metric("pico_tracing_spans_exported_total") == 0)
        #expect(try await get(node).status == 200)
        try await eventually("the export") { try await node.metric("pico_tracing_spans_exported_total") == 1 }
        #expect(try await node.metric("pico_tracing_spans_dropped_total{reason=\"queue-full\"}") == 0)
      }
      try await withNode(nil) { node in
        let exported = try await node.metric("pico_tracing_spans_exported_total")
        #expect(exported == nil)
      }
      try await collector.stop()
    }
  }
}

private enum TraceText {
  /// `00-…-…-0.` with IDs that are not zero.
  static func isWhole(_ text: String) -> Bool {
    let parts = text.split(separator: "-")
    return parts.map(\.utf8.count) == [2, 32, 16, 2] && parts[1].contains { $0 != "0" } && parts[2].contains { $0 != "0" }
  }
}
