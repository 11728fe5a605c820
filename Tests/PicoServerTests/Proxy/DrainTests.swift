import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// A node that leaves.
  @Suite(.timeLimit(.minutes(2))) struct DrainTests {
    @Test(arguments: [1, 2])
    func `requests in flight finish, new ones are served, and every response closes`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let agent = try await ScriptedAgent.connect(to: node) { stream, event in
          if stream.index > 0 { ScriptedAgent.ok(stream, event) }
        }
        let busy = try node.client()
        try await busy.send(ExchangeTests.get)
        try await agent.streams(1)
        let idle = try node.client()
        try await idle.send(ExchangeTests.get)
        #expect(try await idle.response().field("connection") == nil)
        let late = try node.client()
        let leaving = Task { await node.server.shutdown(graceful: true) }
        try await eventually("leaving") { try await node.ready(on: idle) == 503 }
        // A connection that was open is served once more, and a new one too.
        let new = try node.client()
        for client in [late, new] {
          try await client.send(ExchangeTests.get)
          let response = try await client.response()
          #expect(response.status == 200)
          #expect(response.field("connection") == "close")
          #expect(try await client.rest(within: 5) == "")
        }
        try await agent.act(0) { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", end: true) }
        let response = try await busy.response()
        #expect(response.body == "ok")
        #expect(response.field("connection") == "close")
        await leaving.value
        #expect(!accepts(node.port))
      }
    }

    /// What the client asks for, what the service answers with, and what comes at the end.
    @Test(
      arguments: [1, 2],
      [
        ("GET / HTTP/1.1\r\nHost: e.example\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n", "websocket", [0x88, 2, 0x03, 0xE9]),
        ("GET / HTTP/1.1\r\nHost: e.example\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n", "other", []),
        (
          "GET /pico/v1/tcp/e HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", "", [0x88, 2, 0x03, 0xE9]
        ),
      ] as [(String, String, [UInt8])])
    func `an upgraded connection that is left is told that the node goes, and ends in order`(
      threads: Int, example: (request: String, upgrade: String, rest: [UInt8])
    ) async throws {
      try await RunningNode.with(threads: threads, { $0.gracePeriod = .milliseconds(300) }) { node in
        let agent = try await ScriptedAgent.connect(to: node) { stream, event in
          guard event == .head, !example.upgrade.isEmpty else { return }
          stream.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: \(example.upgrade)\r\n\r\n")
        }
        let client = try node.client()
        try await client.send(example.request)
        #expect(try await client.response().status == 101)
        try await agent.streams(1)
        await node.server.shutdown(graceful: true)
        #expect(try await client.bytes { _ in false } == example.rest)
        #expect(!client.socket.wasReset)
        try await eventually("the stream's end") { agent.seen.all[0].reset == .cancelled }
      }
    }

    @Test func `an idle connection is served, and not closed under a request, for as long as others ask for something`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let idle = try (0..<3).map { _ in try node.client() }
        for client in idle {
          try await client.send(ExchangeTests.get)
          #expect(try await client.response().field("connection") == nil)
        }
        let probe = try node.client()
        let leaving = Task { await node.server.shutdown(graceful: true) }
        try await eventually("leaving") { try await node.ready(on: probe) == 503 }
        // Each is idle for longer than a connection that nobody uses would be left.
        for client in idle.prefix(2) {
          for _ in 0..<3 {
            try await Task.sleep(for: .milliseconds(400))
            let other = try node.client()
            try await other.send(ExchangeTests.get)
            #expect(try await other.response().status == 200)
          }
          try await client.send(ExchangeTests.get)
          let response = try await client.response()
          #expect(response.status == 200)
          #expect(response.field("connection") == "close")
        }
        // Nobody asks any more.
        #expect(try await idle[2].rest(within: 5) == "")
        #expect(!idle[2].socket.wasReset)
        await leaving.value
      }
    }

    @Test func `while the delay runs everything is served as before`() async throws {
      try await RunningNode.with({ $0.drainDelay = .seconds(2) }) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try node.client()
        let leaving = Task { await node.server.shutdown(graceful: true) }
        try await eventually("not ready") { try await node.ready(on: client) == 503 }
        #expect(try await node.admin("/ready").hasPrefix("HTTP/1.1 503"))
        _ = try await ScriptedAgent.connect(to: node, endpoint: "new", ScriptedAgent.ok)
        try await client.send("GET / HTTP/1.1\r\nHost: new.example\r\n\r\n")
        let response = try await client.response()
        #expect(response.status == 200)
        #expect(response.field("connection") == nil)
        await leaving.value
      }
    }

    @Test func `whoever goes on to ask whether it is ready, or whether it is there, does not keep a node that leaves`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let start = ContinuousClock.now
        let checks = Task {
          var count = 0
          while accepts(node.port) {
            if let client = try? node.client(), let status = try? await node.ready(on: client), status == 503 { count += 1 }
          }
          return count
        }
        await node.server.shutdown(graceful: true)
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(await checks.value > 3)
      }
    }

    @Test func `a node that drains takes no listener, and a request for none is told that it leaves`() async throws {
      try await RunningNode.with { node in
        let client = try node.client()
        let leaving = Task { await node.server.shutdown(graceful: true) }
        try await eventually("leaving") { try await node.ready(on: client) == 503 }
        let refusal = WebSocketAnswer.Refusal(status: 503, message: "shutting down", retryAfterSeconds: 0)
        await #expect(throws: refusal) { try await ScriptedAgent.connect(to: node, ScriptedAgent.ok) }
        let new = try node.client()
        try await new.send(ExchangeTests.get)
        #expect(try await new.response().field("x-pico-error") == "shutting-down")
        await leaving.value
      }
    }

    @Test(arguments: [1, 2])
    func `what is left when the grace period is over is closed`(threads: Int) async throws {
      try await RunningNode.with(threads: threads, { $0.gracePeriod = .milliseconds(500) }) { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        let client = try node.client()
        try await client.send(ExchangeTests.get)
        try await agent.streams(1)
        let start = ContinuousClock.now
        await node.server.shutdown(graceful: true)
        #expect(ContinuousClock.now - start < .seconds(4))
        _ = try await client.rest(within: 5)
        #expect(client.isClosed)
        try await eventually("the tunnel's end") { try await agent.onLoop { $0.closeReason != nil } }
      }
    }
  }
}
