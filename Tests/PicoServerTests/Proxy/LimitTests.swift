import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// Limits that an operator sets.
  @Suite(.timeLimit(.minutes(1))) struct LimitTests {
    @Test(arguments: [
      ("Content-Length: 101\r\n\r\n", 413), ("Content-Length: 100\r\n\r\n" + String(repeating: "x", count: 100), 200),
      ("Transfer-Encoding: chunked\r\n\r\n65\r\n" + String(repeating: "x", count: 101) + "\r\n0\r\n\r\n", 413),
      ("Transfer-Encoding: chunked\r\n\r\n64\r\n" + String(repeating: "x", count: 100) + "\r\n0\r\n\r\n", 200),
    ])
    func `a body over the limit is 413`(body: String, status: Int) async throws {
      for isSplit in [false, true] {
        try await RunningNode.with({ $0.proxy.maxBody = ByteSize(bytes: 100) }) { node in
          let agent = try await ScriptedAgent.connect(to: node) { stream, event in
            if event == .end { stream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", end: true) }
          }
          let client = try node.client()
          try await client.send("POST / HTTP/1.1\r\nHost: e.example\r\n")
          let split = body.firstRange(of: "\r\n\r\n").map(\.upperBound) ?? body.endIndex
          if isSplit {
            try await client.send(String(body[..<split]))
            if !body.hasPrefix("Content-Length: 101") { try await agent.streams(1) }
            try await client.send(String(body[split...]))
          } else {
            try await client.send(body)
          }
          let response = try await client.response()
          #expect(response.status == status)
          if status == 413 {
            #expect(response.field("x-pico-error") == "request-body-too-large")
            #expect(agent.seen.all.allSatisfy { !$0.isEnded })
          }
          try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
        }
      }
    }

    @Test func `requests of an endpoint over the rate are 429`() async throws {
      try await RunningNode.with({ $0.proxy.rateLimit = 5 }) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        _ = try await ScriptedAgent.connect(to: node, endpoint: "other", ScriptedAgent.ok)
        let client = try node.client()
        var statuses: [Int] = []
        for _ in 0..<12 {
          try await client.send(ExchangeTests.get)
          let response = try await client.response()
          statuses.append(response.status)
          if response.status == 429 { #expect(response.field("retry-after") == "1") }
        }
        #expect(statuses.prefix(5).allSatisfy { $0 == 200 })
        #expect(statuses.contains(429))
        try await client.send("GET / HTTP/1.1\r\nHost: other.example\r\n\r\n")
        #expect(try await client.response().status == 200)
        try await eventually("a new second") {
          try await client.send(ExchangeTests.get)
          return try await client.response().status == 200
        }
      }
    }

    @Test(arguments: [1, 2])
    func `requests in flight at an endpoint over the limit are 429`(threads: Int) async throws {
      try await RunningNode.with(threads: threads, { $0.proxy.maxRequestsPerEndpoint = 2 }) { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        var clients: [RawClient] = []
        for _ in 0..<3 {
          clients.append(try node.client())
          try await clients.last?.send(ExchangeTests.get)
          try await eventually("taken or refused") { agent.seen.all.count == min(clients.count, 2) }
        }
        #expect(try await clients[2].response().status == 429)
        try await agent.act(0) { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", end: true) }
        #expect(try await clients[0].response().status == 200)
        try await clients[2].send(ExchangeTests.get)
        try await agent.streams(3)
      }
    }

    @Test func `connections over the limit are closed and those below it served`() async throws {
      try await RunningNode.with({ $0.proxy.maxConnections = 2 }) { node in
        let ready = "GET /pico/v1/ready HTTP/1.1\r\nHost: a\r\n\r\n"
        let one = try node.client()
        let two = try node.client()
        for client in [one, two] {
          try await client.send(ready)
          #expect(try await client.response().status == 200)
        }
        for _ in 0..<5 { #expect(try await node.client().rest(within: 5) == "") }
        one.socket.finish()
        try await eventually("room") { node.openConnections == 1 }
        let three = try node.client()
        try await three.send(ready)
        #expect(try await three.response().status == 200)
      }
    }

    @Test func `listeners over the limits are refused`() async throws {
      try await RunningNode.with({
        $0.upstream.maxListeners = 3
        $0.upstream.maxListenersPerEndpoint = 2
      }) { node in
        let first = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let refusal = WebSocketAnswer.Refusal(status: 429, message: "too many requests", retryAfterSeconds: 5)
        await #expect(throws: refusal) { try await ScriptedAgent.connect(to: node, ScriptedAgent.ok) }
        _ = try await ScriptedAgent.connect(to: node, endpoint: "b", ScriptedAgent.ok)
        await #expect(throws: refusal) { try await ScriptedAgent.connect(to: node, endpoint: "c", ScriptedAgent.ok) }
        try await first.vanish()
        try await eventually("one less") { node.server.listenerCount == 2 }
        _ = try await ScriptedAgent.connect(to: node, endpoint: "c", ScriptedAgent.ok)
      }
    }
  }
}
