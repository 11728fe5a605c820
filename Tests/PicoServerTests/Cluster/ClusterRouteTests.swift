import PicoCluster
import PicoCore
import Support
import Synchronization
import Testing

@testable import PicoServer

extension NodeTests {
  /// What nodes know of each other's listeners while no store tells them.
  @Suite(.timeLimit(.minutes(2))) struct ClusterRouteTests {
    private static let get = "GET /p HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\n\r\n"

    private func status(_ node: RunningNode) async throws -> Int {
      let client = try node.client()
      try await client.send(Self.get)
      return try await client.response().status
    }

    private func knows(_ node: RunningNode, _ endpoint: String = "e") -> Bool {
      EndpointID(endpoint).flatMap { node.node?.routes.routes(of: $0) } != nil
    }

    private func isTalking(_ node: RunningNode) -> Bool { node.node?.membership?.listening.withLock { $0.count == 2 * 2 } == true }

    @Test func `a request whose endpoint is new finds it at once`() async throws {
      try await TestCluster.with(3) { cluster in
        cluster.stores.cut()
        _ = try await ScriptedAgent.connect(to: cluster.nodes[2], ScriptedAgent.ok)
        #expect(try await status(cluster.nodes[0]) == 200)
        let began = ContinuousClock.now
        let client = try cluster.nodes[0].client()
        try await client.send(Self.get.replacing(": e", with: ": nobody"))
        #expect(try await client.response().status == 502)
        #expect(ContinuousClock.now - began < .seconds(2))
      }
    }

    @Test(arguments: [1, 2]) func `nodes tell each other what comes and goes, and what there was before`(threads: Int) async throws {
      try await TestCluster.with(3, threads: threads) { cluster in
        let before = try await ScriptedAgent.connect(to: cluster.nodes[1], endpoint: "before", ScriptedAgent.ok)
        try await eventually("known") { knows(cluster.nodes[0], "before") && knows(cluster.nodes[2], "before") }
        cluster.stores.cut()
        try await eventually("talks of all with all") { cluster.nodes.allSatisfy { isTalking($0) } }
        let agent = try await ScriptedAgent.connect(to: cluster.nodes[2], ScriptedAgent.ok)
        try await eventually("told") { knows(cluster.nodes[0]) && knows(cluster.nodes[1]) }
        #expect(try await status(cluster.nodes[0]) == 200)
        #expect(try await status(cluster.nodes[1]) == 200)
        try await agent.vanish()
        try await before.vanish()
        try await eventually("taken back") { cluster.nodes.allSatisfy { !knows($0) && !knows($0, "before") } }
      }
    }

    @Test func `a node that was out of reach hears all of it when it is back`() async throws {
      try await TestCluster.with(2) { cluster in
        _ = try await ScriptedAgent.connect(to: cluster.nodes[1], endpoint: "stays", ScriptedAgent.ok)
        let goes = try await ScriptedAgent.connect(to: cluster.nodes[1], endpoint: "goes", ScriptedAgent.ok)
        try await eventually("known") { knows(cluster.nodes[0], "stays") && knows(cluster.nodes[0], "goes") }
        cluster.stores.cut()
        try await eventually("talks") { cluster.nodes[0].node?.membership?.listening.withLock { $0.count == 2 } == true }
        for node in cluster.nodes { await node.node?.membership?.closeLinks() }
        try await goes.vanish()
        for index in 0..<5 { _ = try await ScriptedAgent.connect(to: cluster.nodes[1], endpoint: "e\(index)", ScriptedAgent.ok) }
        try await eventually("all of it") { (0..<5).allSatisfy { knows(cluster.nodes[0], "e\($0)") } && !knows(cluster.nodes[0], "goes") }
        #expect(knows(cluster.nodes[0], "stays"))
      }
    }

    @Test func `a listener that a draining node says is gone is waited for, whatever the store still has`() async throws {
      try await TestCluster.with(2) { cluster in
        _ = try await ScriptedAgent.connect(to: cluster.nodes[1], ScriptedAgent.ok)
        try await eventually("known") { knows(cluster.nodes[0]) }
        let membership = try #require(cluster.nodes[0].node?.membership)
        cluster.nodes[1].node?.membership?.drain()
        try await eventually("it drains") { membership.peers.values.allSatisfy { $0.record.state == .draining } }
        let (endpoint, other) = (try #require(EndpointID("e")), try #require(membership.peers.keys.first))
        membership.hear([endpoint: 0], of: other, allThatItHas: nil)
        #expect(!knows(cluster.nodes[0]))
        async let answer = status(cluster.nodes[0])
        try await Task.sleep(for: .milliseconds(100))
        _ = try await ScriptedAgent.connect(to: cluster.nodes[0], ScriptedAgent.ok)
        #expect(try await answer == 200)
      }
    }

    /// The node that has it says so by the store, the one that it left by its link: the second may be heard first.
    @Test(arguments: [true, false]) func `a listener that moves is waited for between two words of it`(isCut: Bool) async throws {
      try await TestCluster.with(3) { cluster in
        _ = try await ScriptedAgent.connect(to: cluster.nodes[1], ScriptedAgent.ok)
        try await eventually("known") { knows(cluster.nodes[0]) }
        if isCut { cluster.stores.cut() }
        let membership = try #require(cluster.nodes[0].node?.membership)
        let (endpoint, other) = (try #require(EndpointID("e")), try #require(cluster.nodes[1].server.nodeID))
        membership.hear([endpoint: 0], of: other, allThatItHas: nil)
        #expect(!knows(cluster.nodes[0]))
        async let answer = status(cluster.nodes[0])
        try await Task.sleep(for: .milliseconds(50))
        _ = try await ScriptedAgent.connect(to: cluster.nodes[2], ScriptedAgent.ok)
        #expect(try await answer == 200)
      }
    }

    @Test func `when the store is back its word counts again, and the talks end`() async throws {
      try await TestCluster.with(2) { cluster in
        cluster.stores.cut()
        let goes = try await ScriptedAgent.connect(to: cluster.nodes[1], endpoint: "goes", ScriptedAgent.ok)
        _ = try await ScriptedAgent.connect(to: cluster.nodes[1], ScriptedAgent.ok)
        try await eventually("told") { knows(cluster.nodes[0]) && knows(cluster.nodes[0], "goes") }
        cluster.stores.mend()
        try await goes.vanish()
        try await eventually("the end of the talks") {
          cluster.nodes.allSatisfy { $0.node?.membership?.listening.withLock { $0.isEmpty } == true }
        }
        try await eventually("nothing is left of what was told") {
          cluster.nodes.allSatisfy { $0.node?.membership?.state.withLock { $0.known.tellers.isEmpty } == true }
        }
        try await eventually("the store's word") { knows(cluster.nodes[0]) && !knows(cluster.nodes[0], "goes") }
        #expect(try await status(cluster.nodes[0]) == 200)
      }
    }
  }
}
