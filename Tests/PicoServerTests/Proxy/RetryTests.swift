import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// Which requests are given to another listener.
  @Suite(.timeLimit(.minutes(2))) struct RetryTests {
    struct Case: Sendable, CustomTestStringConvertible {
      var code: StreamResetCode
      var request: String
      var isRetried: Bool
      var testDescription: String { "\(code) \(request.prefix(40))" }
    }

    private static let post = "POST / HTTP/1.1\r\nHost: e.example\r\nContent-Length: 3\r\n\r\nabc"
    private static let bare = "POST / HTTP/1.1\r\nHost: e.example\r\nContent-Length: 0\r\n\r\n"
    private static let put = "PUT / HTTP/1.1\r\nHost: e.example\r\nContent-Length: 3\r\n\r\nabc"
    private static let delete = "DELETE / HTTP/1.1\r\nHost: e.example\r\n\r\n"
    private static let get = NodeTests.ExchangeTests.get

    static let cases: [Case] = [
      Case(code: .notSent, request: post, isRetried: true), Case(code: .notSent, request: get, isRetried: true),
      Case(code: .connectTimeout, request: post, isRetried: true), Case(code: .resetAfterSend, request: post, isRetried: false),
      Case(code: .resetAfterSend, request: bare, isRetried: false), Case(code: .resetAfterSend, request: put, isRetried: false),
      Case(code: .resetAfterSend, request: delete, isRetried: true), Case(code: .resetAfterSend, request: get, isRetried: true),
      Case(code: .upstreamTimeout, request: get, isRetried: false), Case(code: .malformedResponse, request: get, isRetried: false),
      Case(code: .cancelled, request: get, isRetried: true), Case(code: .cancelled, request: post, isRetried: false),
    ]

    @Test(arguments: [1, 2], cases)
    func `a request goes to another listener only when that is safe`(threads: Int, example: Case) async throws {
      try await RunningNode.with(threads: threads) { node in
        let first = Switch()
        // Whichever has the request first refuses it.
        let script: ScriptedAgent.Script = { stream, event in
          guard event == .head else { return }
          if first.turn() { stream.reset(example.code) } else { stream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", end: true) }
        }
        let one = try await ScriptedAgent.connect(to: node, script)
        let two = try await ScriptedAgent.connect(to: node, script)
        let client = try node.client()
        try await client.send(example.request)
        let response = try await client.response()
        #expect((response.status == 200) == example.isRetried)
        let texts = (one.seen.all + two.seen.all).map(\.text)
        #expect(texts.count == (example.isRetried ? 2 : 1))
        #expect(Set(texts).count == 1)
        #expect(try await node.metric("pico_proxy_retries_total") == (example.isRetried ? 1 : 0))
        try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
      }
    }

    @Test(arguments: [1, 2])
    func `an undelivered request is tried three times at most`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        var agents: [ScriptedAgent] = []
        for _ in 0..<5 { agents.append(try await ScriptedAgent.connect(to: node, ScriptedAgent.refusing(.notSent))) }
        let client = try node.client()
        try await client.send(Self.get)
        let response = try await client.response()
        #expect(response.status == 502)
        #expect(agents.map(\.seen.all.count).reduce(0, +) == 3)
        #expect(agents.allSatisfy { $0.seen.all.count <= 1 })
      }
    }

    @Test(arguments: [1, 2])
    func `a request whose body no longer fits the buffer is not tried again`(threads: Int) async throws {
      try await RunningNode.with(threads: threads, { $0.proxy.retryBuffer = ByteSize(bytes: 20_000) }) { node in
        let body = String(repeating: "x", count: 30_000)
        let refuse: ScriptedAgent.Script = { stream, event in if event == .end { stream.reset(.notSent) } }
        let agents = [try await ScriptedAgent.connect(to: node, refuse), try await ScriptedAgent.connect(to: node, refuse)]
        let client = try node.client()
        try await client.send("POST / HTTP/1.1\r\nHost: e.example\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
        try await eventually("a stream") { agents.contains { !$0.seen.all.isEmpty } }
        try await client.send(body)
        #expect(try await client.response().status == 502)
        #expect(agents.map(\.seen.all.count).reduce(0, +) == 1)
      }
    }

    @Test(arguments: [1, 2])
    func `a body that comes slowly is whole at the listener that takes it`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let first = Switch()
        let script: ScriptedAgent.Script = { stream, event in
          if event == .head, first.turn() { stream.reset(.notSent) }
          if event == .end { stream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", end: true) }
        }
        let agents = [try await ScriptedAgent.connect(to: node, script), try await ScriptedAgent.connect(to: node, script)]
        let client = try node.client()
        try await client.send("POST / HTTP/1.1\r\nHost: e.example\r\nTransfer-Encoding: chunked\r\n\r\n")
        try await eventually("the second stream") { agents.allSatisfy { $0.seen.all.count == 1 } }
        try await client.send("5\r\nabcde\r\n")
        try await client.send("0\r\nX-Sum: 1\r\n\r\n")
        #expect(try await client.response().status == 200)
        #expect(agents.contains { $0.seen.all[0].text.hasSuffix("\r\n\r\n5\r\nabcde\r\n0\r\nX-Sum: 1\r\n\r\n") })
      }
    }

    @Test(arguments: [1, 2])
    func `an agent that dies with requests costs only those that may have been delivered`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let dying = try await ScriptedAgent.connect(to: node) { _, _ in }
        let get = try node.client()
        try await get.send(Self.get)
        try await dying.streams(1)
        let post = try node.client()
        try await post.send(Self.post)
        try await dying.streams(2)
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        try await dying.vanish()
        #expect(try await get.response().status == 200)
        #expect(try await post.response().status == 502)
      }
    }

    @Test(arguments: [1, 2])
    func `one of two agents with a dead upstream costs no client an error, and soon gets nothing`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let dead = try await ScriptedAgent.connect(to: node, ScriptedAgent.refusing(.notSent))
        let alive = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        for _ in 0..<4 {
          let client = try node.client()
          for _ in 0..<25 {
            try await client.send(Self.post)
            #expect(try await client.response().status == 200)
          }
        }
        #expect(alive.seen.all.count == 100)
        // Five in a row, and one more for each second or so that it was tried again.
        #expect((5...9).contains(dead.seen.all.count))
      }
    }

    @Test(arguments: [1, 2])
    func `a lone agent with a dead upstream is asked every time and serves as soon as it can`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let isUp = Flag()
        let agent = try await ScriptedAgent.connect(to: node) { stream, event in
          guard event == .head else { return }
          if isUp.isSet { stream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", end: true) } else { stream.reset(.notSent) }
        }
        let client = try node.client()
        for _ in 0..<10 {
          try await client.send(Self.get)
          #expect(try await client.response().status == 502)
        }
        isUp.set()
        try await client.send(Self.get)
        #expect(try await client.response().status == 200)
        #expect(agent.seen.all.count == 11)
      }
    }

    @Test(arguments: [1, 2])
    func `an agent that says its upstream is down gets what nobody else can take`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let down = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        try await down.send(.health(isUp: false, reason: "test"))
        try await eventually("the state") { try await node.admin("/status/v1").contains("\"unhealthy\"") }
        let client = try node.client()
        try await client.send(Self.get)
        #expect(try await client.response().status == 200)
        let up = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        for _ in 0..<20 {
          try await client.send(Self.get)
          #expect(try await client.response().status == 200)
        }
        #expect(down.seen.all.count == 1)
        #expect(up.seen.all.count == 20)
      }
    }

    @Test(arguments: [1, 2], [true, false])
    func `an agent that leaves gets nothing new and finishes what it has`(threads: Int, isPico: Bool) async throws {
      try await RunningNode.with(threads: threads) { node in
        let leaving = try await ScriptedAgent.connect(to: node, isPico: isPico) { _, _ in }
        let before = try node.client()
        try await before.send(Self.get)
        try await leaving.streams(1)
        if isPico { try await leaving.send(.leaving) } else { try await leaving.onLoop { $0.tunnel?.goAway() } }
        try await eventually("out of the routes") { node.server.listenerCount == 0 }
        let after = try node.client()
        try await after.send(Self.get)
        #expect(try await after.response().field("x-pico-error") == "no-available-upstreams")
        try await leaving.act(0) { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", end: true) }
        #expect(try await before.response().body == "ok")
      }
    }

    @Test(arguments: [1, 2])
    func `a tunnel without room is passed over, and when all are full the answer is 503`(threads: Int) async throws {
      try await RunningNode.with(threads: threads, { $0.tunnel.maxStreams = 2 }) { node in
        // The control stream is not counted.
        let agents = [try await ScriptedAgent.connect(to: node) { _, _ in }, try await ScriptedAgent.connect(to: node) { _, _ in }]
        for agent in agents { try await agent.send(.hello(.init(agentID: "a", version: "1"))) }
        try await eventually("both said hello") { try await node.admin("/status/v1").components(of: "\"version\":\"1\"") == 2 }
        var clients: [RawClient] = []
        for _ in 0..<4 {
          clients.append(try node.client())
          try await clients.last?.send(Self.get)
        }
        try await eventually("all taken") { agents.map(\.seen.all.count).reduce(0, +) == 4 }
        let client = try node.client()
        try await client.send(Self.get)
        let response = try await client.response()
        #expect(response.status == 503)
        #expect(response.field("x-pico-error") == "overloaded")
        // That is no sign of a broken upstream: where there is room, the next request goes.
        try await agents[0].act(0) { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", end: true) }
        try await eventually("a stream less") { try await node.metric("pico_tunnel_streams") == 3 }
        try await client.send(Self.get)
        try await agents[0].streams(3)
      }
    }
  }
}
