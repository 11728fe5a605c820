import PicoCore
import PicoTunnel
import Synchronization
import Testing

@testable import PicoAgent

/// Towards a node that speaks yamux and nothing else: no codes, no control stream, its FIN comes after the response.
@Suite(.timeLimit(.minutes(2)))
struct PlainNodeTests {
  @Test func `a request ends by its framing, and the node's end comes after the response`() async throws {
    try await withAgent(isPico: false, answer(ok), configure: { $0.server.protocol = .piko }) { node, upstream, agent in
      let exchange = try await node.open("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      #expect(await exchange.outcome() == ok)
      try await exchange.send("", end: true)
      await eventually("the relay is free") { await agent.report().listeners[0].pool.active == 0 }
      #expect(upstream.requests == [get])
      #expect(upstream.open == 1)
      let request = try #require(node.requests.first)
      #expect(request.hasPrefix("GET /piko/v1/upstream/a HTTP/1.1\r\n"))
      #expect(!request.contains("Sec-WebSocket-Protocol"))
      let messages = try await node.with { $0.messages }
      #expect(messages.isEmpty)
    }
  }

  @Test func `a service that is not there is a 502 of ours`() async throws {
    let upstream = try await ScriptedUpstream.start(answer(ok))
    let port = upstream.port
    try await upstream.stop()
    try await withAgent(isPico: false, upstream: .http(HostPort(host: "127.0.0.1", port: port)), answer(ok)) { node, _, _ in
      let outcome = try await node.open(get).outcome()
      #expect(outcome.hasPrefix("HTTP/1.1 502 Bad Gateway\r\n"))
      #expect(outcome.contains(#"{"error":"upstream unreachable"}"#))
    }
  }

  @Test func `a service that says nothing is a 504 of ours`() async throws {
    try await withAgent(isPico: false, { _ in nil }, configure: { $0.listeners[0].timeout = .milliseconds(200) }) { node, _, _ in
      let outcome = try await node.open(get).outcome()
      #expect(outcome.hasPrefix("HTTP/1.1 504 Gateway Timeout\r\n"))
      #expect(outcome.contains(#"{"error":"upstream timeout"}"#))
    }
  }

  @Test func `a FIN before the response means that the client is gone`() async throws {
    try await withAgent(isPico: false, { _ in nil }) { node, upstream, _ in
      let exchange = try await node.open(get)
      await eventually("the request arrives") { upstream.state.withLock { $0.bytes } == get.utf8.count }
      try await exchange.send("", end: true)
      await eventually("the connection closes") { upstream.open == 0 }
    }
  }
}
