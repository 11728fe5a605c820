import NIOCore
import PicoCore
import PicoStatus
import Support
import Synchronization
import Testing

@testable import PicoServer

extension NodeTests {
  /// The status WebSocket of a node, from outside.
  @Suite(.timeLimit(.minutes(2))) struct WatchTests {
    private static func subscribe(
      _ tables: [StatusTable], id: String = "s", endpoint: String? = nil, limit: Int? = nil, events: [String: UInt64]? = nil
    ) -> ClientMessage {
      .subscribe(Subscription(id: id, tables: tables, intervalMilliseconds: 100, endpoint: endpoint, limit: limit, eventsSince: events))
    }

    /// Receives until the tables are so.
    private static func watch(
      _ client: WatchClient, _ tables: inout WatchedTables, until isDone: (WatchedTables) -> Bool
    ) async throws {
      while !isDone(tables) { tables.receive(try await client.message()) }
    }

    @Test func `a watcher sees listeners come, serve and go`() async throws {
      try await RunningNode.with(threads: 2) { node in
        let (client, hello) = try await WatchClient.open(node)
        #expect(hello.node == node.node?.id.text)
        #expect(hello.role == .operator)
        #expect(hello.minimumProtocol == 1 && hello.maximumProtocol == 1)
        try await client.send(Self.subscribe(StatusTable.allCases))
        var tables = WatchedTables()
        try await Self.watch(client, &tables) { $0.isWhole }
        #expect(tables.nodes.count == 1)
        #expect(tables.endpoints.isEmpty && tables.listeners.isEmpty)
        #expect(tables.totals["cluster"]?.requestsTotal == 0)

        let agent = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        try await Self.watch(client, &tables) { $0.listeners.count == 1 && $0.endpoints["e"]?.listeners == 1 }
        #expect(tables.listeners.first?.value.remoteAddress.hasPrefix("127.0.0.1:") == true)

        let requests = try node.client()
        for _ in 0..<20 {
          try await requests.send("GET / HTTP/1.1\r\nHost: e.example\r\n\r\n")
          #expect(try await requests.response().status == 200)
        }
        try await Self.watch(client, &tables) { $0.endpoints["e"]?.requestsTotal == 20 && $0.totals["cluster"]?.requestsTotal == 20 }
        #expect(tables.endpoints["e"]?.status.successful == 20)
        #expect(tables.listeners.first?.value.requestsTotal == 20)
        try await Self.watch(client, &tables) {
          $0.endpoints["e"]?.latency.p50 ?? 0 > 0 && $0.totals["cluster"]?.latencyBuckets.isEmpty == false
        }

        try await agent.vanish()
        try await Self.watch(client, &tables) { $0.listeners.isEmpty && $0.endpoints.isEmpty }
        #expect(tables.faults.isEmpty)
      }
    }

    @Test func `rates and latencies fall to zero when traffic ends`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let (client, _) = try await WatchClient.open(node)
        try await client.send(Self.subscribe([.endpoints]))
        var tables = WatchedTables()
        let requests = try node.client()
        try await requests.send("GET / HTTP/1.1\r\nHost: e.example\r\n\r\n")
        _ = try await requests.response()
        try await Self.watch(client, &tables) { $0.endpoints["e"]?.requestRate ?? 0 > 0 }
        try await Self.watch(client, &tables) { $0.endpoints["e"]?.requestRate == 0 }
        #expect(tables.endpoints["e"]?.latency.p50 ?? 0 > 0)
        // Nobody takes the cell for active for longer than it takes to forget its latencies.
        try await Self.watch(client, &tables) { $0.endpoints["e"]?.latency == LatencySummary() }
        #expect(tables.endpoints["e"]?.requestsTotal == 1)
        try await eventually("no active cell", within: 20, every: 50) { node.node?.activeCells.load(ordering: .relaxed) == 0 }
      }
    }

    @Test func `what a client sends wrong has an answer and ends nothing`() async throws {
      try await RunningNode.with { node in
        let (client, _) = try await WatchClient.open(node)
        for (text, code, id) in [
          ("garbage", StatusError.Code.badMessage, nil), ("{}", .badMessage, nil), (#"{"type":"hop","id":"x"}"#, .unknownType, "x"),
          (#"{"type":"subscribe"}"#, .badMessage, nil), (#"{"type":"subscribe","id":"s","filter":"rate>"}"#, .badMessage, "s"),
          (#"{"type":"resync","id":"nobody"}"#, .notFound, "nobody"), (#"{"type":"untail","id":"t"}"#, .notFound, "t"),
          (#"{"type":"tail","id":"t","endpoint":"a/b/c"}"#, .badMessage, "t"), ("\u{0}", .badMessage, nil), ("", .badMessage, nil),
          (#"{"type":"subscribe","id":""}"#, .badMessage, ""),
        ] as [(String, StatusError.Code, String?)] {
          try await client.send(text)
          let error = try await client.error()
          #expect(error.code == code, "\(text)")
          #expect(error.id == id, "\(text)")
        }
        try await client.socket.send(WatchClient.frame(opcode: 2, [1, 2, 3]))
        #expect(try await client.error().code == .badMessage)
        // In two frames, with a ping between them.
        let json = Array(#"{"type":"errors","endpoint":"e"}"#.utf8)
        try await client.socket.send(
          WatchClient.frame(opcode: 1, Array(json[..<9]), isFinal: false) + WatchClient.frame(opcode: 9, [7])
            + WatchClient.frame(opcode: 0, Array(json[9...])))
        #expect(try await client.frame() == .pong)
        #expect(try await client.message() == .errors(RecentErrors(endpoint: "e", errors: [])))
        for number in 0..<16 { try await client.send(Self.subscribe([.blocks], id: "s\(number)")) }
        try await client.send(Self.subscribe([.blocks], id: "one more"))
        #expect(try await client.error().id == "one more")
      }
    }

    @Test(
      arguments: [
        ("too long", WatchClient.frame(opcode: 1, [UInt8](repeating: 0x20, count: 70_000)), UInt16(1009)),
        (
          "too long in parts",
          [UInt8](
            (0..<8).map { WatchClient.frame(opcode: $0 == 0 ? 1 : 0, [UInt8](repeating: 0x20, count: 10_000), isFinal: $0 == 7) }.joined()),
          1009
        ),
        ("not masked", WatchClient.frame(opcode: 1, [0x7B, 0x7D], isMasked: false), 1002),
        ("a reserved bit", WatchClient.frame(opcode: 0x41, [0x7B, 0x7D]), 1002),
        ("a part without its beginning", WatchClient.frame(opcode: 0, [0x7B, 0x7D]), 1002),
        ("an end", WatchClient.frame(opcode: 8, [0x03, 0xE8]), 1000),
      ] as [(String, [UInt8], UInt16)])
    func `what cannot be read closes with a code`(name: String, bytes: [UInt8], code: UInt16) async throws {
      try await RunningNode.with { node in
        let (client, _) = try await WatchClient.open(node)
        try await client.socket.send(bytes)
        #expect(try await client.frame() == .close(code), "\(name)")
        #expect(try await client.frame() == .end)
      }
    }

    @Test func `bytes right behind the handshake are a message`() async throws {
      try await RunningNode.with { node in
        let message = Self.subscribe([.nodes]).json
        let (client, _) = try await WatchClient.open(node, behind: WatchClient.frame(opcode: 1, message))
        #expect(try await client.snapshot().tables.nodes.count == 1)
      }
    }

    @Test(arguments: [
      (WatchClient.handshake + "Origin: https://evil.example\r\n", 403), ("", 426),
      (WatchClient.handshake.replacing("Version: 13", with: "Version: 12"), 400), ("Upgrade: h2c\r\nConnection: Upgrade\r\n", 426),
    ])
    func `a handshake that is refused says why`(fields: String, status: Int) async throws {
      try await RunningNode.with { node in
        let socket = try LoopbackSocket(port: node.adminPort)
        try await socket.send("GET /status/v1/watch HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n")
        let (bytes, _) = try await socket.receive { String(decoding: $0, as: UTF8.self).contains("}") }
        #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("HTTP/1.1 \(status) "))
      }
    }

    @Test func `one watcher too many is refused, and has room when another one left`() async throws {
      try await RunningNode.with({ $0.admin.maxWatchers = 1 }) { node in
        let first = try await WatchClient.open(node).client
        await #expect(throws: Unexpected.self) { try await WatchClient.open(node) }
        first.socket.finish()
        try await eventually("room", within: 10, every: 20) { (try? await WatchClient.open(node)) != nil }
      }
    }

    @Test(arguments: ["Via: 1.1 proxy", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4"])
    func `whoever comes through a proxy looks and does nothing`(field: String) async throws {
      try await RunningNode.with { node in
        let (client, hello) = try await WatchClient.open(node, fields: field + "\r\n")
        #expect(hello.role == .viewer)
        for message in [
          ClientMessage.disconnect(Disconnect(id: "d", listeners: ["l-1"])), .unblock(id: "u", block: "b-1"),
          .drainNode(id: "n", node: "n-1"),
          .tail(id: "t", endpoint: "e", sample: 1),
        ] {
          try await client.send(message)
          #expect(try await client.error().code == .forbidden)
        }
        try await client.send(Self.subscribe([.nodes]))
        #expect(try await client.snapshot().tables.nodes.count == 1)
      }
    }

    @Test func `an operator disconnects over the WebSocket and sees it happen`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let (client, _) = try await WatchClient.open(node)
        try await client.send(Self.subscribe([.listeners, .blocks], events: [:]))
        var tables = WatchedTables()
        try await Self.watch(client, &tables) { $0.listeners.count == 1 }
        let listener = try #require(tables.listeners.keys.first)
        try await client.send(.disconnect(Disconnect(id: "d", listeners: [listener], mode: .now, blockSeconds: 60, reason: "test")))
        var result: ActionResult?
        var kinds: Set<String> = []
        let told: Set = ["operator-action", "listener-disconnected"]
        while result == nil || !tables.listeners.isEmpty || tables.blocks.isEmpty || !kinds.isSuperset(of: told) {
          let message = try await client.message()
          tables.receive(message)
          if case .result(let got) = message { result = got }
          if case .event(let event) = message { kinds.insert(event.kind.rawValue) }
        }
        #expect(result?.results.first?.ok == true)
        #expect(tables.blocks.first?.value.id == result?.block)
        #expect(kinds.isSuperset(of: ["node-joined", "listener-connected", "operator-action", "listener-disconnected"]))
        try await client.send(.unblock(id: "u", block: try #require(result?.block)))
        try await Self.watch(client, &tables) { $0.blocks.isEmpty }
        #expect(tables.faults.isEmpty)
      }
    }

    @Test func `a resync is a snapshot in the same sequence, and an unsubscription is the end`() async throws {
      try await RunningNode.with { node in
        let (client, _) = try await WatchClient.open(node)
        try await client.send(Self.subscribe([.nodes]))
        var tables = WatchedTables()
        try await Self.watch(client, &tables) { $0.sequence >= 3 }
        try await client.send(.resync(id: "s"))
        var isResynced = false
        while !isResynced {
          let message = try await client.message()
          tables.receive(message)
          if case .snapshot = message { isResynced = true }
        }
        try await Self.watch(client, &tables) { $0.sequence >= 8 }
        #expect(tables.faults.isEmpty)
        try await client.send(.unsubscribe(id: "s"))
        try await client.send(.resync(id: "s"))
        #expect(try await client.error().code == .notFound)
      }
    }

    @Test func `a reader that stops reading costs nobody else, and goes on where it is when it reads again`() async throws {
      try await RunningNode.with { node in
        for number in 0..<40 { _ = try await ScriptedAgent.connect(to: node, endpoint: "e\(number)", ScriptedAgent.ok) }
        let (slow, _) = try await WatchClient.open(node, receiveBuffer: 4096)
        let (quick, _) = try await WatchClient.open(node)
        try await slow.send(Self.subscribe([.nodes, .endpoints, .listeners, .totals]))
        try await quick.send(Self.subscribe([.nodes, .endpoints, .listeners, .totals]))
        var quickTables = WatchedTables()
        // Each asks for all rows again: together more than the kernel takes.
        for _ in 0..<400 { try await slow.send(.resync(id: "s")) }
        let publisher = try #require(node.publisher)
        try await eventually("a reader that is left behind", within: 20, every: 20) { await publisher.waitingBytes > 200 << 10 }
        let requests = try node.client()
        for number in 0..<200 {
          try await requests.send("GET / HTTP/1.1\r\nHost: e\(number % 40).example\r\n\r\n")
          #expect(try await requests.response().status == 200)
        }
        try await Self.watch(quick, &quickTables) { $0.totals["cluster"]?.requestsTotal == 200 }
        #expect(await publisher.waitingBytes < 1 << 20)
        var slowTables = WatchedTables()
        try await Self.watch(slow, &slowTables) {
          $0.totals["cluster"]?.requestsTotal == 200 && $0.endpoints.values.allSatisfy { $0.requestsTotal == 5 }
        }
        #expect(slowTables.endpoints.count == 40)
        #expect(slowTables.faults.isEmpty && quickTables.faults.isEmpty)
      }
    }

    @Test func `history has the seconds with their traffic`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.answering("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"))
        let requests = try node.client()
        for _ in 0..<30 {
          try await requests.send("GET / HTTP/1.1\r\nHost: e.example\r\n\r\n")
          _ = try await requests.response()
        }
        let (client, _) = try await WatchClient.open(node)
        func history(_ endpoint: String?) async throws -> History {
          try await client.send(.history(endpoint: endpoint, since: nil))
          return try await client.next { if case .history(let history) = $0 { history } else { nil } }
        }
        func requestCount(_ history: History) -> Double { history.series.first?.points.reduce(0) { $0 + $1.requestRate } ?? 0 }
        try await eventually("the seconds are recorded", within: 20, every: 100) { requestCount(try await history("e")) == 30 }
        let all = try await history(nil)
        #expect(all.endpoint == nil)
        #expect(requestCount(all) == 30)
        let seconds = try #require(all.series.first)
        #expect(all.series.map(\.stepMilliseconds) == [1000, 10_000])
        let busy = seconds.points.filter { $0.requestRate > 0 }
        #expect(busy.allSatisfy { $0.errorRate == $0.requestRate && $0.p50 > 0 && $0.p99 >= $0.p50 })
        #expect(busy.flatMap(\.latencyBuckets).reduce(0) { $0 + $1.count } == 30)
        #expect(requestCount(try await history("nobody")) == 0)
        let later = try await { () async throws -> History in
          try await client.send(.history(endpoint: "e", since: seconds.from))
          return try await client.next { if case .history(let history) = $0 { history } else { nil } }
        }()
        #expect(try #require(later.series.first).from > seconds.from)
      }
    }

    @Test func `errors are the last failures with what is needed to find them`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node) { stream, event in
          guard event == .end else { return }
          switch stream.index {
          case 0: stream.send("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", end: true)
          case 1: stream.send("nonsense\r\n\r\n", end: true)
          default: stream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", end: true)
          }
        }
        for id in ["first", "second", "third"] {
          let requests = try node.client()
          try await requests.send("POST / HTTP/1.1\r\nHost: e.example\r\nX-Request-Id: \(id)\r\nContent-Length: 0\r\n\r\n")
          _ = try await requests.text(until: id == "third" ? "half" : "\r\n\r\n")
        }
        let (client, _) = try await WatchClient.open(node)
        var errors: [RecentErrors.Failure] = []
        try await eventually("three errors", within: 10, every: 50) {
          try await client.send(.errors(endpoint: "E"))
          errors = try await client.next { if case .errors(let errors) = $0 { errors.errors } else { nil } }
          return errors.count == 3
        }
        #expect(errors.map(\.code) == ["upstream-5xx", "malformed-response", "cut-short"])
        #expect(errors.map(\.requestID) == ["first", "second", "third"])
        #expect(errors.map(\.status) == [503, 502, 200])
        #expect(errors.allSatisfy { $0.listener.hasPrefix("l-") })
      }
    }

    @Test func `a tail shows requests as they end, without what is secret in them`() async throws {
      try await RunningNode.with { node in
        let (client, _) = try await WatchClient.open(node)
        // The endpoint comes later.
        try await client.send(.tail(id: "t", endpoint: "e", sample: 1))
        try await client.send(.tail(id: "other", endpoint: "f", sample: 1))
        try await client.send(.errors(endpoint: "e"))
        _ = try await client.message()
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let requests = try node.client()
        try await requests.send(
          "PUT http://e.example/a/b?token=secret HTTP/1.1\r\nHost: e.example\r\nX-Request-Id: r1\r\nContent-Length: 3\r\n\r\nabc")
        #expect(try await requests.response().status == 200)
        let shown = try await client.request()
        #expect(shown.id == "t")
        #expect(shown.method == "PUT")
        #expect(shown.path == "/a/b?…")
        #expect(shown.status == 200)
        #expect(shown.bytesIn == 3 && shown.bytesOut == 2)
        #expect(shown.requestID == "r1")
        #expect(shown.listener.hasPrefix("l-"))
        #expect(shown.latency > 0)
        try await client.send(.untail(id: "t"))
        try await client.send(.errors(endpoint: "e"))
        _ = try await client.message()
        try await requests.send("GET / HTTP/1.1\r\nHost: e.example\r\n\r\n")
        _ = try await requests.response()
        #expect(node.node?.tailed.take().isEmpty == true)
        #expect(node.node?.routes.routes(of: try #require(EndpointID("e")))?.tailShare == TailShare.none)
      }
    }

    @Test func `events are told from a number on, and the last ones before the node ends`() async throws {
      try await RunningNode.with { node in
        let agent = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let (client, hello) = try await WatchClient.open(node)
        try await client.send(Self.subscribe([.nodes], events: [hello.node: 1]))
        let connected = try await client.event()
        #expect(connected.kind == .listenerConnected)
        #expect(connected.number == 2)
        try await agent.vanish()
        #expect(try await client.event().kind == .listenerDisconnected)
        await node.server.shutdown(graceful: false)
        #expect(try await client.event().kind == .nodeLeft)
        var frame = try await client.frame()
        while case .text = frame { frame = try await client.frame() }
        #expect(frame == .close(1001))
      }
    }

    @Test func `nothing is left running when the last watcher goes`() async throws {
      try await RunningNode.with { node in
        let (client, _) = try await WatchClient.open(node)
        try await client.send(Self.subscribe([.nodes, .listeners]))
        try await client.send(.tail(id: "t", endpoint: "e", sample: 0.5))
        _ = try await client.snapshot()
        let publisher = try #require(node.publisher)
        #expect(await publisher.views.count == 1)
        client.socket.reset()
        try await eventually("an idle publisher", within: 10, every: 20) { await publisher.isIdle }
      }
    }
  }
}
