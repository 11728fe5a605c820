import NIOCore
import PicoCluster
import PicoCore
import PicoStatus
import PicoTunnel
import Support
import Synchronization
import Testing

@testable import PicoServer

extension NodeTests {
  /// Two nodes of one process that know of each other's listeners, with real links between them.
  @Suite(.timeLimit(.minutes(2))) struct ClusterTests {
    struct Pair {
      let one: RunningNode
      let two: RunningNode
      let routes: MemoryRoutes
    }

    let directory: TemporaryDirectory

    init() throws {
      directory = try TemporaryDirectory()
      try directory.write("secret", String(repeating: "s3cret-", count: 9))
      try directory.write("other", String(repeating: "0ther-", count: 9))
    }

    func with(
      threads: Int = 1, secondSecret: String = "secret", grace: Duration = .seconds(60), secondGrace: Duration? = nil,
      log: LogLines = LogLines(),
      _ body: (Pair) async throws -> Void
    ) async throws {
      let routes = MemoryRoutes()
      let store: Server.StoreMaker = { (node, _) throws(PicoError) -> any RouteStore in MemoryRouteStore(routes, node: node) }
      func configure(_ configuration: inout ServerConfiguration, secret: String) {
        configuration.cluster.name = "tests"
        configuration.cluster.listen = HostPort(host: "127.0.0.1", port: 0)
        configuration.cluster.secretFile = directory.path(secret)
        configuration.gracePeriod = grace
      }
      try await RunningNode.member(of: store, threads: threads, log: log) {
        configure(&$0, secret: "secret")
      } _: { one in
        try await RunningNode.member(of: store, threads: threads) {
          configure(&$0, secret: secondSecret)
          if let secondGrace { $0.gracePeriod = secondGrace }
        } _: { two in
          try await body(Pair(one: one, two: two, routes: routes))
        }
      }
    }

    func known(_ node: RunningNode, _ endpoint: String = "e") async throws {
      let id = try #require(EndpointID(endpoint))
      try await eventually("the route, and a link") {
        node.node?.routes.routes(of: id) != nil && node.node?.membership?.others == 1
      }
    }

    func ask(_ node: RunningNode, _ text: String) async throws -> RawClient.Response {
      let client = try node.client()
      try await client.send(text)
      return try await client.response()
    }

    static let get = "GET /p HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\n\r\n"

    @Test(arguments: [1, 2])
    func `a request finds its listener on the other node`(threads: Int) async throws {
      try await with(threads: threads) { pair in
        let agent = try await ScriptedAgent.connect(to: pair.two, ScriptedAgent.ok)
        try await known(pair.one)
        let client = try pair.one.client()
        for _ in 0..<20 {
          try await client.send("POST /p?q HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\nX-Own: v\r\nContent-Length: 4\r\n\r\nbody")
          let response = try await client.response()
          #expect(response.status == 200 && response.body == "ok")
        }
        let seen = try await agent.streams(20) { $0.isEnded }
        #expect(seen.text.hasPrefix("POST /p?q HTTP/1.1\r\n") && seen.text.contains("X-Own: v\r\n") && seen.text.hasSuffix("body"))
        // Once for each node that it came to from outside, and no field of ours but the endpoint.
        #expect(seen.text.count(of: "CDN-Loop") == 1 && seen.text.count(of: "x-pico-") == 1)
        #expect(try await pair.two.status("requests_total") == 20)
        #expect(try await pair.one.metric("pico_proxy_requests_in_flight") == 0)
        try await eventually("nothing in flight") { try await pair.two.metric("pico_proxy_requests_in_flight") == 0 }
      }
    }

    @Test func `what goes wrong behind a hop names the listener that had the request last`() async throws {
      try await with { pair in
        let endpoint = try #require(EndpointID("e"))
        let asked = Locked<[String]>([])
        func refusing(_ agent: String) -> ScriptedAgent.Script {
          { stream, event in
            guard event == .head else { return }
            asked.withLock { $0.append(agent) }
            stream.reset(.connectTimeout)
          }
        }
        for agent in ["a-1", "a-2"] { _ = try await ScriptedAgent.connect(to: pair.two, agentID: agent, refusing(agent)) }
        try await eventually("both agents' names") {
          pair.two.node?.registry.all.allSatisfy { $0.agent.withLock { $0.id } != nil } == true
        }
        try await known(pair.one)
        let listeners = Dictionary(
          uniqueKeysWithValues: (pair.two.node?.registry.all ?? []).map { ($0.agent.withLock { $0.id } ?? "", $0.id.description) })
        #expect(listeners.count == 2)
        for _ in 0..<4 {
          asked.withLock { $0 = [] }
          #expect(try await ask(pair.one, Self.get).status == 502)
          let order = asked.withLock { $0 }
          #expect(Set(order) == ["a-1", "a-2"])
          let named = pair.one.node?.routes.routes(of: endpoint)?.recentFailures.last?.listener
          #expect(named == listeners[order.last ?? ""])
        }

        _ = try await ScriptedAgent.connect(to: pair.two, endpoint: "f", agentID: "a-3", ScriptedAgent.refusing(.resetAfterSend))
        try await known(pair.one, "f")
        let post = "POST /p HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: f\r\nContent-Length: 1\r\n\r\nx"
        #expect(try await ask(pair.one, post).status == 502)
        let one = try #require(EndpointID("f").flatMap { pair.one.node?.routes.routes(of: $0) })
        let two = try #require(EndpointID("f").flatMap { pair.two.node?.routes.routes(of: $0) })
        #expect(one.recentFailures.map(\.listener) == two.all.map(\.id.description))
      }
    }

    @Test func `a large body passes both ways with both ends slow`() async throws {
      try await with { pair in
        let size = 3 << 20
        let part = String(repeating: "x", count: 64 << 10)
        _ = try await ScriptedAgent.connect(to: pair.two) { stream, event in
          guard event == .end else { return }
          stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n", end: false)
          for index in 1...(size / part.utf8.count) { stream.send(part, end: index == size / part.utf8.count) }
        }
        try await known(pair.one)
        let client = try pair.one.client(receiveBuffer: 16 << 10)
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\nContent-Length: \(size)\r\n\r\n")
        for _ in 0..<(size / part.utf8.count) { try await client.send(part) }
        let response = try await client.response()
        #expect(response.status == 200 && response.body.utf8.count == size)
        try await eventually("nothing is held") {
          pair.two.node?.buffered.load(ordering: .relaxed) == 0 && pair.one.node?.buffered.load(ordering: .relaxed) == 0
        }
      }
    }

    @Test func `a listener's stream that outlives its hop ends with its tunnel and harms nobody`() async throws {
      try await with { pair in
        // The agent reads no body, so the last of it waits at the node behind a window that is closed.
        let agent = try await ScriptedAgent.connect(to: pair.two) { stream, event in if event == .head { stream.consumes = false } }
        try await known(pair.one)
        let client = try pair.one.client()
        let size = (256 << 10) + (30 << 10)
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\nContent-Length: \(size)\r\n\r\n")
        try await client.send(String(repeating: "x", count: size))
        try await agent.streams(1) { $0.count >= 256 << 10 }
        try await eventually("the whole body at the other node") { pair.two.node?.buffered.load(ordering: .relaxed) == 0 }
        try await agent.act(0) { $0.send("HTTP/1.1 204 No Content\r\n\r\n", end: true) }
        #expect(try await client.response().status == 204)
        try await eventually("the hop is over") { try await pair.two.metric("pico_proxy_requests_in_flight") == 0 }
        try await agent.vanish()
        try await eventually("its tunnel is gone") { try await pair.two.metric("pico_listeners") == 0 }
        #expect(try await ask(pair.two, Self.get).status == 502)
      }
    }

    @Test func `what one listener of the other node did not deliver another one does`() async throws {
      try await with { pair in
        _ = try await ScriptedAgent.connect(to: pair.two, agentID: "a-1", ScriptedAgent.refusing(.notSent))
        _ = try await ScriptedAgent.connect(to: pair.two, agentID: "a-2", ScriptedAgent.ok)
        try await known(pair.one)
        for _ in 0..<10 {
          let response = try await ask(
            pair.one, "POST / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\nContent-Length: 1\r\n\r\nx")
          #expect(response.status == 200)
        }
      }
    }

    @Test func `what the other node could not deliver comes back, and goes to a listener here`() async throws {
      try await with { pair in
        _ = try await ScriptedAgent.connect(to: pair.two, ScriptedAgent.refusing(.notSent))
        try await known(pair.one)
        let alone = try await ask(pair.one, Self.get)
        #expect(alone.status == 502 && alone.body == "{\"error\":\"upstream unreachable\"}\n")
        _ = try await ScriptedAgent.connect(to: pair.one, ScriptedAgent.ok)
        for _ in 0..<10 { #expect(try await ask(pair.one, Self.get).status == 200) }
      }
    }

    @Test(arguments: [(StreamResetCode.upstreamTimeout, 504), (.malformedResponse, 502), (.connectTimeout, 502)])
    func `why a request failed there is said here`(code: StreamResetCode, status: Int) async throws {
      try await with { pair in
        _ = try await ScriptedAgent.connect(to: pair.two, ScriptedAgent.refusing(code))
        try await known(pair.one)
        #expect(try await ask(pair.one, Self.get).status == status)
      }
    }

    @Test(arguments: [true, false])
    func `an upgraded connection carries bytes both ways over a hop and each side ends alone`(isPico: Bool) async throws {
      for upstreamEndsFirst in [true, false] {
        try await with { pair in
          let agent = try await ScriptedAgent.connect(to: pair.two, isPico: isPico) { stream, event in
            if event == .head { stream.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello") }
          }
          try await known(pair.one)
          let client = try pair.one.client()
          try await client.send("GET / HTTP/1.1\r\nHost: e.example\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nearly")
          #expect(try await client.response().status == 101)
          #expect(try await client.text(until: "hello") == "hello")
          try await client.send(" more")
          try await agent.streams(1) { $0.text.hasSuffix("early more") && !$0.isEnded }
          if upstreamEndsFirst {
            try await agent.act(0) { $0.send("bye", end: true) }
            #expect(try await client.rest() == "bye")
            try await client.send(" last")
            client.socket.finish()
            try await agent.streams(1) { $0.text.hasSuffix("more last") && $0.isEnded }
          } else {
            client.socket.finish()
            try await agent.streams(1) { $0.isEnded }
            try await agent.act(0) { $0.send("bye", end: true) }
            #expect(try await client.rest() == "bye")
          }
          try await eventually("no stream is left") { try await pair.two.metric("pico_tunnel_streams") == 0 }
        }
      }
    }

    @Test func `a plain yamux listener is reached over a hop, and its streams end`() async throws {
      try await with { pair in
        let agent = try await ScriptedAgent.connect(to: pair.two, isPico: false) { stream, event in
          if event == .head { stream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") }
        }
        try await known(pair.one)
        let client = try pair.one.client()
        for number in 1...5 {
          try await client.send("POST / HTTP/1.1\r\nHost: e.example\r\nContent-Length: 4\r\n\r\nbody")
          let response = try await client.response()
          #expect(response.status == 200 && response.body == "ok")
          // Its end may come with the answer's, and not before.
          try await agent.streams(number) { $0.text.hasSuffix("body") }
        }
        try await eventually("no stream is left") { try await pair.two.metric("pico_tunnel_streams") == 0 }
        try await eventually("nothing in flight") { try await pair.two.metric("pico_proxy_requests_in_flight") == 0 }
      }
    }

    @Test func `a client that leaves ends its request on the other node`() async throws {
      try await with { pair in
        let agent = try await ScriptedAgent.connect(to: pair.two) { _, _ in }
        try await known(pair.one)
        let client = try pair.one.client()
        try await client.send(Self.get)
        try await agent.streams(1)
        client.socket.finish()
        try await agent.streams(1) { $0.reset == .cancelled }
      }
    }

    @Test func `a listener that left is known to have left, and one that came is found at once`() async throws {
      try await with { pair in
        #expect(try await ask(pair.one, Self.get).status == 502)
        let agent = try await ScriptedAgent.connect(to: pair.two, ScriptedAgent.ok)
        try await known(pair.one)
        #expect(try await ask(pair.one, Self.get).status == 200)
        try await agent.vanish()
        let id = try #require(EndpointID("e"))
        try await eventually("the route is gone") { pair.one.node?.routes.routes(of: id) == nil }
        let response = try await ask(pair.one, Self.get)
        #expect(response.status == 502 && response.body == "{\"error\":\"no available upstreams\"}\n")
      }
    }

    @Test func `what a node had is kept when its keys are gone from the store, until it cannot be reached either`() async throws {
      try await with { pair in
        _ = try await ScriptedAgent.connect(to: pair.two, ScriptedAgent.ok)
        try await known(pair.one)
        let (id, endpoint) = (try #require(pair.two.node?.id), try #require(EndpointID("e")))
        await MemoryRouteStore(pair.routes, node: id).leave()
        for _ in 0..<50 {
          #expect(try await ask(pair.one, Self.get).status == 200)
          try await Task.sleep(for: .milliseconds(10))
        }
        await pair.two.server.shutdown(graceful: false)
        try await eventually("it is forgotten", within: 20) { pair.one.node?.routes.routes(of: endpoint) == nil }
      }
    }

    /// Another node that is in the store, and has the endpoint, and is not there yet.
    private func absent(_ pair: Pair) throws -> MemoryRouteStore {
      let absent = MemoryRouteStore(pair.routes, node: try #require(NodeID(prefix: "n-")))
      absent.setRecord(NodeRecord(addresses: ["127.0.0.1:\(freePort())"], version: "0"))
      absent.setListeners(1, for: try #require(EndpointID("e")))
      return absent
    }

    private func knowsRoute(_ node: RunningNode) async throws {
      let id = try #require(EndpointID("e"))
      try await eventually("the route") { node.node?.routes.routes(of: id) != nil }
    }

    @Test(arguments: ["GET /p HTTP/1.1\r\n", "POST /p HTTP/1.1\r\nContent-Length: 4\r\n"])
    func `a request waits a moment for a node that cannot be reached, or for a listener elsewhere`(_ head: String) async throws {
      try await with { pair in
        _ = try absent(pair)
        try await knowsRoute(pair.one)
        let client = try pair.one.client()
        let body = head.hasPrefix("POST") ? "body" : ""
        try await client.send("\(head)Host: a\r\nx-pico-endpoint: e\r\n\r\n\(body.prefix(1))")
        try await eventually("the request") { try await pair.one.metric("pico_proxy_requests_in_flight") == 1 }
        try await client.send(String(body.dropFirst()))
        let agent = try await ScriptedAgent.connect(to: pair.one, ScriptedAgent.ok)
        #expect(try await client.response().status == 200)
        #expect(try await agent.streams(1) { $0.isEnded }.text.hasSuffix("\r\n\r\n\(body)"))
      }
    }

    @Test func `a request for a listener that has just left the other node waits for where it went`() async throws {
      try await with { pair in
        // Told in the other node's name: it has none.
        MemoryRouteStore(pair.routes, node: try #require(pair.two.node?.id)).setListeners(1, for: try #require(EndpointID("e")))
        try await known(pair.one)
        let client = try pair.one.client()
        try await client.send("POST /p HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\nContent-Length: 4\r\n\r\nbody")
        try await eventually("it was given to the other node") {
          try await pair.one.metric("pico_proxy_retries_total") == 1
        }
        #expect(try await pair.one.metric("pico_proxy_requests_in_flight") == 1)
        _ = try await ScriptedAgent.connect(to: pair.one, ScriptedAgent.ok)
        #expect(try await client.response().status == 200)
      }
    }

    @Test func `what waited long enough is told that there is no way`() async throws {
      try await with { pair in
        _ = try absent(pair)
        try await knowsRoute(pair.one)
        let began = ContinuousClock.now
        let response = try await ask(pair.one, Self.get)
        #expect(response.status == 502 && response.body == "{\"error\":\"upstream unreachable\"}\n")
        #expect(ContinuousClock.now - began >= .seconds(1))
        #expect(try await pair.one.metric("pico_proxy_requests_in_flight") == 0)
      }
    }

    @Test func `a client that leaves while its request waits is let go`() async throws {
      try await with { pair in
        _ = try absent(pair)
        try await knowsRoute(pair.one)
        let client = try pair.one.client()
        try await client.send(Self.get)
        try await eventually("the request") { try await pair.one.metric("pico_proxy_requests_in_flight") == 1 }
        client.socket.finish()
        try await eventually("it is gone") { try await pair.one.metric("pico_proxy_requests_in_flight") == 0 }
      }
    }
  }
}

extension String {
  /// How often the text is in it, in any case.
  fileprivate func count(of part: String) -> Int { lowercased().ranges(of: part.lowercased()).count }
}
