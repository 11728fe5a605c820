import Crypto
import PicoAuth
import PicoStatus
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// Requests whose token names a key that the node has not seen.
  @Suite(.timeLimit(.minutes(1))) struct KeySetTests {
    private let key = P256.Signing.PrivateKey()

    private func set(_ id: String) -> String {
      let numbers = key.publicKey.rawRepresentation
      return "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"\(id)\",\"x\":\"\(Base64URL.encode(numbers.prefix(32)))\","
        + "\"y\":\"\(Base64URL.encode(numbers.suffix(32)))\"}]}"
    }

    private func token(_ id: String, _ claims: String = "") throws -> String {
      let signed =
        Base64URL.encode(Array("{\"alg\":\"ES256\",\"kid\":\"\(id)\"}".utf8)) + "."
        + Base64URL.encode(Array("{\"exp\":\(WallClock.seconds() + 600)\(claims)}".utf8))
      return signed + "." + Base64URL.encode(try key.signature(for: Array(signed.utf8)).rawRepresentation)
    }

    private func withNode(
      threads: Int = 1, _ body: (RunningNode, HeldKeySet) async throws -> Void
    ) async throws {
      let keys = try await HeldKeySet(set("k"))
      let place = try KeySetLocation(configurationText: "http://127.0.0.1:\(keys.port)/keys")
      try await RunningNode.with(threads: threads) {
        $0.proxy.auth.jwks = place
        $0.upstream.auth.jwks = place
        $0.admin.auth.jwks = place
      } _: {
        try await body($0, keys)
      }
    }

    private func inFlight(_ node: RunningNode) async throws -> Double? { try await node.metric("pico_proxy_requests_in_flight") }

    private func get(_ token: String, _ path: String = "/") -> String {
      "GET \(path) HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\nAuthorization: Bearer \(token)\r\n\r\n"
    }

    @Test(arguments: [1, 2])
    func `requests wait for the keys, in their order, and one fetch serves all`(threads: Int) async throws {
      try await withNode(threads: threads) { node, keys in
        try await eventually("each port asks once, at the start") { keys.requests == 3 }
        let (good, unknown) = (try token("k"), try token("other"))
        var clients: [RawClient] = []
        for _ in 0..<8 {
          let client = try node.client()
          // Three requests in one write, the second with a body, the last without a token.
          let post = get(unknown).replacing("GET", with: "POST").replacing("\r\n\r\n", with: "\r\nContent-Length: 4\r\n\r\nbody")
          try await client.send(get(good) + post + "GET / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\n\r\n")
          clients.append(client)
        }
        let gone = try node.client()
        try await gone.send(get(good))
        try await eventually("they wait") { try await inFlight(node) == 9 }
        gone.socket.finish()
        let admin = try RawClient(port: node.adminPort)
        let viewer = try token("k", ",\"pico\":{\"role\":\"viewer\"}")
        try await admin.send(get(viewer, "/status/v1").replacing("Host: a", with: "Host: localhost"))
        keys.release()
        for client in clients {
          #expect(try await client.response().status == 502)
          #expect(try await client.response().body == "{\"error\":\"invalid token\"}\n")
          #expect(try await client.response().body == "{\"error\":\"missing token\"}\n")
        }
        #expect(try await admin.response().status == 200)
        _ = try await ScriptedAgent.connect(to: node, token: good, ScriptedAgent.ok)
        try await eventually("nothing waits") { try await inFlight(node) == 0 }
        #expect(keys.requests == 3)
      }
    }

    @Test func `keys that come while a token is looked at count for it`() async throws {
      try await withNode { node, keys in
        let authenticator = try #require(node.node?.authenticators.proxy)
        let before = authenticator.generation
        keys.release()
        try await eventually("the keys") { authenticator.generation != before }
        let good = Array(try token("k").utf8)
        #expect(authenticator.sources.allSatisfy { !$0.ring.mayRefresh })
        #expect(authenticator.mayHelp(.invalid(.unknownKey), of: good, since: before))
        #expect(!authenticator.mayHelp(.invalid(.unknownKey), of: good, since: authenticator.generation))
      }
    }

    @Test func `a registration and a watcher wait too`() async throws {
      try await withNode { node, keys in
        try await eventually("each port asks once, at the start") { keys.requests == 3 }
        let good = try token("k", ",\"pico\":{\"role\":\"operator\"}")
        async let agent = ScriptedAgent.connect(to: node, token: good, ScriptedAgent.ok)
        async let watcher = WatchClient.open(node, fields: "Authorization: Bearer \(good)\r\n")
        try await eventually("the registration waits") { try await inFlight(node) == 1 }
        keys.release()
        #expect(try await agent.isOpen())
        #expect(try await watcher.hello.role == .operator)
        #expect(keys.requests == 3)
      }
    }

    @Test func `a node that ends at once lets those go that wait`() async throws {
      try await withNode { node, keys in
        let client = try node.client()
        try await client.send(get(try token("k")))
        try await eventually("it waits") { try await inFlight(node) == 1 }
        await node.server.shutdown(graceful: false)
        #expect(try await client.rest().isEmpty)
        keys.release()
      }
    }
  }
}
