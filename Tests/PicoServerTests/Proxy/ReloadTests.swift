import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// A configuration that is read again changes times and limits of a node that runs.
  @Suite(.timeLimit(.minutes(1))) struct ReloadTests {
    private static let post = "POST / HTTP/1.1\r\nHost: e.example\r\nContent-Length: 9\r\n\r\nsome body"

    @Test(arguments: [1, 2]) func `a limit holds for the next request, also on a connection that is open`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let open = try node.client()
        try await open.send(Self.post)
        #expect(try await open.response().status == 200)

        var configuration = try #require(node.node?.configuration)
        configuration.proxy.maxBody = ByteSize(bytes: 4)
        await node.server.apply(configuration)
        for client in [open, try node.client()] {
          try await client.send(Self.post)
          #expect(try await client.response().status == 413)
        }
        configuration.proxy.maxBody = ByteSize(bytes: 0)
        await node.server.apply(configuration)
        let client = try node.client()
        try await client.send(Self.post)
        #expect(try await client.response().status == 200)
      }
    }

    @Test func `fewer listeners and connections are let in`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        var configuration = try #require(node.node?.configuration)
        configuration.upstream.maxListeners = 1
        await node.server.apply(configuration)
        await #expect(throws: WebSocketAnswer.Refusal.self) { try await ScriptedAgent.connect(to: node, ScriptedAgent.ok) }
        #expect(node.server.listenerCount == 1)

        let client = try node.client()
        #expect(try await node.ready(on: client) == 200)
        configuration.proxy.maxConnections = 1
        await node.server.apply(configuration)
        let refused = try LoopbackSocket(port: node.port)
        #expect(try await refused.receiveAll().isEmpty)
        #expect(try await node.ready(on: client) == 200)
      }
    }
  }
}
