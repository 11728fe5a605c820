import PicoCore
import PicoTunnel
import Synchronization
import Testing

@testable import PicoAgent
@testable import PicoClient

/// An agent that comes to a node where it had better not be, as it happens behind a load balancer.
@Suite(.timeLimit(.minutes(2)))
struct NodeSearchTests {
  private static func place(_ index: Int, of nodes: Int) -> TestNode.Place { .init(node: "n-000000000000000\(index)", nodes: nodes) }

  /// How many tunnels are open, of all that there were.
  private func open(_ node: TestNode) async -> [Int] {
    var open: [Int] = []
    for index in 0..<node.sessionCount {
      if (try? await node.with(index) { $0.tunnel.isOpen && !$0.isGoAwayReceived }) == true { open.append(index) }
    }
    return open
  }

  @Test func `two tunnels come to two nodes, and there are never fewer`() async throws {
    let log = LogLines()
    let (one, two) = (Self.place(1, of: 2), Self.place(2, of: 2))
    try await withAgent(
      answer(ok), configure: { $0.listeners[0].connections = 2 }, logger: log.debugging, places: [one, one, one, one, two]
    ) { node, _, agent in
      await eventually("a tunnel at the second node") { node.sessionCount >= 5 }
      // Both may have looked for a better node at once, and one is still trying.
      try await Task.sleep(for: .milliseconds(700))
      await eventually("two tunnels are left") { await open(node).count == 2 }
      let count = node.sessionCount
      #expect(count <= 2 + 2 * NodeSearch.tries)
      #expect(await open(node).contains { $0 >= 4 })
      // What is left open serves; those that were one too many have ended in order.
      for index in await open(node) {
        let exchange = try await node.open(get, session: index)
        #expect(await exchange.outcome() == ok)
      }
      await eventually("the others closed") { await agent.report().listeners[0].tunnels.tunnels == 2 }
      for index in 0..<count where await !open(node).contains(index) {
        #expect(try await node.with(index) { $0.messages.contains(.leaving) && $0.closeReason == .closedByPeer })
      }
    }
    #expect(log.all.contains { $0.contains("another node would be better") } && log.all.contains { $0.contains("n-0000000000000002") })
  }

  @Test func `it tries a few times and no more`() async throws {
    let log = LogLines()
    try await withAgent(
      answer(ok), configure: { $0.listeners[0].connections = 2 }, logger: log.debugging, places: [Self.place(1, of: 2)]
    ) { node, _, agent in
      await eventually("it gives up") { log.all.contains { $0.contains("no better node was found") } }
      // Each of the two may have found the other one there first.
      #expect((1...2 * NodeSearch.tries).contains(node.sessionCount - 2), "\(node.sessionCount)")
      await eventually("two tunnels are left") { await agent.report().listeners[0].tunnels.tunnels == 2 }
      // In half a minute at the soonest.
      let count = node.sessionCount
      try await Task.sleep(for: .milliseconds(500))
      #expect(node.sessionCount == count)
    }
  }

  /// For each registration whether it names the first node as one to avoid.
  private static func avoiding(_ node: TestNode) -> String {
    node.requests.map { $0.contains("x-pico-avoid: n-0000000000000001\r\n") ? "1" : "-" }.joined()
  }

  @Test func `a try names the nodes that are no use, and one that says it is one of them has registered nothing`() async throws {
    let log = LogLines()
    try await withAgent(answer(ok), logger: log.debugging, places: [Self.place(1, of: 2)]) { node, _, agent in
      try await node.with { $0.tunnel.send(.drain(reconnectAfterMilliseconds: 0)) }
      await eventually("it is back, and tries") { node.requests.count >= 3 }
      node.state.withLock { $0.answer = .refuse(status: 204, headers: "") }
      await eventually("it gives up") { log.all.contains { $0.contains("no better node was found") } }
      // One when it began, one when it was asked to move; what follows are tries.
      #expect(Self.avoiding(node) == String(repeating: "-", count: 2) + String(repeating: "1", count: NodeSearch.tries))
      #expect(log.all.contains { $0.contains("it is the same node again") })
      await eventually("one tunnel is left") { await agent.report().listeners[0].tunnels.tunnels == 1 }
      // One may have come before the node refused.
      let left = await open(node)
      let exchange = try await node.open(get, session: left[0])
      #expect(await exchange.outcome() == ok && left.count == 1)
    }
  }

  @Test(arguments: [[], [place(1, of: 1)]])
  func `where there is no other node it does not look for one`(places: [TestNode.Place]) async throws {
    let log = LogLines()
    try await withAgent(
      answer(ok), configure: { $0.listeners[0].connections = 3 }, logger: log.debugging, places: places
    ) { node, _, _ in
      await eventually("three tunnels") { node.sessionCount == 3 }
      try await node.with { $0.tunnel.send(.drain(reconnectAfterMilliseconds: 0)) }
      await eventually("a fourth") { node.sessionCount == 4 }
      try await Task.sleep(for: .milliseconds(300))
      #expect(node.sessionCount == 4 && !log.all.contains { $0.contains("another node") })
    }
  }

  @Test func `asked to move, it goes on to another node if it comes back to the same one`() async throws {
    let (one, two) = (Self.place(1, of: 2), Self.place(2, of: 2))
    try await withAgent(answer(ok), places: [one, one, one, two]) { node, _, agent in
      try await node.with { $0.tunnel.send(.drain(reconnectAfterMilliseconds: 0)) }
      await eventually("the other node") { node.sessionCount == 4 }
      await eventually("it alone is left") { await open(node) == [3] }
      await eventually("it alone is left") { await agent.report().listeners[0].tunnels.tunnels == 1 }
    }
  }

  @Test func `while nodes that drain refuse it the old tunnel stays, and it is not away for long`() async throws {
    try await withAgent(answer(ok)) { node, _, _ in
      node.state.withLock { $0.answer = .refuse(status: 503, headers: "Retry-After: 0\r\n") }
      try await node.with { $0.tunnel.send(.drain(reconnectAfterMilliseconds: 0)) }
      await eventually("some attempts") { node.requests.count >= 6 }
      let isThere = try await node.with(0) { $0.tunnel.isOpen && !$0.isGoAwayReceived }
      #expect(isThere)
      await node.expect(get, gives: ok)
      node.state.withLock { $0.answer = .accept }
      await eventually("the new tunnel", within: .seconds(5)) { node.sessionCount == 2 }
      await eventually("the old one leaves") { await open(node) == [1] }
    }
  }

  @Test func `a tunnel that is lost while another node is looked for is replaced`() async throws {
    let one = Self.place(1, of: 2)
    try await withAgent(answer(ok), configure: { $0.listeners[0].connections = 2 }, places: [one]) { node, _, agent in
      for round in 0..<8 {
        await eventually("two tunnels, round \(round)") { await open(node).count >= 2 }
        for index in await open(node) { try await node.with(index) { $0.tunnel.close() } }
      }
      await eventually("two tunnels") { await open(node).count == 2 && agent.isConnected }
    }
  }
}
