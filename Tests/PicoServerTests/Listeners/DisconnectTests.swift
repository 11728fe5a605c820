import PicoCore
import PicoStatus
import PicoTunnel
import Support
import Synchronization
import Testing

@testable import PicoServer

extension RunningNode {
  private static let tester = Operator(name: "tester", role: .operator)

  func disconnect(
    _ listeners: [String], id: String = "t-\(UInt64.random(in: 0 ... .max))", mode: Disconnect.Mode = .drain, block: Int = 0,
    scope: BlockScope = .agent, minimum: Int = 0, reason: String = "", dryRun: Bool = false, by: Operator = tester
  ) async throws -> ActionResult {
    try await perform(
      .disconnect(
        Disconnect(
          id: id, listeners: listeners, mode: mode, blockSeconds: block, scope: scope, minimumRemaining: minimum, reason: reason,
          isDryRun: dryRun)), by: by)
  }

  func perform(_ action: OperatorAction, by: Operator = tester) async throws -> ActionResult {
    guard let actions = server.actions else { throw Unexpected(what: "a node that runs") }
    return await actions.perform(action, by: by)
  }

  /// IDs of the listeners that are routable, of one endpoint.
  func listeners(_ endpoint: String = "e") -> [String] {
    let routes = EndpointID(endpoint).flatMap { node?.routes.routes(of: $0) }
    return routes?.all.map(\.id.description) ?? []
  }

  /// The ID of the only one.
  func listener(_ endpoint: String = "e") throws -> String { try #require(listeners(endpoint).first) }

  var events: [StatusEvent] { node?.events.events(after: 0).filter { $0.kind == .operatorAction } ?? [] }
}

extension ScriptedAgent {
  func messages() async throws -> [ControlMessage] { try await onLoop { $0.messages } }

  /// Only with its first message does an agent open its control stream.
  func sayHello(to node: RunningNode, agentID: String = "a-1") async throws {
    try await send(.hello(.init(agentID: agentID, version: "1.2.3")))
    try await eventually("hello") { node.node?.registry.all.contains { $0.agent.withLock { $0.version == "1.2.3" } } == true }
  }

  func ends(within seconds: Double = 10) async throws {
    try await eventually("the tunnel's end", within: seconds) { try await self.onLoop { $0.closeReason != nil } }
  }

  func isOpen() async throws -> Bool { try await onLoop { $0.closeReason == nil } }
}

extension NodeTests {
  /// What operators do to listeners, seen from clients and agents.
  @Suite(.timeLimit(.minutes(2))) struct DisconnectTests {
    private static let get = NodeTests.ExchangeTests.get
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    // MARK: Drain and now

    @Test(arguments: [true, false], [1, 2])
    func `drain gives nothing new, finishes what is in flight, then closes`(isPico: Bool, threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let agent = try await ScriptedAgent.connect(to: node, isPico: isPico) { _, _ in }
        if isPico { try await agent.sayHello(to: node) }
        let busy = try node.client()
        try await busy.send(Self.get)
        try await agent.streams(1)
        let id = try node.listener()
        let result = try await node.disconnect([id])
        #expect(result.results == [ListenerResult(listener: id, ok: true, remaining: 0)])
        #expect(result.matched == 1 && result.block == nil)
        let new = try node.client()
        try await new.send(Self.get)
        #expect(try await new.response().field("x-pico-error") == "no-available-upstreams")
        #expect(try await node.admin("/status/v1").contains(#""state":"draining""#))
        if isPico { try await eventually("told") { try await agent.messages() == [.drain(reconnectAfterMilliseconds: 0)] } }
        #expect(try await agent.isOpen())
        try await agent.act(0) { $0.send(Self.answer, end: true) }
        #expect(try await busy.response().body == "ok")
        try await agent.ends()
        try await eventually("out of the status") { try await !node.admin("/status/v1").contains(id) }
      }
    }

    @Test func `what is left when the grace period is over is cut`() async throws {
      try await RunningNode.with({ $0.gracePeriod = .milliseconds(500) }) { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        let busy = try node.client()
        try await busy.send(Self.get)
        try await agent.streams(1)
        _ = try await node.disconnect([node.listener()])
        #expect(try await busy.response().status == 502)
        try await agent.ends()
      }
    }

    @Test(arguments: [true, false], [1, 2])
    func `now cuts what is in flight`(isPico: Bool, threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let agent = try await ScriptedAgent.connect(to: node, isPico: isPico) { _, _ in }
        let busy = try node.client()
        try await busy.send(Self.get)
        try await agent.streams(1)
        #expect(try await node.disconnect([node.listener()], mode: .now).results.first?.ok == true)
        #expect(node.server.listenerCount == 0)
        #expect(try await busy.response().status == 502)
        try await agent.ends()
        try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
      }
    }

    @Test func `one that drains can be cut`() async throws {
      try await RunningNode.with { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        let busy = try node.client()
        try await busy.send(Self.get)
        try await agent.streams(1)
        let id = try node.listener()
        _ = try await node.disconnect([id])
        #expect(try await node.disconnect([id], mode: .now).results == [ListenerResult(listener: id, ok: true, remaining: 0)])
        #expect(try await busy.response().status == 502)
        try await agent.ends()
      }
    }

    @Test func `one that drains stays so, however well its upstream is`() async throws {
      try await RunningNode.with { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        let busy = try node.client()
        try await busy.send(Self.get)
        try await agent.streams(1)
        let listener = try #require(node.node?.registry.all.first)
        _ = try await node.disconnect([listener.id.description])
        try await agent.send(.health(isUp: false, reason: ""))
        try await agent.send(.health(isUp: true, reason: ""))
        try await eventually("both came") { listener.agent.withLock { $0.isUpstreamUp } }
        #expect(listener.state == .draining)
      }
    }

    // MARK: Results

    @Test(arguments: ["l-0000000000000000", "", "l-", "L-0123456789ABCDEF", "e", "../x", "\u{0}", String(repeating: "l", count: 5000)])
    func `an ID that nobody has is not found`(id: String) async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        for block in [0, 60] {
          let result = try await node.disconnect([id], block: block)
          #expect(result.results == [ListenerResult(listener: id, ok: false, error: "not-found")])
          #expect(result.matched == 0 && result.block == nil)
        }
        #expect(node.server.listenerCount == 1)
        #expect(try await node.admin("/status/v1/blocks").hasSuffix("{\"blocks\":[]}\n"))
      }
    }

    @Test func `the named set is counted in order`() async throws {
      try await RunningNode.with { node in
        for _ in 0..<3 { _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok) }
        _ = try await ScriptedAgent.connect(to: node, endpoint: "other", ScriptedAgent.ok)
        let ids = node.listeners()
        let other = try node.listener("other")
        let named = [ids[0], "l-0", ids[0], other, ids[1], ids[2]]
        let expected = [
          ListenerResult(listener: ids[0], ok: true, remaining: 2), ListenerResult(listener: "l-0", ok: false, error: "not-found"),
          ListenerResult(listener: ids[0], ok: true, remaining: 2),
          ListenerResult(listener: other, ok: false, error: "would-remove-last", remaining: 1),
          ListenerResult(listener: ids[1], ok: true, remaining: 1),
          ListenerResult(listener: ids[2], ok: false, error: "would-remove-last", remaining: 1),
        ]
        let dry = try await node.disconnect(named, mode: .now, minimum: 1, dryRun: true)
        #expect(dry.results == expected && dry.matched == 2)
        #expect(node.server.listenerCount == 4 && node.events.isEmpty)
        let result = try await node.disconnect(named, mode: .now, minimum: 1)
        #expect(result.results == expected && result.matched == 2)
        #expect(node.listeners() == [ids[2]] && node.listeners("other") == [other])
      }
    }

    @Test func `many tasks at once never leave fewer than asked for`() async throws {
      try await RunningNode.with(threads: 2) { node in
        for _ in 0..<24 { _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok) }
        let ids = node.listeners()
        let done = try await withThrowingTaskGroup(of: Int.self) { group in
          for id in ids {
            group.addTask { try await node.disconnect([id], mode: .now, minimum: 5).results.count { $0.ok } }
          }
          // Agents that leave by themselves meanwhile count as gone.
          return try await group.reduce(0, +)
        }
        #expect(done == 19)
        #expect(node.listeners().count == 5)
      }
    }

    @Test func `the same ID again has the same result and does nothing more`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let id = try node.listener()
        let first = try await node.disconnect([id], id: "c1", mode: .now, block: 60)
        #expect(first.results.first?.ok == true)
        _ = try await node.perform(.unblock(id: "u1", block: try #require(first.block)))
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        #expect(try await node.disconnect([id], id: "c1", mode: .now, block: 60) == first)
        #expect(try await node.perform(.unblock(id: "u1", block: try #require(first.block))).ok == true)
        #expect(node.server.listenerCount == 1)
        #expect(node.events.count == 2)
        #expect(try await node.disconnect([id], id: "c1", mode: .now, block: 61).results.first?.error == "not-found")
      }
    }

    @Test func `whoever is no operator is refused`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let id = try node.listener()
        let viewer = Operator(name: "v", role: .viewer)
        #expect(try await node.disconnect([id], by: viewer).results == [ListenerResult(listener: id, ok: false, error: "forbidden")])
        #expect(try await node.perform(.unblock(id: "u", block: "b-1"), by: viewer) == ActionResult(id: "u", ok: false, error: "forbidden"))
        #expect(node.server.listenerCount == 1)
      }
    }

    @Test func `every action is one event with who, what, why and what came of it`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let id = try node.listener()
        let block = try #require(try await node.disconnect([id], mode: .now, block: 60, reason: "too loud").block)
        _ = try await node.perform(.unblock(id: "u", block: block))
        _ = try await node.perform(.drainNode(id: "d", node: try #require(node.server.nodeID?.text)))
        #expect(
          node.events.map(\.details) == [
            [
              "action": "disconnect", "by": "tester", "listeners": id, "mode": "now", "reason": "too loud", "ended": "1", "scope": "agent",
              "block_seconds": "60", "block": block, "result": "ok",
            ],
            ["action": "unblock", "by": "tester", "block": block, "result": "ok"],
            ["action": "drain-node", "by": "tester", "target": node.server.nodeID?.text ?? "", "result": "would-remove-last"],
          ])
      }
    }

    @Test(arguments: [(nil, "would-remove-last"), ("n-0", "not-found")] as [(String?, String)])
    func `the only node does not drain`(name: String?, error: String) async throws {
      try await RunningNode.with { node in
        let target = try #require(name ?? node.server.nodeID?.text)
        #expect(try await node.perform(.drainNode(id: "d", node: target)) == ActionResult(id: "d", ok: false, error: error))
        #expect(try await node.admin("/ready").hasPrefix("HTTP/1.1 200"))
      }
    }
  }
}
