import NIOCore
import PicoCore
import PicoStatus
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// The end of a plain yamux session is a reset, as its agent comes back only after one. It must not take away what is on its way.
  @Suite(.timeLimit(.minutes(1))) struct PlainLeavingTests {
    /// Hands the session to the body on its loop; nil when it has ended.
    private func onSession<Value: Sendable>(
      of listener: Listener, _ body: @escaping @Sendable (ListenerSession) -> Value
    ) async throws -> Value? {
      // `session` belongs to the loop that the body runs on.
      try await listener.loop.eventLoop.submit { unsafe listener.session.map(body) }.get()
    }

    /// A request whose agent reads no further than its head and answers all the same: what was sent of the body stays in the socket.
    private func leaveUnread(_ node: RunningNode) async throws -> (agent: ScriptedAgent, listener: Listener) {
      let agent = try await ScriptedAgent.connect(to: node, isPico: false) { _, _ in }
      let client = try node.client()
      try await client.send("POST / HTTP/1.1\r\nHost: e.example\r\nContent-Length: 1000000\r\n\r\n")
      try await agent.streams(1) { $0.text.contains("\r\n\r\n") }
      try await setReading(agent, false)
      let listener = try #require(node.node?.registry.all.first)
      try await client.send(String(repeating: "x", count: 240 << 10))
      try await eventually("bytes that the agent does not read") { try await onSession(of: listener, \.isOwing) == true }
      try await agent.act(0) { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", end: true) }
      #expect(try await client.response().status == 200)
      client.socket.reset()
      try await eventually("no stream") { try await onSession(of: listener) { $0.tunnel?.streamCount } == 0 }
      return (agent, listener)
    }

    private func setReading(_ agent: ScriptedAgent, _ isOn: Bool) async throws {
      try await agent.onLoop { try? $0.tunnel?.channel?.syncOptions?.setOption(.autoRead, value: isOn) }
    }

    /// How the session ended for its agent: a reset is an error of the socket, anything else tells it that its work is done.
    private func isReset(_ agent: ScriptedAgent) async throws -> Bool {
      try await agent.ends()
      guard case .failed(let reason)? = try await agent.onLoop(\.closeReason) else { return false }
      return reason.contains("reset by peer")
    }

    @Test(arguments: [Disconnect.Mode.now, .drain]) func `a listener that is disconnected is reset`(mode: Disconnect.Mode) async throws {
      try await RunningNode.with { node in
        let agent = try await ScriptedAgent.connect(to: node, isPico: false, ScriptedAgent.ok)
        _ = try await node.disconnect([node.listener()], mode: mode)
        #expect(try await isReset(agent))
      }
    }

    @Test(arguments: [true, false]) func `a node that ends resets its listeners`(graceful: Bool) async throws {
      try await RunningNode.with { node in
        let agent = try await ScriptedAgent.connect(to: node, isPico: false, ScriptedAgent.ok)
        let shutdown = Task { await node.server.shutdown(graceful: graceful) }
        #expect(try await isReset(agent))
        await shutdown.value
      }
    }

    @Test func `an agent that was silent for too long finds a reset when it wakes`() async throws {
      try await RunningNode.with { node in
        let agent = try await ScriptedAgent.connect(to: node, isPico: false, ScriptedAgent.ok)
        let listener = try #require(node.node?.registry.all.first)
        _ = try await onSession(of: listener) { session in
          session.tunnel?.sweep(now: NIODeadline.now().uptimeNanoseconds + 3600 * 1_000_000_000)
        }
        #expect(try await isReset(agent))
      }
    }

    @Test func `a drain waits until the peer has taken everything`() async throws {
      try await RunningNode.with { node in
        let (agent, listener) = try await leaveUnread(node)
        _ = try await node.disconnect([listener.id.description])
        // As many sweeps as would end a session that owes nothing.
        let isThere = try await onSession(of: listener) { session in
          for _ in 0..<10 { session.sweep(now: NIODeadline.now().uptimeNanoseconds) }
          return session.tunnel != nil
        }
        #expect(isThere == true)
        try await setReading(agent, true)
        try await agent.ends()
      }
    }

    @Test func `a node that leaves waits until the peer has taken everything`() async throws {
      try await RunningNode.with { node in
        let (agent, _) = try await leaveUnread(node)
        let shutdown = Task { await node.server.shutdown(graceful: true) }
        // The node accepts until no connection came for a second, and to ask is to connect.
        try await eventually("nobody accepts", every: 1500) { !accepts(node.port) }
        #expect(try await agent.isOpen())
        try await setReading(agent, true)
        try await agent.ends()
        await shutdown.value
      }
    }
  }
}
