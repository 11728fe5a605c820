import Logging
import PicoClient
import PicoCore
import PicoTunnel
import Synchronization
import Testing

@testable import PicoAgent

/// What a listener does about its tunnels, seen from the node.
@Suite(.timeLimit(.minutes(2)))
struct ListenerTests {
  @Test func `a registration has the fields of the protocol, and hello follows`() async throws {
    try await withAgent(
      answer(ok),
      configure: {
        $0.agent.id = AgentID("agent-1")
        $0.listeners[0].weight = 7
      }
    ) { node, _, _ in
      let lines = try #require(node.requests.first).split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
      #expect(lines.first == "GET /pico/v1/listener/a HTTP/1.1")
      for line in [
        "Host: 127.0.0.1:\(node.port)", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: pico.v1", "x-pico-agent-id: agent-1",
      ] {
        #expect(lines.contains(line), "\(line)")
      }
      #expect(!lines.contains { $0.hasPrefix("Authorization") || $0.hasPrefix("Origin") || $0.hasPrefix("Sec-WebSocket-Extensions") })
      await eventually("hello") {
        (try? await node.with { $0.messages }) == [.hello(.init(agentID: "agent-1", version: PicoVersion.current, weight: 7))]
      }
    }
  }

  @Test func `a tunnel that is lost is opened again`() async throws {
    try await withAgent(answer(ok)) { node, _, agent in
      try await node.with { $0.tunnel.close() }
      await eventually("a second tunnel") { node.sessionCount == 2 && agent.isConnected }
      await node.expect(get, gives: ok)
    }
  }

  @Test func `asked to move it opens the new tunnel first, and streams of the old one finish`() async throws {
    try await withAgent({ $0.hasSuffix("go") ? .init(write: ok) : nil }) { node, _, _ in
      let exchange = try await node.open("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", end: false)
      try await node.with { $0.tunnel.send(.drain(reconnectAfterMilliseconds: 0)) }
      await eventually("the new tunnel") { node.sessionCount == 2 }
      await eventually("the old one says that it leaves") { (try? await node.with(0) { $0.messages.contains(.leaving) }) ?? false }
      let closedEarly = try await node.with(0) { $0.closeReason != nil }
      #expect(!closedEarly)
      try await exchange.send("go", end: true)
      #expect(await exchange.outcome() == ok)
      await eventually("the old one closes") { (try? await node.with(0) { $0.closeReason == .closedByPeer }) ?? false }
      let isOpen = try await node.with(1) { $0.tunnel.isOpen }
      #expect(isOpen)
    }
  }

  @Test func `while it leaves, what is opened is refused unharmed`() async throws {
    try await withAgent({ $0.hasSuffix("go") ? .init(write: ok) : nil }) { node, upstream, agent in
      let exchange = try await node.open("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", end: false)
      await eventually("the request arrives") { upstream.open == 1 }
      async let shutdown: Void = agent.shutdown(graceful: true)
      await eventually("it says that it leaves") { (try? await node.with { $0.isGoAwayReceived }) ?? false }
      let late = try await node.open(get)
      #expect(await late.outcome() == "reset notSent")
      try await exchange.send("go", end: true)
      #expect(await exchange.outcome() == ok)
      await shutdown
      let reason = try await node.with { $0.closeReason }
      #expect(reason == .closedByPeer)
    }
  }

  @Test func `a graceful end cuts what is left at the grace period`() async throws {
    try await withAgent({ _ in nil }, configure: { $0.gracePeriod = .milliseconds(600) }) { node, _, agent in
      let exchange = try await node.open(get)
      await agent.shutdown(graceful: true)
      await eventually("the stream is lost") { exchange.reset != nil }
    }
  }

  @Test func `the token is read again for each attempt`() async throws {
    let path = "/tmp/pico-agent-test-\(UInt32.random(in: 0 ... .max)).token"
    try write("first\n", to: path)
    try await withAgent(answer(ok), configure: { $0.server.tokenFile = path }) { node, _, _ in
      try write("  second", to: path)
      try await node.with { $0.tunnel.close() }
      await eventually("a second tunnel") { node.sessionCount == 2 }
      #expect(node.requests.map { $0.contains("Authorization: Bearer first\r\n") } == [true, false])
      #expect(node.requests.map { $0.contains("Authorization: Bearer second\r\n") } == [false, true])
    }
  }

  @Test func `a token file that is not there ends the start with its name`() async throws {
    var configuration = AgentConfiguration()
    configuration.server.tokenFile = "/nonexistent/token"
    configuration.listeners = [
      ListenerConfiguration(endpoint: try #require(EndpointID("a")), upstream: .http(HostPort(host: "localhost", port: 1)))
    ]
    let agent = Agent(configuration: configuration, logger: silent)
    let error = await #expect(throws: PicoError.self) { try await agent.start() }
    #expect(error?.description == "server.token-file: cannot read the token file /nonexistent/token: No such file or directory")
    #expect(error?.exit == .configuration)
  }

  @Test func `no token goes unencrypted to another machine`() async throws {
    let path = "/tmp/pico-agent-test-\(UInt32.random(in: 0 ... .max)).token"
    try write("secret", to: path)
    var configuration = AgentConfiguration()
    configuration.server.url = BaseURL(isTLS: false, address: HostPort(host: "192.0.2.1", port: 80))
    configuration.server.tokenFile = path
    configuration.listeners = [
      ListenerConfiguration(endpoint: try #require(EndpointID("a")), upstream: .http(HostPort(host: "localhost", port: 1)))
    ]
    let agent = Agent(configuration: configuration, logger: silent)
    try await agent.start()
    await eventually("the attempt fails") {
      await agent.report().listeners[0].tunnels.lastFailure == .token("the token would go unencrypted to http://192.0.2.1")
    }
    await agent.shutdown(graceful: false)
  }

  @Test func `a refusal is reported with its status, and the server may change its mind`() async throws {
    let node = try await TestNode.start(answer: .refuse(status: 503, headers: "Retry-After: 0\r\n"))
    let agent = Agent(
      configuration: try agentConfiguration(node, .http(HostPort(host: "localhost", port: 1))), logger: silent)
    try await agent.start()
    await eventually("the refusal") {
      await agent.report().listeners[0].tunnels.lastFailure
        == .refused(WebSocketAnswer.Refusal(status: 503, message: "No", retryAfterSeconds: 0))
    }
    node.state.withLock { $0.answer = .accept }
    await eventually("the tunnel") { agent.isConnected }
    await agent.shutdown(graceful: false)
    try await node.stop()
  }

  @Test func `a block is logged once, and over it comes back`() async throws {
    let log = LogLines()
    try await withAgent(answer(ok), configure: { $0.listeners[0].connections = 1 }, logger: log.logger) { node, _, agent in
      node.state.withLock { $0.answer = .refuse(status: 403, headers: "Retry-After: 1\r\n") }
      try await node.with { session in
        session.tunnel.send(.blocked(seconds: 1, reason: "too \u{1B}loud"))
        session.tunnel.close()
      }
      await eventually("the metrics say so") { await agent.report().prometheus().contains("pico_agent_blocked{endpoint=\"a\"") }
      await eventually("blocked") { await agent.report().listeners[0].tunnels.isBlocked }
      await eventually("a refusal") { node.requests.count >= 3 }
      node.state.withLock { $0.answer = .accept }
      await eventually("it is back") { agent.isConnected }
      #expect(await !agent.report().listeners[0].tunnels.isBlocked)
    }
    let lines = log.all.filter { $0.contains("blocked") }
    #expect(lines.count == 1 && lines[0].hasPrefix("blocked by an operator for 1s: too \\u{1b}loud "), "\(log.all)")
    #expect(!log.all.contains { $0.contains("lost") || $0.contains("refused") }, "\(log.all)")
  }

  @Test func `blocked while it is asked to leave, it opens no other tunnel and finishes what is open`() async throws {
    try await withAgent({ $0.hasSuffix("go") ? .init(write: ok) : nil }) { node, _, _ in
      let exchange = try await node.open("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", end: false)
      try await node.with { session in
        session.tunnel.send(.blocked(seconds: 3600, reason: ""))
        session.tunnel.send(.drain(reconnectAfterMilliseconds: 0))
      }
      await eventually("it says that it leaves") { (try? await node.with { $0.messages.contains(.leaving) }) ?? false }
      try await exchange.send("go", end: true)
      #expect(await exchange.outcome() == ok)
      await eventually("it closes") { (try? await node.with { $0.closeReason == .closedByPeer }) ?? false }
      #expect(node.requests.count == 1)
    }
  }

  @Test func `many tunnels of a listener are all opened`() async throws {
    try await withAgent(answer(ok), configure: { $0.listeners[0].connections = 5 }) { node, _, _ in
      await eventually("five tunnels") { node.sessionCount == 5 }
      for index in 0..<5 {
        let exchange = try await node.open(get, session: index)
        #expect(await exchange.outcome() == ok)
      }
    }
  }

  @Test func `health checks tell the node when the service goes and comes back`() async throws {
    let upstream = try await ScriptedUpstream.start { received in
      received.hasSuffix("\r\n\r\n") ? .init(write: received.contains("/well ") ? "HTTP/1.1 500 No\r\n\r\n" : ok, closes: true) : nil
    }
    try await withAgent(
      upstream: .http(HostPort(host: "127.0.0.1", port: upstream.port)), { _ in nil },
      configure: { $0.listeners[0].health = .init(path: "/well", interval: .milliseconds(20)) }
    ) { node, _, _ in
      await eventually("down") {
        (try? await node.with { $0.messages.contains(.health(isUp: false, reason: "status 500")) }) ?? false
      }
    }
    #expect(upstream.requests.first?.hasPrefix("GET /well HTTP/1.1\r\nHost: 127.0.0.1:\(upstream.port)\r\n") ?? false)
    try await upstream.stop()
  }

  private func write(_ text: String, to path: String) throws {
    try #require(FileText.write(text, to: path))
  }
}
