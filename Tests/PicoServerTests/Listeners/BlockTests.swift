import Logging
import PicoAgent
import PicoCore
import PicoStatus
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// Who is kept away by a block, and for how long.
  @Suite(.timeLimit(.minutes(2))) struct BlockTests {
    private func refusal(_ node: RunningNode, endpoint: String = "e", agentID: String? = "a-1") async throws -> WebSocketAnswer.Refusal? {
      do throws(WebSocketAnswer.Refusal) {
        _ = try await connect(node, endpoint: endpoint, agentID: agentID)
        return nil
      } catch {
        return error
      }
    }

    private func connect(_ node: RunningNode, endpoint: String, agentID: String?) async throws(WebSocketAnswer.Refusal) -> ScriptedAgent {
      do {
        return try await ScriptedAgent.connect(to: node, endpoint: endpoint, agentID: agentID, ScriptedAgent.ok)
      } catch let refusal as WebSocketAnswer.Refusal {
        throw refusal
      } catch {
        throw WebSocketAnswer.Refusal(status: 0, message: "\(error)")
      }
    }

    @Test func `a blocked agent is refused before the upgrade, and told how long`() async throws {
      try await RunningNode.with { node in
        let agent = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        try await agent.sayHello(to: node)
        let result = try await node.disconnect([node.listener()], mode: .now, block: 600, reason: "too loud")
        let block = try #require(result.block)
        #expect(result.matched == 1)
        try await agent.ends()
        #expect(try await agent.messages() == [.blocked(seconds: 600, reason: "too loud")])
        let refused = try #require(try await refusal(node))
        #expect(refused.status == 403 && refused.message == "blocked")
        #expect((590...600).contains(refused.retryAfterSeconds ?? 0))
        #expect(try await refusal(node, endpoint: "f") == nil)
        #expect(try await refusal(node, agentID: "a-2") == nil)
        let client = try node.client()
        try await client.send(
          "GET /pico/v1/listener/e HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nx-pico-agent-id: a-1\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
        #expect(try await client.response().field("x-pico-error") == "blocked")
        #expect(try await node.perform(.unblock(id: "u", block: block)) == ActionResult(id: "u", block: block, ok: true))
        #expect(try await refusal(node) == nil)
        #expect(try await node.perform(.unblock(id: "v", block: block)).error == "not-found")
      }
    }

    @Test func `a block ends with its time`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        _ = try await node.disconnect([node.listener()], mode: .now, block: 1)
        #expect(try await refusal(node)?.retryAfterSeconds == 1)
        try await eventually("it passes") { try await self.refusal(node) == nil }
        #expect(try await node.admin("/status/v1/blocks").hasSuffix("{\"blocks\":[]}\n"))
      }
    }

    /// How many of the listeners below the block ends with the first.
    @Test(
      arguments: [(.agent, 2, ["a-1 at e"]), (.endpoint, 4, ["everybody at e"])] as [(BlockScope, Int, [String])],
      [Disconnect.Mode.drain, .now])
    func `a block ends every listener that it covers`(scope: (BlockScope, Int, [String]), mode: Disconnect.Mode) async throws {
      try await RunningNode.with(threads: 2) { node in
        var agents: [ScriptedAgent] = []
        for (endpoint, agent, isPico) in [
          ("e", "a-1", true), ("e", "a-1", false), ("e", "a-2", true), ("e", nil, false), ("f", "a-1", true), ("f", nil, true),
        ] as [(String, String?, Bool)] {
          agents.append(
            try await ScriptedAgent.connect(to: node, endpoint: endpoint, isPico: isPico, agentID: agent, ScriptedAgent.ok))
        }
        let id = node.listeners()[0]
        let dry = try await node.disconnect([id], mode: mode, block: 60, scope: scope.0, dryRun: true)
        #expect(dry.matched == scope.1 && dry.block == nil && dry.results.first?.remaining == 4 - scope.1)
        #expect(node.server.listenerCount == 6)
        let result = try await node.disconnect([id], mode: mode, block: 60, scope: scope.0)
        #expect(result.matched == scope.1 && result.results == dry.results)
        for index in 0..<scope.1 { try await agents[index].ends() }
        #expect(node.server.listenerCount == 6 - scope.1)
        #expect(node.node?.blocks.all(now: 0).map(\.row.match) == scope.2)
      }
    }

    @Test func `without an ID it is the address that is blocked`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, isPico: false, agentID: nil, ScriptedAgent.ok)
        _ = try await node.disconnect([node.listener()], mode: .now, block: 60)
        #expect(try await refusal(node, agentID: nil)?.status == 403)
        #expect(try await refusal(node, agentID: "a-1") == nil)
        #expect(try await refusal(node, endpoint: "f", agentID: nil) == nil)
      }
    }

    @Test func `an agent that tells its ID only later is ended then`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        _ = try await node.disconnect([node.listener()], mode: .now, block: 60, reason: "why")
        let agent = try await ScriptedAgent.connect(to: node, agentID: nil, ScriptedAgent.ok)
        try await agent.send(.hello(.init(agentID: "a-1", version: "1")))
        try await agent.ends()
        #expect(try await agent.messages() == [.blocked(seconds: 60, reason: "why")])
        #expect(node.server.listenerCount == 0)
      }
    }

    @Test(arguments: [(.listener, "bad-scope"), (.identity, "no-identity")] as [(BlockScope, String)])
    func `a block that could refuse nobody is refused, and nothing is done`(scope: BlockScope, error: String) async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let id = try node.listener()
        let result = try await node.disconnect([id], block: 60, scope: scope)
        #expect(result.results == [ListenerResult(listener: id, ok: false, error: error, remaining: 1)] && result.block == nil)
        #expect(node.server.listenerCount == 1)
        #expect(try await node.disconnect([id], mode: .now, scope: scope).results.first?.ok == true)
      }
    }

    @Test func `a block that would leave too few is refused whole`() async throws {
      try await RunningNode.with { node in
        for agent in ["a-1", "a-1", "a-2"] { _ = try await ScriptedAgent.connect(to: node, agentID: agent, ScriptedAgent.ok) }
        let id = node.listeners()[0]
        let result = try await node.disconnect([id], block: 60, minimum: 2)
        #expect(result.results == [ListenerResult(listener: id, ok: false, error: "would-remove-last", remaining: 3)])
        #expect(result.block == nil && node.server.listenerCount == 3)
        #expect(try await refusal(node) == nil)
        #expect(try await node.disconnect([id], mode: .now, minimum: 2).results.first?.remaining == 3)
      }
    }

    @Test func `whoever registers while blocks are set is refused or ended`() async throws {
      try await RunningNode.with(threads: 2) { node in
        _ = try await ScriptedAgent.connect(to: node, agentID: "other", ScriptedAgent.ok)
        let id = try node.listener()
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<8 {
            group.addTask { for _ in 0..<10 { _ = try? await ScriptedAgent.connect(to: node, ScriptedAgent.ok) } }
          }
          try await eventually("some") { node.server.listenerCount > 5 }
          _ = try await node.disconnect([id], mode: .now, block: 60, scope: .endpoint)
          try await group.waitForAll()
        }
        try await eventually("nobody is left") { node.server.listenerCount == 0 }
      }
    }

    /// The agent of this project, in front of nothing.
    private func withAgent(_ node: RunningNode, _ body: (Agent) async throws -> Void) async throws {
      var configuration = AgentConfiguration()
      configuration.server.url = BaseURL(isTLS: false, address: HostPort(host: "127.0.0.1", port: node.upstreamPort))
      configuration.listeners = [
        ListenerConfiguration(endpoint: try #require(EndpointID("e")), upstream: .http(HostPort(host: "127.0.0.1", port: 1)))
      ]
      let agent = Agent(configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      try await agent.start()
      do {
        try await eventually("it connects") { agent.isConnected && node.server.listenerCount == 1 }
        try await body(agent)
      } catch {
        await agent.shutdown(graceful: false)
        throw error
      }
      await agent.shutdown(graceful: false)
    }

    @Test(arguments: [Disconnect.Mode.drain, .now])
    func `an agent is away while the block holds, and comes back when it ends`(mode: Disconnect.Mode) async throws {
      try await RunningNode.with { node in
        try await withAgent(node) { agent in
          let id = try node.listener()
          _ = try await node.disconnect([id], mode: mode, block: 2)
          try await eventually("gone") { !agent.isConnected && node.server.listenerCount == 0 }
          try await eventually("back", within: 20) { agent.isConnected && node.server.listenerCount == 1 }
          #expect(try await node.admin("/status/v1/blocks").hasSuffix("{\"blocks\":[]}\n"))
          #expect(try node.listener() != id)
        }
      }
    }

    @Test func `an agent comes back soon after a long block was lifted`() async throws {
      try await RunningNode.with { node in
        try await withAgent(node) { agent in
          let block = try #require(try await node.disconnect([node.listener()], mode: .now, block: 86_400).block)
          try await eventually("gone") { !agent.isConnected }
          _ = try await node.perform(.unblock(id: "u", block: block))
          try await eventually("back within the slow end", within: 40) { agent.isConnected }
        }
      }
    }

    @Test(arguments: [Disconnect.Mode.drain, .now])
    func `without a block an agent comes back at once`(mode: Disconnect.Mode) async throws {
      try await RunningNode.with { node in
        try await withAgent(node) { agent in
          let id = try node.listener()
          _ = try await node.disconnect([id], mode: mode)
          try await eventually("another listener") { agent.isConnected && node.listeners().first.map { $0 != id } ?? false }
        }
      }
    }
  }
}
