import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// How many listeners may come, and how fast.
  @Suite(.timeLimit(.minutes(1))) struct RegistrationLimitTests {
    private static func refusal(_ seconds: Int) -> WebSocketAnswer.Refusal {
      WebSocketAnswer.Refusal(status: 429, message: "too many requests", retryAfterSeconds: seconds)
    }

    @Test(arguments: [("upstream.registration-rate", 4), ("upstream.registration-rate-per-address", 2)])
    func `registrations over the rate are 429, and come in a second later`(key: String, burst: Int) async throws {
      try await RunningNode.with({
        if key.hasSuffix("address") { $0.upstream.registrationRatePerAddress = 2 } else { $0.upstream.registrationRate = 2 }
      }) { node in
        let start = ContinuousClock.now
        var taken = 0
        await #expect(throws: Self.refusal(1)) {
          for _ in 0..<40 {
            _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
            taken += 1
          }
        }
        let seconds = Double((ContinuousClock.now - start) / .seconds(1))
        #expect(taken >= burst && Double(taken) <= Double(burst) + 2 * seconds + 1, "\(taken) in \(seconds) s")
        #expect(node.server.listenerCount == taken)
        try await eventually("the line of the access log") { node.accessLog.all.contains { $0.contains("\"limit\":\"\(key)\"") } }
        #expect(try await node.metric("pico_limit_refusals_total{limit=\"\(key)\"}") == 1)
        try await eventually("one more") { (try? await ScriptedAgent.connect(to: node, ScriptedAgent.ok)) != nil }
      }
    }

    @Test func `what is refused for another reason takes nothing of the rate`() async throws {
      let keys = try MadeKeys()
      try await RunningNode.with({
        $0.upstream.registrationRate = 1
        $0.upstream.auth.hmacSecretFiles = [keys.secretFile]
      }) { node in
        for _ in 0..<10 {
          await #expect(throws: WebSocketAnswer.Refusal.self) { try await ScriptedAgent.connect(to: node, token: "x", ScriptedAgent.ok) }
        }
        for _ in 0..<2 { _ = try await ScriptedAgent.connect(to: node, token: try await MadeKeys.token(), ScriptedAgent.ok) }
      }
    }

    @Test func `each identity has so many listeners, and a token without one counts by itself`() async throws {
      let keys = try MadeKeys()
      try await RunningNode.with(
        threads: 2,
        {
          $0.upstream.maxListenersPerToken = 2
          $0.upstream.auth.hmacSecretFiles = [keys.secretFile]
        }
      ) { node in
        func connect(_ token: String, _ endpoint: String) async throws -> ScriptedAgent {
          try await ScriptedAgent.connect(to: node, endpoint: endpoint, token: token, ScriptedAgent.ok)
        }
        func token(_ subject: String, _ more: String = "") async throws -> String {
          try await MadeKeys.token("\"sub\":\"\(subject)\"\(more)")
        }
        let first = try await connect(try await token("a"), "e")
        // Another token of the same one, for another endpoint.
        _ = try await connect(try await token("a", ",\"n\":1"), "f")
        await #expect(throws: Self.refusal(5)) { try await connect(try await token("a", ",\"n\":2"), "g") }
        _ = try await connect(try await token("b"), "e")
        let (nameless, other) = (try await MadeKeys.token("\"n\":1"), try await MadeKeys.token("\"n\":2"))
        for _ in 0..<2 { _ = try await connect(nameless, "e") }
        await #expect(throws: Self.refusal(5)) { try await connect(nameless, "e") }
        _ = try await connect(other, "e")
        try await eventually("the line of the access log") {
          node.accessLog.all.contains { $0.contains("\"limit\":\"upstream.max-listeners-per-token\"") }
        }
        try await first.vanish()
        try await eventually("a place") { (try? await connect(try await token("a"), "g")) != nil }
      }
    }

    /// Make before break: a listener that was asked to move keeps no place.
    @Test func `a listener that is to move makes room for the one that takes its place`() async throws {
      let keys = try MadeKeys()
      try await RunningNode.with({
        $0.upstream.maxListenersPerToken = 1
        $0.upstream.auth.hmacSecretFiles = [keys.secretFile]
      }) { node in
        let token = try await MadeKeys.token("\"sub\":\"a\"")
        let ending = try await MadeKeys.token("\"sub\":\"a\"", expiresIn: 6)
        let old = try await ScriptedAgent.connect(to: node, token: ending, ScriptedAgent.ok)
        await #expect(throws: Self.refusal(5)) { try await ScriptedAgent.connect(to: node, token: token, ScriptedAgent.ok) }
        try await old.sayHello(to: node)
        try await eventually("it is asked to move") { try await old.messages().contains(.drain(reconnectAfterMilliseconds: 0)) }
        let new = try await ScriptedAgent.connect(to: node, token: token, ScriptedAgent.ok)
        await #expect(throws: Self.refusal(5)) { try await ScriptedAgent.connect(to: node, token: token, ScriptedAgent.ok) }
        #expect(try await new.isOpen())
      }
    }

    @Test func `a registration that fails later keeps no place`() async throws {
      let keys = try MadeKeys()
      try await RunningNode.with({
        $0.upstream.maxListenersPerToken = 1
        $0.upstream.maxListenersPerEndpoint = 1
        $0.upstream.auth.hmacSecretFiles = [keys.secretFile]
      }) { node in
        _ = try await ScriptedAgent.connect(to: node, token: try await MadeKeys.token("\"sub\":\"a\""), ScriptedAgent.ok)
        let token = try await MadeKeys.token("\"sub\":\"b\"")
        await #expect(throws: Self.refusal(5)) { try await ScriptedAgent.connect(to: node, token: token, ScriptedAgent.ok) }
        #expect(node.node?.limits.holds.count == 1)
        _ = try await ScriptedAgent.connect(to: node, endpoint: "f", token: token, ScriptedAgent.ok)
      }
    }
  }
}
