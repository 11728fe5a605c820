import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// How a listener comes and goes.
  @Suite(.timeLimit(.minutes(1))) struct RegistrationTests {
    private static let upgrade =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

    @Test(arguments: [
      ("GET /pico/v1/listener/e HTTP/1.1", upgrade, 101), ("GET /piko/v1/upstream/e HTTP/1.1", upgrade, 101),
      ("GET /pico/v1/listener/e HTTP/1.1", upgrade + "Origin: https://a.example\r\n", 403),
      ("POST /pico/v1/listener/e HTTP/1.1", upgrade, 405), ("GET /pico/v1/listener/a%62 HTTP/1.1", upgrade, 400),
      ("GET /pico/v1/listener/.. HTTP/1.1", upgrade, 400), ("GET /pico/v1/listener/a/b HTTP/1.1", upgrade, 400),
      ("GET /pico/v1/listener/ HTTP/1.1", upgrade, 400),
      ("GET /pico/v1/listener/e HTTP/1.1", upgrade.replacing("13", with: "8"), 426),
      ("GET /pico/v1/listener/e HTTP/1.1", upgrade.replacing("dGhl", with: "dG"), 400),
      ("GET /pico/v1/listener/e HTTP/1.1", upgrade + "Content-Length: 1\r\n", 400),
      ("GET /pico/v1/listener/e HTTP/1.1", upgrade.replacing("websocket", with: "other"), 426),
    ])
    func `a registration is taken or told what is wrong`(start: String, fields: String, status: Int) async throws {
      try await RunningNode.with { node in
        let client = try node.client()
        try await client.send("\(start)\r\nHost: localhost\r\n\(fields)\r\n")
        let response = try await client.response()
        #expect(response.status == status)
        if status == 101 {
          #expect(response.field("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
          #expect(response.field("sec-websocket-protocol") == nil)
          // Routable before the 101 went out.
          #expect(node.server.listenerCount == 1)
          client.socket.finish()
          try await eventually("gone") { node.server.listenerCount == 0 }
        } else {
          #expect(response.field("x-pico-error") != nil)
          #expect(node.server.listenerCount == 0)
        }
      }
    }

    @Test func `a separate port for listeners serves nothing else, and the proxy port no listeners`() async throws {
      try await RunningNode.with({ $0.upstream.listen = HostPort(host: "127.0.0.1", port: 0) }) { node in
        let agent = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try node.client()
        try await client.send(ExchangeTests.get)
        #expect(try await client.response().status == 200)
        try await client.send("GET /pico/v1/listener/e HTTP/1.1\r\nHost: a\r\n\(Self.upgrade)\r\n")
        #expect(try await client.response().status == 404)
        let upstream = try RawClient(port: node.upstreamPort)
        try await upstream.send(ExchangeTests.get)
        #expect(try await upstream.response().status == 404)
        try await upstream.send("GET /pico/v1/ready HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await upstream.response().status == 200)
        #expect(agent.seen.all.count == 1)
      }
    }

    @Test(arguments: [1, 2])
    func `listeners that come and go under load leave nothing behind`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let lasting = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let isOver = Flag()
        let load = Task {
          var statuses: [Int: Int] = [:]
          while !isOver.isSet {
            let client = try node.client()
            for _ in 0..<20 {
              try await client.send(ExchangeTests.get)
              statuses[try await client.response().status, default: 0] += 1
            }
          }
          return statuses
        }
        for round in 0..<20 {
          let passing = try await ScriptedAgent.connect(to: node, isPico: round.isMultiple(of: 2), ScriptedAgent.ok)
          try await eventually("some requests") { passing.seen.all.count > 2 }
          if round.isMultiple(of: 4) {
            try await passing.send(.leaving)
            try await eventually("out of the routes") { node.server.listenerCount == 1 }
            try await eventually("no request left") { try await passing.onLoop { $0.tunnel?.streamCount == 0 } }
          }
          try await passing.vanish()
          try await eventually("gone") { node.server.listenerCount == 1 }
        }
        isOver.set()
        let statuses = try await load.value
        // GET may be tried again wherever its listener died.
        #expect(statuses.keys.sorted() == [200])
        #expect(lasting.seen.all.count > 20)
        try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
        try await eventually("no stream") { try await node.metric("pico_tunnel_streams") == 0 }
      }
    }
  }
}
