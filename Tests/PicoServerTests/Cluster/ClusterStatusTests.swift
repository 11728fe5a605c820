import PicoCore
import PicoStatus
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// What a node shows of all nodes of its cluster, from outside.
  @Suite(.timeLimit(.minutes(3))) struct ClusterStatusTests {
    private static func subscribe(
      _ tables: [StatusTable], id: String = "s", scope: Subscription.Scope = .cluster, endpoint: String? = nil,
      events: [String: UInt64]? = nil
    ) -> ClientMessage {
      .subscribe(
        Subscription(id: id, tables: tables, intervalMilliseconds: 100, scope: scope, endpoint: endpoint, eventsSince: events))
    }

    /// Receives until the tables are so.
    private static func watch(
      _ client: WatchClient, _ tables: inout WatchedTables, until isDone: (WatchedTables) -> Bool
    ) async throws {
      while !isDone(tables) { tables.receive(try await client.message()) }
    }

    private static func id(_ node: RunningNode) throws -> String { try #require(node.node?.id.text) }

    private static func request(_ node: RunningNode, _ count: Int = 1, endpoint: String = "e", status: Int = 200) async throws {
      let client = try node.client()
      for _ in 0..<count {
        try await client.send("GET /p?q HTTP/1.1\r\nHost: \(endpoint).example\r\n\r\n")
        #expect(try await client.response().status == status)
      }
    }

    private static func known(_ nodes: [RunningNode], _ endpoint: String = "e") async throws {
      let id = try #require(EndpointID(qualified: endpoint))
      try await eventually("the route on all nodes") { nodes.allSatisfy { $0.node?.routes.routes(of: id) != nil } }
    }

    private static func listeningNodes(_ node: RunningNode) async -> Int {
      await node.publisher?.watchers.values.count { $0.session.isNode } ?? 0
    }

    @Test func `any node shows the listeners of all, and each request once`() async throws {
      try await LinkedNodes.with(3) { nodes in
        _ = try await ScriptedAgent.connect(to: nodes[1], ScriptedAgent.ok)
        _ = try await ScriptedAgent.connect(to: nodes[2], ScriptedAgent.ok)
        _ = try await ScriptedAgent.connect(to: nodes[2], endpoint: "two", ScriptedAgent.ok)
        try await Self.known(nodes)
        try await Self.known(nodes, "two")
        let (client, _) = try await WatchClient.open(nodes[0])
        try await client.send(Self.subscribe([.nodes, .endpoints, .listeners, .totals]))
        // The first snapshot has all of it, where the others answer in time.
        var tables = WatchedTables()
        tables.receive(.snapshot(try await client.snapshot()))
        try await Self.watch(client, &tables) { $0.nodes.count == 3 && $0.nodes.values.allSatisfy { $0.startedAt.seconds > 0 } }
        try await Self.watch(client, &tables) { $0.listeners.count == 3 && $0.endpoints.count == 2 && $0.totals["cluster"]?.listeners == 3 }
        #expect(Set(tables.nodes.keys) == Set(try nodes.map(Self.id)))
        #expect(tables.nodes.values.allSatisfy { $0.connected && $0.asOf == nil })
        #expect(Set(tables.endpoints.keys) == ["e", "two"] && tables.endpoints["e"]?.nodes == 2)
        #expect(tables.totals["cluster"]?.endpoints == 2)
        for node in nodes { try await Self.request(node, 20) }
        try await Self.request(nodes[0], 5, endpoint: "two")
        try await Self.request(nodes[0], 2, endpoint: "nobody", status: 502)
        try await Self.watch(client, &tables) {
          $0.endpoints["e"]?.requestsTotal == 60 && $0.endpoints["two"]?.requestsTotal == 5 && $0.totals["cluster"]?.requestsTotal == 67
        }
        #expect(tables.totals["cluster"]?.status == StatusClasses(successful: 65, serverError: 2))
        #expect(tables.endpoints["e"]?.status.successful == 60 && tables.endpoints["e"]?.latency.p50 ?? 0 > 0)
        #expect(tables.listeners.values.reduce(0) { $0 + $1.requestsTotal } == 65)
        try await Self.watch(client, &tables) { $0.totals["cluster"]?.latencyBuckets.reduce(0) { $0 + $1.count } == 65 }
        #expect(tables.totals["cluster"]?.inFlight == 0 && tables.faults.isEmpty)
        // A reader who wants this node alone is told of no other.
        let (own, _) = try await WatchClient.open(nodes[2])
        try await own.send(Self.subscribe([.nodes, .endpoints, .totals], scope: .node))
        let alone = try await own.snapshot()
        let third = try Self.id(nodes[2])
        #expect(alone.tables.nodes.count == 1 && alone.tables.endpoints.first { $0.row.id == "e" }?.row.nodes == 1)
        #expect(alone.tables.totals.first?.row.id == third)
      }
    }

    @Test func `what is in flight over a hop is in flight once, and a client that leaves or waits too long is counted`() async throws {
      try await LinkedNodes.with(2, { $0.proxy.timeout = .seconds(2) }) { nodes in
        _ = try await ScriptedAgent.connect(to: nodes[1]) { _, _ in }
        try await Self.known(nodes)
        let (client, _) = try await WatchClient.open(nodes[0])
        try await client.send(Self.subscribe([.endpoints, .totals, .nodes]))
        var tables = WatchedTables()
        try await Self.watch(client, &tables) { $0.isWhole }
        let leaving = try nodes[0].client()
        try await leaving.send("GET / HTTP/1.1\r\nHost: e.example\r\n\r\n")
        try await Self.watch(client, &tables) { $0.totals["cluster"]?.inFlight == 1 && $0.endpoints["e"]?.inFlight == 1 }
        // Both nodes are busy with it.
        try await Self.watch(client, &tables) { $0.nodes.values.allSatisfy { $0.inFlight == 1 } }
        leaving.socket.finish()
        try await Self.watch(client, &tables) { $0.endpoints["e"]?.status.clientError == 1 && $0.endpoints["e"]?.inFlight == 0 }
        try await Self.request(nodes[0], status: 504)
        try await Self.watch(client, &tables) { $0.endpoints["e"]?.status.serverError == 1 }
        #expect(tables.endpoints["e"]?.requestsTotal == 2)
      }
    }

    @Test func `a node asks each other node once, only while somebody looks`() async throws {
      try await LinkedNodes.with(2) { nodes in
        #expect(await Self.listeningNodes(nodes[1]) == 0)
        var clients: [WatchClient] = []
        for number in 0..<4 {
          let (client, _) = try await WatchClient.open(nodes[0])
          try await client.send(Self.subscribe(number == 3 ? [.listeners] : [.nodes, .endpoints], endpoint: number == 3 ? "e" : nil))
          #expect(try await client.snapshot().id == "s")
          clients.append(client)
        }
        #expect(await Self.listeningNodes(nodes[1]) == 1)
        // Who is asked has no reason to ask back.
        #expect(await Self.listeningNodes(nodes[0]) == 0)
        _ = try await nodes[0].admin("/status/v1")
        #expect(await Self.listeningNodes(nodes[1]) == 1)
        for client in clients { client.socket.reset() }
        try await eventually("nobody asks", within: 20, every: 50) { await Self.listeningNodes(nodes[1]) == 0 }
        let publishers = try nodes.map { try #require($0.publisher) }
        for publisher in publishers { try await eventually("an idle publisher", within: 10, every: 20) { await publisher.isIdle } }
      }
    }

    @Test func `a node that cannot be reached is marked with its rows, and is gone when it left`() async throws {
      try await LinkedNodes.with(3) { nodes in
        _ = try await ScriptedAgent.connect(to: nodes[2], endpoint: "two", ScriptedAgent.ok)
        _ = try await ScriptedAgent.connect(to: nodes[1], endpoint: "one", ScriptedAgent.ok)
        try await Self.known(nodes, "two")
        try await Self.known(nodes, "one")
        let (client, hello) = try await WatchClient.open(nodes[0])
        try await client.send(Self.subscribe([.nodes, .endpoints, .listeners, .totals], events: [:]))
        var tables = WatchedTables()
        try await Self.watch(client, &tables) { $0.isWhole && $0.listeners.count == 2 }
        let (one, two) = (try Self.id(nodes[1]), try Self.id(nodes[2]))
        // What a network that comes apart does to one side.
        let remote = try #require(nodes[0].node?.membership?.peers.first { $0.key.text == two }?.value.node)
        _ = await nodes[0].publisher?.loops.gather { context in remote.link(context.resources)?.stop() }
        try await Self.watch(client, &tables) { $0.nodes[two]?.connected == false }
        let asOf = try #require(tables.nodes[two]?.asOf)
        #expect(tables.endpoints["two"]?.asOf == asOf && tables.listeners.values.first { $0.node == two }?.asOf == asOf)
        #expect(tables.totals["cluster"]?.asOf == asOf)
        #expect(tables.nodes[one]?.connected == true && tables.endpoints["one"]?.asOf == nil)
        await nodes[2].server.shutdown(graceful: false)
        var events: [StatusEvent] = []
        while tables.nodes[two] != nil || tables.endpoints["two"] != nil || tables.listeners.count > 1 || events.last?.kind != .nodeLeft {
          let message = try await client.message()
          tables.receive(message)
          if case .event(let event) = message, event.kind != .listenerConnected { events.append(event) }
        }
        #expect(events.last?.details["other"] == two && events.last?.node == hello.node)
        #expect(tables.totals["cluster"]?.asOf == nil && tables.totals["cluster"]?.endpoints == 1 && tables.faults.isEmpty)
      }
    }

    @Test func `events of all nodes come with their node and number, each once`() async throws {
      try await LinkedNodes.with(2) { nodes in
        let agent = try await ScriptedAgent.connect(to: nodes[1], ScriptedAgent.ok)
        let (client, hello) = try await WatchClient.open(nodes[0])
        try await client.send(Self.subscribe([.nodes], events: [hello.node: 1]))
        let other = try Self.id(nodes[1])
        var events = [try await client.event(), try await client.event()]
        #expect(events.map(\.kind) == [.nodeJoined, .listenerConnected] && events.allSatisfy { $0.node == other })
        #expect(events.map(\.number) == [1, 2] && events.last?.details["endpoint"] == "e" && events.last?.details["audience"] == nil)
        try await agent.vanish()
        events.append(try await client.event())
        #expect(events.last?.kind == .listenerDisconnected && events.last?.number == 3)
        // Another connection goes on from a number, and one that wants its own node's events alone has them alone.
        let (second, _) = try await WatchClient.open(nodes[0])
        try await second.send(Self.subscribe([.nodes], events: [hello.node: 1, other: 2]))
        #expect(try await second.event().number == 3)
        let (own, _) = try await WatchClient.open(nodes[0])
        try await own.send(Self.subscribe([.nodes], scope: .node, events: [:]))
        #expect(try await own.event().node == hello.node)
        _ = try await ScriptedAgent.connect(to: nodes[1], endpoint: "f", ScriptedAgent.ok)
        _ = try await ScriptedAgent.connect(to: nodes[0], endpoint: "g", ScriptedAgent.ok)
        #expect(try await own.event().details["endpoint"] == "g")
      }
    }

    @Test func `history and errors are of all nodes, and a tail shows what comes in anywhere`() async throws {
      try await LinkedNodes.with(3) { nodes in
        for node in nodes.dropFirst() {
          _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.answering("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"))
        }
        try await Self.known(nodes)
        let (client, _) = try await WatchClient.open(nodes[0])
        try await client.send(.tail(id: "t", endpoint: "E", sample: 1))
        let endpoint = try #require(EndpointID("e"))
        try await eventually("the tail is everywhere") {
          nodes.allSatisfy { $0.node?.routes.routes(of: endpoint)?.tailShare == TailShare(1) }
        }
        for node in nodes { try await Self.request(node, 10, status: 500) }
        var seen: [TailedRequest] = []
        while seen.count < 30 { seen.append(try await client.request()) }
        #expect(Set(seen.map(\.node)) == Set(try nodes.map(Self.id)) && Set(seen.map(\.requestID)).count == 30)
        #expect(seen.allSatisfy { $0.id == "t" && $0.path == "/p?…" && $0.status == 500 && $0.skipped == 0 })
        #expect(seen.filter { $0.node == seen[0].node }.count == 10)
        try await client.send(.untail(id: "t"))
        try await eventually("nobody tails", within: 10) {
          nodes.allSatisfy { $0.node?.routes.routes(of: endpoint)?.tailShare == TailShare.none }
        }

        try await client.send(.errors(endpoint: "e"))
        let errors = try await client.next { if case .errors(let errors) = $0 { errors } else { nil } }
        #expect(errors.endpoint == "e" && errors.errors.count == 30 && Set(errors.errors.map(\.requestID)) == Set(seen.map(\.requestID)))
        #expect(errors.errors.map(\.at) == errors.errors.map(\.at).sorted())
        let listeners = Set(try nodes.dropFirst().flatMap { try #require($0.node).registry.all.map(\.id.description) })
        #expect(errors.errors.allSatisfy { listeners.contains($0.listener) } && seen.allSatisfy { listeners.contains($0.listener) })

        func requestCount(_ endpoint: String?) async throws -> Double {
          try await client.send(.history(endpoint: endpoint, since: nil))
          let history = try await client.next { if case .history(let history) = $0 { history } else { nil } }
          #expect(history.endpoint == endpoint && history.series.map(\.stepMilliseconds) == [1000, 10_000])
          return history.series[0].points.reduce(0) { $0 + $1.requestRate }
        }
        for endpoint in ["e", nil] {
          try await eventually("the seconds of all nodes", within: 20, every: 100) { try await requestCount(endpoint) == 30 }
        }
        #expect(try await requestCount("nobody") == 0)
      }
    }

    @Test func `a snapshot over HTTP is of the cluster, or of the node if asked for`() async throws {
      try await LinkedNodes.with(2) { nodes in
        _ = try await ScriptedAgent.connect(to: nodes[1], ScriptedAgent.ok)
        try await Self.known(nodes)
        func snapshot(_ query: String) async throws -> StatusSnapshot {
          let text = try await nodes[0].admin("/status/v1\(query)")
          let body = try #require(text.firstRange(of: "\r\n\r\n"))
          return try StatusSnapshot(json: Array(text[body.upperBound...].utf8))
        }
        for query in ["", "?scope=cluster", "?scope=cluster&x=y"] {
          let all = try await snapshot(query)
          #expect(all.nodes.count == 2 && all.endpoints.count == 1 && all.listeners.count == 1 && all.totals.id == "cluster")
          #expect(all.nodes.allSatisfy(\.connected) && all.totals.endpoints == 1 && all.totals.listeners == 1)
        }
        let own = try await snapshot("?scope=node")
        let first = try Self.id(nodes[0])
        #expect(own.nodes.count == 1 && own.endpoints.isEmpty && own.listeners.isEmpty && own.totals.id == first)
        for query in ["?scope=all", "?scope=", "?scope=node&scope=cluster"] {
          #expect(try await nodes[0].admin("/status/v1\(query)").hasPrefix("HTTP/1.1 400 "))
        }
      }
    }

    @Test func `a viewer of one tenant sees its own rows, also of other nodes`() async throws {
      let keys = try MadeKeys()
      try await LinkedNodes.with(
        2,
        {
          $0.upstream.auth.hmacSecretFiles = [keys.secretFile]
          $0.upstream.auth.audiences = ["upstream"]
          $0.proxy.auth.hmacSecretFiles = [keys.secretFile]
          $0.proxy.auth.audiences = ["proxy"]
          $0.admin.auth.hmacSecretFiles = [keys.secretFile]
          $0.admin.auth.audiences = ["admin"]
        }
      ) { nodes in
        func token(_ audience: String, _ tenant: String) async throws -> String {
          try await MadeKeys.token("\"aud\":\"\(audience)\",\"pico\":{\"role\":\"operator\",\"tenant\":\"\(tenant)\"}")
        }
        for (tenant, endpoint) in [("acme", "web"), ("beta", "web"), ("beta", "own")] {
          for node in nodes {
            _ = try await ScriptedAgent.connect(to: node, endpoint: endpoint, token: try await token("upstream", tenant), ScriptedAgent.ok)
          }
          try await Self.known(nodes, "\(tenant)/\(endpoint)")
        }
        let (client, _) = try await WatchClient.open(
          nodes[0], fields: "Authorization: Bearer \(try await token("admin", "acme"))\r\n")
        try await client.send(Self.subscribe([.nodes, .endpoints, .listeners, .totals], events: [:]))
        let tables = try await client.snapshot().tables
        #expect(tables.endpoints.map(\.row.key) == ["acme/web"] && tables.endpoints.first?.row.nodes == 2)
        #expect(tables.listeners.count == 2 && tables.listeners.allSatisfy { $0.row.tenant == "acme" })
        #expect(tables.nodes.count == 2 && tables.nodes.allSatisfy { $0.row.listeners == 1 && $0.row.endpoints == 1 })
        #expect(tables.totals.first?.row.listeners == 2 && tables.totals.first?.row.endpoints == 1)
        var connected: [StatusEvent] = []
        while connected.count < 2 {
          let event = try await client.event()
          if event.kind == .listenerConnected { connected.append(event) }
        }
        #expect(connected.allSatisfy { $0.details["endpoint"] == "acme/web" } && Set(connected.map(\.node)).count == 2)
        let requests = try nodes[1].client()
        try await requests.send(
          "GET / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: web\r\nx-pico-authorization: \(try await token("proxy", "beta"))\r\n\r\n")
        #expect(try await requests.response().status == 200)
        try await client.send(.history(endpoint: nil, since: nil))
        let history = try await client.next { if case .history(let history) = $0 { history } else { nil } }
        #expect(history.series[0].points.allSatisfy { $0.requestRate == 0 })
      }
    }
  }
}
