import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// `proxy.client-rate-limit`.
  @Suite(.timeLimit(.minutes(1))) struct ClientRateTests {
    private static func get(_ fields: String = "") -> String { "GET / HTTP/1.1\r\nHost: e.example\r\n\(fields)\r\n" }

    private static func statuses(_ client: RawClient, _ count: Int, _ fields: String = "") async throws -> [Int] {
      var statuses: [Int] = []
      for _ in 0..<count {
        try await client.send(get(fields))
        statuses.append(try await client.response().status)
      }
      return statuses
    }

    @Test(arguments: [1, 2])
    func `requests of a client over its rate are 429, whatever connections and endpoints they use`(threads: Int) async throws {
      try await RunningNode.with(threads: threads, { $0.proxy.clientRateLimit = 5 }) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        var statuses: [Int] = []
        var refused: RawClient.Response?
        for number in 0..<12 {
          let client = try node.client()
          // An endpoint that nobody serves counts too.
          try await client.send(Self.get(number.isMultiple(of: 2) ? "" : "x-pico-endpoint: other\r\n"))
          let response = try await client.response()
          statuses.append(response.status)
          if response.status == 429 { refused = response }
        }
        #expect(statuses.prefix(5) == [200, 502, 200, 502, 200], "\(statuses)")
        #expect(refused?.field("retry-after") == "1" && refused?.field("x-pico-error") == "too-many-requests")
        #expect(refused?.body == "{\"error\":\"too many requests\"}\n")
        // Neither probes nor registrations are requests.
        #expect(try await node.ready(on: try node.client()) == 200)
        _ = try await ScriptedAgent.connect(to: node, endpoint: "more", ScriptedAgent.ok)
        try await eventually("the line of the access log") {
          node.accessLog.all.contains { $0.contains("\"status\":429") && $0.contains("\"limit\":\"proxy.client-rate-limit\"") }
        }
        #expect(node.accessLog.all.allSatisfy { $0.contains("\"limit\"") == $0.contains("\"status\":429") })
        let count = Double(statuses.count { $0 == 429 })
        #expect(try await node.metric("pico_limit_refusals_total{limit=\"proxy.client-rate-limit\"}") == count)
        try await eventually("a new share") { try await Self.statuses(try node.client(), 1) == [200] }
      }
    }

    @Test func `without the limit nobody is held back`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        #expect(try await Self.statuses(try node.client(), 50).allSatisfy { $0 == 200 })
        #expect(try await node.metric("pico_limit_refusals_total{limit=\"proxy.client-rate-limit\"}") == 0)
      }
    }

    @Test func `a TCP connection is a request of its client`() async throws {
      try await RunningNode.with({ $0.proxy.clientRateLimit = 1 }) { node in
        _ = try await ScriptedAgent.connect(to: node) { _, _ in }
        let start = "GET /pico/v1/tcp/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)\r\n"
        var statuses: [Int] = []
        for _ in 0..<3 {
          let client = try node.client()
          try await client.send(start)
          statuses.append(try await client.response().status)
        }
        #expect(statuses.first == 101 && statuses.contains(429), "\(statuses)")
      }
    }

    /// The client is whom the trusted proxies name, from the last entry on; from others the header is nothing.
    @Test(arguments: [
      ("X-Forwarded-For: 192.0.2.1\r\n", "X-Forwarded-For: 192.0.2.2\r\n", true, true),
      ("X-Forwarded-For: 192.0.2.1\r\n", "X-Forwarded-For: 192.0.2.1\r\n", true, false),
      ("X-Forwarded-For: 192.0.2.1\r\n", "X-Forwarded-For: 192.0.2.2, 192.0.2.1\r\n", true, false),
      ("X-Forwarded-For: 192.0.2.1\r\n", "X-Forwarded-For: 192.0.2.1, 127.9.9.9\r\n", true, false),
      ("X-Forwarded-For: 2001:db8::1\r\n", "X-Forwarded-For: [2001:db8::2]:4711\r\n", true, false),
      ("", "X-Forwarded-For: 192.0.2.1\r\n", true, true), ("", "X-Forwarded-For: unknown\r\n", true, false),
      ("X-Forwarded-For: 192.0.2.1\r\n", "X-Forwarded-For: 192.0.2.2\r\n", false, false),
    ])
    func `clients behind a trusted proxy are told apart`(first: String, second: String, isTrusted: Bool, isTakenToo: Bool) async throws {
      try await RunningNode.with({
        $0.proxy.clientRateLimit = 1
        if isTrusted { $0.proxy.trustedProxies = [try! AddressRange(text: "127.0.0.0/8")] }
      }) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try node.client()
        // Both in one write, so that no second lies between them.
        try await client.send(Self.get(first) + Self.get(second))
        #expect(try await client.response().status == 200)
        #expect(try await client.response().status == (isTakenToo ? 200 : 429))
      }
    }

    @Test func `the client of a PROXY protocol header counts`() async throws {
      try await RunningNode.with({
        $0.proxy.clientRateLimit = 1
        $0.proxy.proxyProtocol = true
      }) { node in
        _ = try await ScriptedAgent.connect(to: node, preamble: "PROXY TCP4 198.51.100.9 10.0.0.1 4711 80\r\n", ScriptedAgent.ok)
        for host in 1...3 {
          let client = try node.client()
          try await client.send("PROXY TCP4 192.0.2.\(host) 10.0.0.1 4711 80\r\n" + Self.get() + Self.get())
          #expect(try await client.response().status == 200)
          #expect(try await client.response().status == 429)
        }
      }
    }

    /// A connection whose listener is on the other loop moves there with its fifth request, which is counted once. One of the two is such.
    @Test func `a connection that moves to another loop is not charged twice`() async throws {
      try await RunningNode.with(
        threads: 2,
        {
          $0.proxy.clientRateLimit = 8
          $0.proxy.trustedProxies = [try? AddressRange(text: "127.0.0.0/8")].compactMap { $0 }
        }
      ) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        for host in 1...2 {
          let statuses = try await Self.statuses(try node.client(), 8, "X-Forwarded-For: 192.0.2.\(host)\r\n")
          #expect(statuses.allSatisfy { $0 == 200 }, "\(statuses)")
        }
      }
    }

    @Test func `a reload turns the limit on and off`() async throws {
      try await RunningNode.with(threads: 2) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try node.client()
        #expect(try await Self.statuses(client, 3) == [200, 200, 200])
        var configuration = try #require(node.node?.configuration)
        configuration.proxy.clientRateLimit = 2
        await node.server.apply(configuration)
        #expect(try await Self.statuses(client, 6).contains(429))
        configuration.proxy.clientRateLimit = 0
        await node.server.apply(configuration)
        #expect(try await Self.statuses(client, 10).allSatisfy { $0 == 200 })
      }
    }
  }
}
