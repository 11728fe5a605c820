import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// How long a listener may stay in the name of its token.
  @Suite(.timeLimit(.minutes(2))) struct ListenerExpiryTests {
    @Test(arguments: [true, false])
    func `a listener closes when its token ends, and is asked to move before`(isPico: Bool) async throws {
      let keys = try MadeKeys()
      try await RunningNode.with({ $0.upstream.auth.hmacSecretFiles = [keys.secretFile] }) { node in
        let began = ContinuousClock.now
        let agent = try await ScriptedAgent.connect(
          to: node, isPico: isPico, token: try await MadeKeys.token(expiresIn: 4), ScriptedAgent.ok)
        if isPico { try await agent.sayHello(to: node) }
        let lasting = try await ScriptedAgent.connect(to: node, endpoint: "f", token: try await MadeKeys.token(), ScriptedAgent.ok)
        if isPico {
          try await eventually("it is asked to move") { try await agent.messages().contains(.drain(reconnectAfterMilliseconds: 0)) }
          #expect(try await agent.isOpen() && node.server.listenerCount == 2)
        }
        try await agent.ends(within: 20)
        #expect(ContinuousClock.now - began > .seconds(3))
        #expect(try await lasting.isOpen())
        try await eventually("it is out of the routes") { node.server.listenerCount == 1 }
        #expect(try await lasting.messages().isEmpty)
      }
    }

    @Test func `a token that was taken late is good to the end of the leniency`() async throws {
      let keys = try MadeKeys()
      try await RunningNode.with({
        $0.upstream.auth.hmacSecretFiles = [keys.secretFile]
        $0.upstream.auth.clockSkew = .seconds(4)
      }) { node in
        let agent = try await ScriptedAgent.connect(to: node, token: try await MadeKeys.token(expiresIn: -1), ScriptedAgent.ok)
        #expect(try await agent.isOpen())
        try await agent.ends(within: 20)
      }
    }

    @Test func `when a key is gone, so are its listeners`() async throws {
      let keys = try MadeKeys()
      let second = try keys.directory.write("second", MadeKeys.otherSecret)
      try await RunningNode.with({ $0.upstream.auth.hmacSecretFiles = TextList([keys.secretFile, second]) }) { node in
        let first = try await ScriptedAgent.connect(to: node, token: try await MadeKeys.token(), ScriptedAgent.ok)
        let other = try await ScriptedAgent.connect(
          to: node, endpoint: "f", token: try await MadeKeys.token(secret: MadeKeys.otherSecret), ScriptedAgent.ok)
        // A file that cannot be used changes nothing.
        try keys.directory.write("secret", "short")
        await node.server.readKeysAgain()
        #expect(try await first.isOpen())
        let renewed = String(repeating: "renewed-", count: 8)
        try keys.directory.write("secret", renewed)
        await node.server.readKeysAgain()
        try await first.ends()
        #expect(try await other.isOpen())
        await #expect(throws: WebSocketAnswer.Refusal.self) {
          try await ScriptedAgent.connect(to: node, token: try await MadeKeys.token(), ScriptedAgent.ok)
        }
        _ = try await ScriptedAgent.connect(to: node, token: try await MadeKeys.token(secret: renewed), ScriptedAgent.ok)
      }
    }

    @Test func `a file that changes is read without being told`() async throws {
      let keys = try MadeKeys()
      try await RunningNode.with({ $0.proxy.auth.hmacSecretFiles = [keys.secretFile] }) { node in
        let client = try node.client()
        func status(_ secret: String) async throws -> Int {
          let token = try await MadeKeys.token(secret: secret)
          try await client.send("GET / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\nAuthorization: Bearer \(token)\r\n\r\n")
          return try await client.response().status
        }
        #expect(try await status(MadeKeys.secret) == 502)
        try keys.directory.write("secret", MadeKeys.otherSecret)
        try await eventually("the new key counts", within: 20) { try await status(MadeKeys.otherSecret) == 502 }
        #expect(try await status(MadeKeys.secret) == 401)
      }
    }

    @Test func `a status WebSocket ends with its token`() async throws {
      let keys = try MadeKeys()
      try await RunningNode.with({ $0.admin.auth.hmacSecretFiles = [keys.secretFile] }) { node in
        let token = try await MadeKeys.token("\"pico\":{\"role\":\"viewer\"}", expiresIn: 2)
        let (client, _) = try await WatchClient.open(node, fields: "Authorization: Bearer \(token)\r\n")
        #expect(try await client.frame(within: 20) == .close(1008))
      }
    }

    @Test(
      arguments: [
        (0.5, nil, 0.5), (10, 5, 10), (40, 20, 40), (90, 60, 90), (3600, 3570, 3600), (-5, nil, 0), (1e12, 31_535_970, 31_536_000),
      ] as [(Double, Double?, Double)])
    func `an agent is asked half a minute before the end`(left: Double, move: Double?, end: Double) throws {
      let claims = VerifiedClaimsOfTests.any
      let authorization = ListenerAuthorization(claims, secondsLeft: left, now: 1000)
      #expect(authorization.move.map { Double($0 - 1000) / 1e9 } == move)
      #expect(authorization.end.map { Double($0 - 1000) / 1e9 } == end)
      let lasting = ListenerAuthorization(claims, secondsLeft: nil, now: 1000)
      #expect(lasting.move == nil && lasting.end == nil)
    }
  }
}
