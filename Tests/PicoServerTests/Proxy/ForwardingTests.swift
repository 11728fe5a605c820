import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// What an agent sees of a request.
  @Suite(.timeLimit(.minutes(1))) struct ForwardingTests {
    /// The head that reaches the agent.
    private func forwarded(_ request: String, _ change: (inout ServerConfiguration) -> Void = { _ in }) async throws -> String {
      var text = ""
      try await RunningNode.with(threads: 1, change) { node in
        let agent = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try node.client()
        try await client.send(request)
        _ = try await client.response()
        text = try await agent.streams(1).text
      }
      return text
    }

    @Test func `claims of a client that is not trusted are replaced`() async throws {
      let seen = try await forwarded(
        "GET / HTTP/1.1\r\nHost: e.example\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: x\r\nForwarded: for=1\r\nX-Real-IP: 1.2.3.4\r\nX-Pico-Agent-Id: x\r\nX-Request-Id: r.1\r\nA: b\r\n\r\n"
      )
      #expect(
        seen
          == "GET / HTTP/1.1\r\nHost: e.example\r\nX-Request-Id: r.1\r\nA: b\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: e.example\r\nCDN-Loop: pico\r\n\r\n"
      )
    }

    @Test func `claims of a trusted client are kept`() async throws {
      let seen = try await forwarded(
        "GET / HTTP/1.1\r\nHost: e.example\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: x\r\nX-Real-IP: 1.2.3.4\r\nX-Request-Id: r.1\r\n\r\n"
      ) { $0.proxy.trustedProxies = [try! AddressRange(text: "127.0.0.0/8")] }
      #expect(seen.contains("\r\nX-Forwarded-For: 1.2.3.4, 127.0.0.1\r\n"))
      #expect(seen.contains("\r\nX-Forwarded-Proto: https\r\n"))
      #expect(seen.contains("\r\nX-Forwarded-Host: x\r\n"))
      #expect(seen.contains("\r\nX-Real-IP: 1.2.3.4\r\n"))
    }

    @Test func `a request without an ID gets one, a second time CDN-Loop is added and the third is refused`() async throws {
      let seen = try await forwarded("GET / HTTP/1.1\r\nHost: e.example\r\nCDN-Loop: pico\r\n\r\n")
      let id = seen.firstRange(of: "X-Request-Id: ").map { seen[$0.upperBound...].prefix { $0 != "\r\n" && !$0.isNewline } } ?? ""
      #expect(id.count == 32)
      #expect(id.allSatisfy { $0.isHexDigit })
      #expect(seen.components(of: "CDN-Loop: pico\r\n") == 2)
    }

    @Test func `an endpoint is named by header, host or target in any case`() async throws {
      try await RunningNode.with(threads: 2) { node in
        let agent = try await ScriptedAgent.connect(to: node, endpoint: "My-Endpoint", ScriptedAgent.ok)
        let client = try node.client()
        for request in [
          "GET / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: my-endpoint\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: a\r\nX-PIKO-ENDPOINT: MY-ENDPOINT\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: MY-endpoint.example.com:8080\r\n\r\n",
          "GET http://my-endpoint.example/x HTTP/1.1\r\nHost: my-endpoint.example\r\n\r\n",
        ] {
          try await client.send(request)
          #expect(try await client.response().status == 200)
        }
        #expect(agent.seen.all.last?.text.hasPrefix("GET /x HTTP/1.1\r\n") == true)
      }
    }

    static let v2 = "\r\n\r\n\0\r\nQUIT\n"

    @Test(arguments: [
      ("PROXY TCP4 192.0.2.7 10.0.0.1 56324 80\r\n", "192.0.2.7"), ("PROXY TCP6 2001:db8::7 ::1 1 2\r\n", "2001:db8::7"),
      ("PROXY UNKNOWN\r\n", "127.0.0.1"), (v2 + "\u{20}\0\0\0", "127.0.0.1"),
      (v2 + "\u{21}\u{11}\0\u{0C}\u{0A}\u{0B}\u{0C}\u{0D}\u{01}\u{02}\u{03}\u{04}\0\u{01}\0\u{02}", "10.11.12.13"),
    ])
    func `a load balancer may say who the client is`(preamble: String, client address: String) async throws {
      for isSplit in [false, true] {
        try await RunningNode.with(threads: 1, { $0.proxy.proxyProtocol = true }) { node in
          let agent = try await ScriptedAgent.connect(to: node, preamble: "PROXY TCP4 198.51.100.9 10.0.0.1 4711 80\r\n", ScriptedAgent.ok)
          let client = try node.client()
          if isSplit {
            for byte in preamble.utf8 { try await client.socket.send([byte]) }
          } else {
            try await client.send(preamble)
          }
          try await client.send(ExchangeTests.get)
          #expect(try await client.response().status == 200)
          #expect(try await agent.streams(1).text.contains("\r\nX-Forwarded-For: \(address)\r\n"))
          #expect(try await node.admin("/status/v1").contains("\"198.51.100.9:4711\""))
        }
      }
    }

    @Test func `a port for listeners alone expects no header of a load balancer`() async throws {
      try await RunningNode.with({
        $0.proxy.proxyProtocol = true
        $0.upstream.listen = HostPort(host: "127.0.0.1", port: 0)
      }) { node in
        let agent = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try node.client()
        try await client.send("PROXY TCP4 192.0.2.7 10.0.0.1 56324 80\r\n" + ExchangeTests.get)
        #expect(try await client.response().status == 200)
        #expect(try await agent.streams(1).text.contains("\r\nX-Forwarded-For: 192.0.2.7\r\n"))
      }
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nHost: e.example\r\n\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n", "\r\n\r\nGET"])
    func `a connection without the header of a load balancer is closed`(bytes: String) async throws {
      try await RunningNode.with({ $0.proxy.proxyProtocol = true }) { node in
        let client = try node.client()
        try await client.send(bytes)
        #expect(try await client.rest(within: 5) == "")
        try await eventually("no connection") { node.openConnections == 0 }
      }
    }
  }
}
