import NIOCore
import PicoCluster
import PicoCore
import PicoStatus
import PicoTunnel
import Support
import Synchronization
import Testing

@testable import PicoServer

extension NodeTests {
  /// What operators do at one node to listeners of others.
  @Suite(.timeLimit(.minutes(3))) struct ClusterActionTests {
    private func connect(_ node: RunningNode, _ endpoint: String = "e", agent: String = "a-1") async throws -> ScriptedAgent {
      try await ScriptedAgent.connect(to: node, endpoint: endpoint, agentID: agent, ScriptedAgent.ok)
    }

    private func refusal(_ node: RunningNode, _ agent: String = "a-1") async throws -> Int {
      do {
        try await connect(node, agent: agent).vanish()
        return 101
      } catch let refusal as WebSocketAnswer.Refusal {
        return refusal.status
      }
    }

    private func blocks(_ node: RunningNode) async throws -> [String] {
      let answer = try await node.admin("/status/v1/blocks")
      return answer.matches(of: /"id":"(b-[0-9a-f]{16})"/).map { String($0.output.1) }
    }

    private static var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    // MARK: Disconnecting

    @Test(arguments: [1, 2], [Disconnect.Mode.drain, .now])
    func `any node ends listeners of all, and both nodes log who, what and why`(threads: Int, mode: Disconnect.Mode) async throws {
      try await TestCluster.with(3, threads: threads) { cluster in
        var agents: [ScriptedAgent] = []
        for node in cluster.nodes { agents.append(try await connect(node)) }
        let ids = try cluster.nodes.map { try $0.listener() }
        let result = try await cluster.nodes[0].disconnect([ids[2], ids[0], "l-0000000000000000"], mode: mode, reason: "too loud")
        #expect(
          result.results == [
            ListenerResult(listener: ids[2], ok: true, remaining: 2), ListenerResult(listener: ids[0], ok: true, remaining: 1),
            ListenerResult(listener: "l-0000000000000000", ok: false, error: "not-found"),
          ])
        #expect(result.matched == 2 && result.unreachable.isEmpty)
        try await agents[0].ends()
        try await agents[2].ends()
        #expect(try await agents[1].isOpen())
        #expect(cluster.nodes[1].listeners() == [ids[1]])
        let asked = try #require(cluster.nodes[0].server.nodeID?.text)
        #expect(
          cluster.logs[0].all.contains { $0.hasPrefix("operator action ") && $0.contains("by=tester") && $0.contains("reason=too loud") })
        #expect(
          cluster.logs[2].all.contains {
            $0.hasPrefix("operator action of another node ") && $0.contains("asked=\(asked)") && $0.contains("by=tester")
              && $0.contains("listeners=\(ids[2])") && $0.contains("reason=too loud")
          })
        #expect(!cluster.logs[1].all.contains { $0.hasPrefix("operator action") })
        #expect(cluster.nodes.map(\.events.count) == [1, 0, 0])
      }
    }

    @Test func `what must remain is counted over all nodes, and so does a dry run`() async throws {
      try await TestCluster.with(3) { cluster in
        for node in cluster.nodes { _ = try await connect(node) }
        _ = try await connect(cluster.nodes[2])
        let ids = cluster.nodes.flatMap { $0.listeners() }
        let expected = [(true, 3), (true, 2), (false, 2), (false, 2)]
        for isDry in [true, false] {
          let result = try await cluster.nodes[1].disconnect(ids, mode: .now, minimum: 2, dryRun: isDry)
          #expect(result.results.map { $0.ok } == expected.map(\.0) && result.results.map { $0.remaining } == expected.map(\.1))
          #expect(result.matched == 2 && result.results[3].error == "would-remove-last")
          #expect(cluster.nodes.flatMap { $0.listeners() }.count == (isDry ? 4 : 2))
        }
      }
    }

    @Test func `many tasks at all nodes never leave fewer than asked for`() async throws {
      try await TestCluster.with(3) { cluster in
        for _ in 0..<4 { for node in cluster.nodes { _ = try await connect(node) } }
        let ids = cluster.nodes.flatMap { $0.listeners() }
        let done = try await withThrowingTaskGroup(of: Int.self) { group in
          for (index, id) in ids.enumerated() {
            group.addTask { try await cluster.nodes[index % 3].disconnect([id], mode: .now, minimum: 5).results.count { $0.ok } }
          }
          return try await group.reduce(0, +)
        }
        #expect(done == 7 && cluster.nodes.flatMap { $0.listeners() }.count == 5)
      }
    }

    @Test func `the same ID at another node has the same result and does nothing more`() async throws {
      try await TestCluster.with(2) { cluster in
        _ = try await connect(cluster.nodes[1])
        let id = try cluster.nodes[1].listener()
        let first = try await cluster.nodes[0].disconnect([id], id: "c1", mode: .now, block: 60)
        #expect(first.results.first?.ok == true)
        let block = try #require(first.block)
        #expect(try await cluster.nodes[1].perform(.unblock(id: "u1", block: block)).ok == true)
        #expect(try await cluster.nodes[0].perform(.unblock(id: "u1", block: block)).ok == true)
        _ = try await connect(cluster.nodes[1])
        #expect(try await cluster.nodes[1].disconnect([id], id: "c1", mode: .now, block: 60) == first)
        #expect(cluster.nodes[1].server.listenerCount == 1)
        #expect(cluster.nodes.map(\.events.count) == [1, 1])
      }
    }

    @Test func `a node that does not answer is named, and what may be there is not called missing`() async throws {
      try await TestCluster.with(3) { cluster in
        for node in cluster.nodes { _ = try await connect(node) }
        let ids = try cluster.nodes.map { try $0.listener() }
        let silent = try #require(cluster.nodes[2].server.nodeID?.text)
        cluster.hang(2, for: 6)
        let began = ContinuousClock.now
        let result = try await cluster.nodes[0].disconnect([ids[1], ids[2]], mode: .now)
        #expect(ContinuousClock.now - began < .seconds(4.5))
        #expect(result.unreachable == [silent])
        #expect(
          result.results == [
            ListenerResult(listener: ids[1], ok: true, remaining: 1), ListenerResult(listener: ids[2], ok: false, error: "unreachable"),
          ])
        #expect(cluster.nodes[1].server.listenerCount == 0)
      }
    }

    @Test func `whoever has one tenant acts on no other's listeners, wherever they are`() async throws {
      try await TestCluster.with(2) { cluster in
        _ = try await connect(cluster.nodes[1])
        let id = try cluster.nodes[1].listener()
        let tenant = Operator(name: "t", role: .operator, scope: .only(try #require(TenantID("t"))))
        let result = try await cluster.nodes[0].disconnect([id], by: tenant)
        #expect(result.results == [ListenerResult(listener: id, ok: false, error: "not-found")])
        let block = try #require(try await cluster.nodes[0].disconnect([id], block: 60).block)
        #expect(try await cluster.nodes[0].perform(.unblock(id: "u", block: block), by: tenant).error == "not-found")
        let own = try #require(cluster.nodes[1].server.nodeID?.text)
        #expect(try await cluster.nodes[0].perform(.drainNode(id: "d", node: own), by: tenant).error == "forbidden")
        #expect(try await blocks(cluster.nodes[1]) == [block])
      }
    }

    // MARK: Blocks

    @Test(arguments: [false, true]) func `a block holds on every node, whether there is a store or not`(isCut: Bool) async throws {
      try await TestCluster.with(3) { cluster in
        var agents: [ScriptedAgent] = []
        for node in cluster.nodes { agents.append(try await connect(node)) }
        let other = try await connect(cluster.nodes[2], agent: "a-2")
        if isCut { cluster.stores.cut() }
        let result = try await cluster.nodes[0].disconnect([cluster.nodes[1].listener()], mode: .now, block: 600, reason: "too loud")
        #expect(result.matched == 3 && result.results.first?.remaining == 1)
        let block = try #require(result.block)
        for agent in agents { try await agent.ends() }
        #expect(try await other.isOpen())
        for node in cluster.nodes {
          #expect(try await blocks(node) == [block])
          #expect(try await refusal(node) == 403)
          #expect(try await refusal(node, "a-2") == 101)
        }
        #expect(try await cluster.nodes[2].perform(.unblock(id: "u", block: block)) == ActionResult(id: "u", block: block, ok: true))
        for node in cluster.nodes {
          #expect(try await blocks(node).isEmpty)
          #expect(try await refusal(node) == 101)
        }
        #expect(try await cluster.nodes[1].perform(.unblock(id: "v", block: block)).error == "not-found")
      }
    }

    @Test func `a node that joins later knows the blocks, also those that wait for the store, and not those that were lifted`() async throws
    {
      try await TestCluster.with(2) { cluster in
        for node in cluster.nodes { _ = try await connect(node) }
        let early = try #require(try await cluster.nodes[0].disconnect([cluster.nodes[0].listener()], mode: .now, block: 600).block)
        _ = try await connect(cluster.nodes[0], agent: "a-3")
        let lifted = try #require(try await cluster.nodes[0].disconnect([cluster.nodes[0].listener()], mode: .now, block: 600).block)
        #expect(try await cluster.nodes[1].perform(.unblock(id: "u", block: lifted)).ok == true)
        cluster.stores.cut()
        _ = try await connect(cluster.nodes[1], agent: "a-2")
        let late = try #require(try await cluster.nodes[0].disconnect([cluster.nodes[1].listener()], mode: .now, block: 600).block)
        cluster.stores.mend()
        try await cluster.growing(by: 1) { larger in
          try await eventually("both blocks") { try await Set(blocks(larger.nodes[2])) == [early, late] }
          #expect(try await refusal(larger.nodes[2]) == 403)
          #expect(try await refusal(larger.nodes[2], "a-2") == 403)
          #expect(try await refusal(larger.nodes[2], "a-3") == 101)
        }
      }
    }

    @Test func `a node that could not be reached hears of blocks when it can`() async throws {
      try await TestCluster.with(2) { cluster in
        let agent = try await connect(cluster.nodes[1])
        cluster.stores.cut()
        let (one, two) = (try #require(cluster.nodes[0].node), try #require(cluster.nodes[1].node))
        let listener = try #require(two.registry.all.first)
        // As one that was set while there was no way to the other node.
        let block = Block(
          scope: .agent, subjects: [try BlockSubject(.agent, of: listener.registrant)], mode: .now, seconds: 600, by: "ops", reason: "",
          since: .now(), now: Self.now)
        one.blocks.set(block, now: Self.now)
        await one.membership?.closeLinks()
        try await agent.ends()
        #expect(try await blocks(cluster.nodes[1]) == [block.id])
        #expect(try await refusal(cluster.nodes[1]) == 403)
        // And of one that was lifted.
        _ = one.blocks.remove(block.id, now: Self.now)
        await two.membership?.closeLinks()
        await one.membership?.closeLinks()
        try await eventually("it is lifted") { try await blocks(cluster.nodes[1]).isEmpty }
        #expect(try await blocks(cluster.nodes[0]).isEmpty, "what the other one believed is not believed here")
      }
    }

    @Test func `blocks that the store has lost are written again`() async throws {
      try await TestCluster.with(2) { cluster in
        _ = try await connect(cluster.nodes[1])
        let block = try #require(try await cluster.nodes[0].disconnect([cluster.nodes[1].listener()], mode: .now, block: 600).block)
        let membership = try #require(cluster.nodes[0].node?.membership)
        try await eventually("it is stored") { membership.state.withLock { $0.storedBlocks == [block] } }
        try await membership.store.putBlock(block, Array("{}".utf8), lasting: .milliseconds(1))
        try await eventually("it is gone") { membership.state.withLock { $0.storedBlocks.isEmpty } }
        #expect(try await refusal(cluster.nodes[1]) == 403)
        try await eventually("it is stored again") { membership.state.withLock { $0.storedBlocks == [block] } }
        #expect(try await blocks(cluster.nodes[1]) == [block])
      }
    }

    // MARK: Nodes

    @Test func `another node is drained, and the last one is not`() async throws {
      try await TestCluster.with(3) { cluster in
        let ids = try cluster.nodes.map { try #require($0.server.nodeID?.text) }
        #expect(try await cluster.nodes[0].perform(.drainNode(id: "d0", node: "n-0123456789abcdef")).error == "not-found")
        #expect(try await cluster.nodes[0].perform(.drainNode(id: "d1", node: ids[1])) == ActionResult(id: "d1", ok: true))
        try await eventually("it leaves") { cluster.nodes[0].node?.membership?.others == 1 && cluster.nodes[1].node?.isLeaving == true }
        #expect(
          cluster.logs[1].all.contains { $0.contains("action=drain-node") && $0.contains("asked=\(ids[0])") && $0.contains("by=tester") })
        #expect(try await cluster.nodes[2].perform(.drainNode(id: "d2", node: ids[2])).ok == true)
        try await eventually("it leaves") { cluster.nodes[0].node?.membership?.others == 0 }
        #expect(try await cluster.nodes[0].perform(.drainNode(id: "d3", node: ids[0])).error == "would-remove-last")
        try await eventually("they end", within: 20) { cluster.nodes[1].server.nodeID == nil && cluster.nodes[2].server.nodeID == nil }
      }
    }

    /// What a node has in flight keeps it from its end.
    private static let silent: ScriptedAgent.Script = { _, _ in }

    private func keepBusy(_ node: RunningNode, _ endpoint: String) async throws -> RawClient {
      let agent = try await ScriptedAgent.connect(to: node, endpoint: endpoint, Self.silent)
      let client = try node.client()
      try await client.send("GET / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: \(endpoint)\r\n\r\n")
      _ = try await agent.streams(1)
      return client
    }

    @Test func `while the store is away a node that is drained counts for nobody, although it is there`() async throws {
      try await TestCluster.with(2) { cluster in
        let ids = try cluster.nodes.map { try #require($0.server.nodeID?.text) }
        let busy = try await keepBusy(cluster.nodes[1], "e")
        cluster.stores.cut()
        #expect(try await cluster.nodes[0].perform(.drainNode(id: "d1", node: ids[1])).ok == true)
        #expect(cluster.nodes[0].node?.membership?.others == 1, "nobody has told it")
        #expect(try await cluster.nodes[0].perform(.drainNode(id: "d2", node: ids[0])).error == "would-remove-last")
        #expect(try await cluster.nodes[0].perform(.drainNode(id: "d4", node: ids[1])).ok == true, "it leaves already")
        #expect(cluster.nodes[0].node?.isLeaving == false)
        _ = busy
      }
    }

    @Test(arguments: [false, true])
    func `of nodes that are drained at once, one stays`(isCut: Bool) async throws {
      try await TestCluster.with(3) { cluster in
        let ids = try cluster.nodes.map { try #require($0.server.nodeID?.text) }
        var busy: [RawClient] = []
        for (node, endpoint) in zip(cluster.nodes, ["e", "f", "g"]) { busy.append(try await keepBusy(node, endpoint)) }
        if isCut { cluster.stores.cut() }
        let results = try await withThrowingTaskGroup(of: ActionResult.self) { group in
          for (index, node) in cluster.nodes.enumerated() {
            group.addTask { try await node.perform(.drainNode(id: "d\(index)", node: ids[(index + 1) % 3])) }
          }
          return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.count { $0.ok == true } == 2, "\(results)")
        #expect(results.filter { $0.ok != true }.map(\.error) == ["would-remove-last"], "\(results)")
      }
    }
  }
}
