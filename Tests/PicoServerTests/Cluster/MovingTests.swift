import Logging
import NIOCore
import PicoAgent
import PicoCluster
import PicoCore
import PicoStatus
import PicoTunnel
import Support
import Synchronization
import Testing

@testable import PicoServer

extension NodeTests {
  /// Agents that go from one node to another.
  @Suite(.timeLimit(.minutes(3))) struct MovingTests {
    private static let get = "GET /p HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\n\r\n"

    private func status(_ node: RunningNode) async throws -> Int {
      let client = try node.client()
      try await client.send(Self.get)
      return try await client.response().status
    }

    /// Asks without a pause until it is told to end; the statuses of all answers.
    private func load(_ node: RunningNode, until flag: Flag) -> Task<[Int], any Error> {
      Task {
        var statuses: [Int] = []
        while !flag.isSet {
          statuses.append(try await status(node))
          try await Task.sleep(for: .milliseconds(5))
        }
        return statuses
      }
    }

    private func agent(at port: Int, listeners: Int = 1, connections: Int = 1) throws -> Agent {
      var configuration = AgentConfiguration()
      configuration.server.url = BaseURL(isTLS: false, address: HostPort(host: "127.0.0.1", port: port))
      configuration.listeners = try (0..<listeners).map { index in
        var listener = ListenerConfiguration(
          endpoint: try #require(EndpointID(listeners == 1 ? "e" : "e\(index)")), upstream: .http(HostPort(host: "127.0.0.1", port: 1)))
        listener.connections = connections
        return listener
      }
      return Agent(configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// A plain yamux agent that does what Piko's does: registers again somewhere after its tunnel was reset.
    private func plainAgent(from one: RunningNode, to two: RunningNode) async throws -> ScriptedAgent {
      let agent = try await ScriptedAgent.connect(to: one, isPico: false, ScriptedAgent.ok)
      Task {
        try await agent.ends()
        try await Task.sleep(for: .milliseconds(150))
        _ = try await ScriptedAgent.connect(to: two, isPico: false, ScriptedAgent.ok)
      }
      return agent
    }

    @Test func `an answer to a registration says which node it is and how many there are`() async throws {
      try await RunningPair.with { pair in
        let client = try pair.two.client()
        try await client.send(
          "GET /pico/v1/listener/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)Sec-WebSocket-Protocol: pico.v1\r\n\r\n")
        let response = try await client.response()
        #expect(response.field("x-pico-node") == pair.two.server.nodeID?.text && response.field("x-pico-nodes") == "2")
        let plain = try pair.two.client()
        try await plain.send("GET /pico/v1/listener/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)\r\n")
        #expect(try await plain.response().head.contains("x-pico-") == false)
      }
      try await RunningNode.with { node in
        let client = try node.client()
        try await client.send(
          "GET /pico/v1/listener/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)Sec-WebSocket-Protocol: pico.v1\r\n\r\n")
        #expect(try await client.response().field("x-pico-nodes") == "1")
      }
    }

    @Test func `a node that an agent wants to avoid takes nothing, says so, and nobody hears of it`() async throws {
      try await RunningPair.with { pair in
        func register(_ avoided: String) async throws -> RawClient.Response {
          let client = try pair.one.client()
          try await client.send(
            "GET /pico/v1/listener/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)Sec-WebSocket-Protocol: pico.v1\r\n"
              + "x-pico-avoid: \(avoided)\r\n\r\n")
          return try await client.response()
        }
        let (one, two) = (try #require(pair.one.server.nodeID?.text), try #require(pair.two.server.nodeID?.text))
        for avoided in [one, "\(two), \(one)", "\(one),"] {
          let response = try await register(avoided)
          #expect(response.status == 204 && response.field("x-pico-node") == one)
        }
        let events = pair.one.node?.events.events(after: 0).map(\.kind)
        #expect(pair.one.server.listenerCount == 0 && events?.contains(.listenerConnected) == false)
        #expect(try await pair.one.metric("pico_proxy_requests_total") ?? 0 == 0)
        for avoided in [two, "", "\(one)0", "*"] { #expect(try await register(avoided).status == 101) }
      }
    }

    @Test func `an agent with two tunnels has them on two nodes behind a balancer that first gives it one`() async throws {
      try await RunningPair.with(threads: 2) { pair in
        let (first, second) = (pair.one.port, pair.two.port)
        try await Balancer.with({ $0 < 4 ? first : second }) { balancer in
          let agent = try agent(at: balancer.port, connections: 2)
          try await agent.start()
          try await eventually("a tunnel on each node") { pair.one.server.listenerCount == 1 && pair.two.server.listenerCount == 1 }
          // The first two, and tries until one led elsewhere.
          #expect(balancer.connections == 5)
          await agent.shutdown(graceful: false)
        }
      }
    }

    @Test func `tunnels of one agent that came to one node go to two when there are two again`() async throws {
      try await RunningPair.with { pair in
        let (first, second) = (pair.one.port, pair.two.port)
        try await Balancer.with({ _ in first }) { balancer in
          let agent = try agent(at: balancer.port, connections: 2)
          try await agent.start()
          // It has looked for another and found none, and nobody has heard of it.
          try await eventually("its tries") { balancer.connections == 6 && pair.one.server.listenerCount == 2 }
          let events = pair.one.node?.events.events(after: 0).map(\.kind).filter { $0 != .nodeJoined }
          #expect(events == [.listenerConnected, .listenerConnected])
          #expect(pair.one.node?.routes.listeners == 2)
          balancer.set { _ in second }
          try await eventually("a tunnel on each node") { pair.one.server.listenerCount == 1 && pair.two.server.listenerCount == 1 }
          await agent.shutdown(graceful: false)
        }
      }
    }

    @Test func `a node with more than its share gives some away, if it may`() async throws {
      async let still: Void = balance(false)
      try await balance(true)
      try await still
    }

    private func balance(_ mayBalance: Bool) async throws {
      let count = 110
      try await RunningPair.with({ $0.cluster.rebalances = mayBalance }) { pair in
        let (first, second) = (pair.one.port, pair.two.port)
        try await Balancer.with({ $0 < count ? first : second }) { balancer in
          let agent = try agent(at: balancer.port, listeners: count)
          try await agent.start()
          try await eventually("all listeners") { pair.one.server.listenerCount == count }
          if mayBalance {
            // For ten seconds they are left where they came.
            try await eventually("some have gone", within: 60) { pair.two.server.listenerCount >= 3 }
            try await eventually("each listener once") { pair.one.server.listenerCount + pair.two.server.listenerCount == count }
          } else {
            try await Task.sleep(for: .seconds(15))
            #expect(balancer.connections == count && pair.one.server.listenerCount == count)
          }
          await agent.shutdown(graceful: false)
        }
      }
    }

    @Test func `a plain peer whose endpoint has another listener leaves while the node serves, and no request is lost`() async throws {
      try await RunningPair.with { pair in
        let plain = try await plainAgent(from: pair.one, to: pair.two)
        _ = try await ScriptedAgent.connect(to: pair.two, ScriptedAgent.ok)
        // Keeps the node from its end.
        let busy = try await ScriptedAgent.connect(to: pair.one, endpoint: "f") { _, _ in }
        try await RunningPair.known("e", to: pair.one)
        let client = try pair.one.client()
        try await client.send("GET / HTTP/1.1\r\nHost: f.example\r\n\r\n")
        try await busy.streams(1)
        let flag = Flag()
        let loads = [load(pair.one, until: flag), load(pair.two, until: flag)]
        let leaving = Task { await pair.one.server.shutdown(graceful: true) }
        try await plain.ends()
        try await eventually("it is at the other node") { pair.two.server.listenerCount == 2 }
        #expect(accepts(pair.one.port))
        flag.set()
        for load in loads { #expect(try await load.value.allSatisfy { $0 == 200 }) }
        try await busy.act(0) { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", end: true) }
        #expect(try await client.response().status == 200)
        await leaving.value
      }
    }

    @Test(arguments: [1, 2])
    func `requests for an endpoint whose only listener is a plain peer wait until it is back`(threads: Int) async throws {
      try await RunningPair.with(threads: threads) { pair in
        let plain = try await plainAgent(from: pair.one, to: pair.two)
        try await RunningPair.known("e", to: pair.two)
        let flag = Flag()
        let loads = (0..<4).map { _ in load(pair.two, until: flag) }
        await pair.one.server.shutdown(graceful: true)
        try await plain.ends()
        try await eventually("it is at the other node") { pair.two.server.listenerCount == 1 }
        flag.set()
        for load in loads {
          let statuses = try await load.value
          #expect(statuses.count > 10 && statuses.allSatisfy { $0 == 200 }, "\(statuses.count { $0 != 200 }) of \(statuses.count)")
        }
      }
    }

    @Test func `a body that is on its way waits too`() async throws {
      try await RunningPair.with { pair in
        let one = pair.one
        let plain = try await ScriptedAgent.connect(to: one, isPico: false, ScriptedAgent.ok)
        try await RunningPair.known("e", to: pair.two)
        let id = try #require(EndpointID("e"))
        // What the node does when it takes leave of the peer, without the end.
        one.node?.membership?.expect(id)
        let listener = try #require(one.node?.registry.all.first)
        let client = try pair.two.client()
        let hopped = try pair.two.client()
        for each in [client, hopped] { try await each.send("GET /p HTTP/1.1\r\nHost: e.example\r\n\r\n") }
        for each in [client, hopped] { #expect(try await each.response().status == 200) }
        // The other node has not heard yet: its hop waits here.
        try await listener.loop.eventLoop.submit { unsafe listener.session?.withdraw() }.get()
        one.node?.membership?.store.setListeners(1, for: id)
        try await eventually("known again") { pair.two.node?.routes.routes(of: id)?.isEmpty == false }
        try await hopped.send("POST /p HTTP/1.1\r\nHost: e.example\r\nContent-Length: 20\r\n\r\n0123456789")
        try await eventually("it waits") { try await one.metric("pico_proxy_requests_in_flight") == 1 }
        try await hopped.send("abcdefghij")
        let back = try await ScriptedAgent.connect(to: one, isPico: false) { stream, event in
          if event == .bytes || event == .head { ScriptedAgent.answerWhole(stream) }
        }
        #expect(try await hopped.response().status == 200)
        #expect(try await back.streams(1).text.hasSuffix("0123456789abcdefghij"))
        _ = plain
      }
    }

    @Test func `a plain peer that is the only one and never idle is left until the node has to go`() async throws {
      try await RunningPair.with({ $0.gracePeriod = .seconds(5) }) { pair in
        let plain = try await ScriptedAgent.connect(to: pair.one, isPico: false) { _, _ in }
        try await RunningPair.known("e", to: pair.two)
        let client = try pair.two.client()
        try await client.send(Self.get)
        try await plain.streams(1)
        let start = ContinuousClock.now
        let leaving = Task { await pair.one.server.shutdown(graceful: true) }
        let listener = try #require(pair.one.node?.registry.all.first)
        try await eventually("it was taken out of the routes") { listener.state == .draining }
        try await eventually("it is back in them") { listener.state == .active }
        #expect(try await plain.isOpen())
        await leaving.value
        #expect(ContinuousClock.now - start > .seconds(4))
      }
    }

    @Test func `a node whose agents have nowhere to go ends when they are not used, and not before`() async throws {
      try await RunningPair.with { pair in
        // It does not do what it is asked.
        _ = try await ScriptedAgent.connect(to: pair.one, ScriptedAgent.ok)
        try await RunningPair.known("e", to: pair.two)
        let flag = Flag()
        let load = load(pair.two, until: flag)
        let ended = Flag()
        let leaving = Task {
          await pair.one.server.shutdown(graceful: true)
          ended.set()
        }
        try await Task.sleep(for: .seconds(8))
        #expect(!ended.isSet && pair.one.node?.isDraining == true)
        flag.set()
        #expect(try await load.value.allSatisfy { $0 == 200 })
        let start = ContinuousClock.now
        await leaving.value
        #expect(ContinuousClock.now - start < .seconds(12))
      }
    }
  }
}

extension ScriptedAgent {
  /// Answers once the body of twenty bytes is there.
  static func answerWhole(_ stream: AgentStream) {
    guard let end = stream.text.firstRange(of: "\r\n\r\n")?.upperBound, stream.text[end...].utf8.count >= 20 else { return }
    stream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", end: true)
  }
}
