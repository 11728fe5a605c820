import PicoCore
import Testing

@testable import PicoAgent

@Suite(.timeLimit(.minutes(2)))
struct UpstreamPoolTests {
  private let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"

  @Test func `requests one after the other share a connection`() async throws {
    try await withAgent(answer(ok)) { node, upstream, _ in
      for _ in 0..<5 { await node.expect(get, gives: ok) }
      await node.expect(post, gives: ok)
      #expect(upstream.connections == 1)
    }
  }

  @Test func `requests at the same time have a connection each, which then wait together`() async throws {
    let gate = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
    try await withAgent({ $0.hasSuffix("go\r\n\r\n") ? .init(write: gate) : nil }) { node, upstream, _ in
      var exchanges: [TestExchange] = []
      for _ in 0..<3 { exchanges.append(try await node.open("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n", end: false)) }
      await eventually("three connections") { upstream.connections == 3 }
      for exchange in exchanges { try await exchange.send("go\r\n\r\n", end: true) }
      for exchange in exchanges { #expect(await exchange.outcome() == gate) }
      #expect(upstream.open == 3)
    }
  }

  @Test func `a request that may not be sent twice takes no connection that was idle for long`() async throws {
    try await withAgent(answer(ok), configure: { $0.listeners[0].poolIdle = .seconds(60) }) { node, upstream, _ in
      await node.expect(get, gives: ok)
      try await Task.sleep(for: .milliseconds(550))
      await node.expect(get, gives: ok)
      #expect(upstream.connections == 1)
      try await Task.sleep(for: .milliseconds(550))
      await node.expect(post, gives: ok)
      #expect(upstream.connections == 2)
    }
  }

  @Test func `an idle connection is closed at its limit`() async throws {
    try await withAgent(answer(ok), configure: { $0.listeners[0].poolIdle = .milliseconds(300) }) { node, upstream, _ in
      await node.expect(get, gives: ok)
      #expect(upstream.open == 1)
      await eventually("the connection closes", within: .seconds(3)) { upstream.open == 0 }
    }
  }

  @Test func `Keep-Alive of the service sets the limit`() async throws {
    let response = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n"
    try await withAgent(answer(response), configure: { $0.listeners[0].poolIdle = .seconds(60) }) { node, upstream, _ in
      await node.expect(get, gives: response)
      await eventually("the connection closes", within: .seconds(3)) { upstream.open == 0 }
    }
  }

  @Test func `no more connections wait than the pool holds`() async throws {
    try await withAgent(answer(ok), configure: { $0.listeners[0].poolSize = 0 }) { node, upstream, _ in
      await node.expect(get, gives: ok)
      await eventually("the connection closes") { upstream.open == 0 }
    }
  }

  @Test func `a connection that the service closed is not used`() async throws {
    try await withAgent(answer(ok)) { node, upstream, agent in
      for _ in 0..<20 {
        await node.expect(post, gives: ok)
        await upstream.closeConnections()
        await eventually("the agent hears of it") { await agent.report().listeners[0].pool.idle == 0 }
      }
      #expect(upstream.connections == 20)
    }
  }

  @Test func `bytes that nobody asked for end an idle connection`() async throws {
    try await withAgent({ $0.contains("\r\n\r\n") ? .init(write: ok + "HTTP/1.1 200 OK\r\n\r\n") : nil }) { node, upstream, _ in
      await node.expect(get, gives: ok)
      await eventually("the connection closes") { upstream.open == 0 }
      await node.expect(get, gives: ok)
    }
  }
}
