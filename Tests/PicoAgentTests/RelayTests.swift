import Logging
import NIOCore
import PicoCore
import Synchronization
import Testing

@testable import PicoAgent

let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/// Answers each whole head without looking at it.
func answer(_ text: String, closes: Bool = false, resets: Bool = false) -> ScriptedUpstream.Script {
  { $0.contains("\r\n\r\n") ? .init(write: text, closes: closes, resets: resets) : nil }
}

@Suite(.timeLimit(.minutes(2)))
struct RelayTests {
  @Test func `a response comes back with the end of the stream`() async throws {
    try await withAgent(answer(ok)) { node, upstream, _ in
      await node.expect(get, gives: ok)
      #expect(upstream.requests == [get])
    }
  }

  @Test func `a head that comes byte by byte is the same request`() async throws {
    try await withAgent(answer(ok)) { node, upstream, _ in
      let exchange = try await node.open("", end: false)
      for (index, byte) in get.unicodeScalars.enumerated() {
        try await exchange.send(String(byte), end: index == get.unicodeScalars.count - 1)
      }
      #expect(await exchange.outcome() == ok)
      #expect(upstream.requests == [get])
    }
  }

  /// Everything that a response may be, as the service writes it and whether it then closes; all pass unchanged.
  @Test(
    arguments: [
      ("GET", "HTTP/1.1 204 No Content\r\n\r\n", false),
      ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false),
      ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", false),
      ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", false),
      ("GET", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false),
      ("GET", "HTTP/1.1 200 OK\r\n\r\nuntil the end", true),
      ("GET", "HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\nold", true),
      ("GET", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", true),
      ("GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", true),
      ("OPTIONS", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false),
    ])
  func `a response passes as it is`(method: String, response: String, closes: Bool) async throws {
    try await withAgent(answer(response, closes: closes)) { node, _, _ in
      await node.expect("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n", gives: response)
      // The connection was fit for another request, or it was not used again.
      await node.expect("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n", gives: response)
    }
  }

  @Test func `what is of the connection to the node does not reach the service, and Host is what was configured`() async throws {
    try await withAgent(answer(ok), configure: { $0.listeners[0].hostHeader = "app.example:80" }) { node, upstream, _ in
      await node.expect("GET /a?b HTTP/1.1\r\nX-A: 1\r\nHost: pico\r\nConnection: close\r\nx-b: 2\r\n\r\n", gives: ok)
      #expect(upstream.requests == ["GET /a?b HTTP/1.1\r\nX-A: 1\r\nHost: app.example:80\r\nx-b: 2\r\n\r\n"])
    }
  }

  @Test(arguments: [("Content-Length: 5\r\n\r\nhello"), ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")])
  func `a request body passes as it is, however it is split`(rest: String) async throws {
    let request = "POST / HTTP/1.1\r\nHost: a\r\n" + rest
    try await withAgent({ $0.hasSuffix("\r\n\r\nhello") || $0.hasSuffix("0\r\n\r\n") ? .init(write: ok) : nil }) { node, upstream, _ in
      await node.expect(request, gives: ok)
      let exchange = try await node.open("", end: false)
      let parts = request.unicodeScalars.map { String($0) }
      for part in parts { try await exchange.send(part) }
      try await exchange.send("", end: true)
      #expect(await exchange.outcome() == ok)
      #expect(upstream.requests == [request, request])
    }
  }

  /// What the service does, and the reset that tells the node.
  @Test(
    arguments: [
      ("HTTP/1.1 200 OK\nContent-Length: 0\n\n", false, "reset malformedResponse"),
      ("SSH-2.0-OpenSSH_9\r\n\r\n", false, "reset malformedResponse"),
      ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", false, "reset malformedResponse"),
      ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", false, "reset malformedResponse"),
      ("", true, "reset resetAfterSend"),
      ("HTTP/1.1 200 OK\r\nContent-", true, "reset resetAfterSend"),
      ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", true, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcreset resetAfterSend"),
    ])
  func `a service that breaks off is told by a reset`(response: String, closes: Bool, outcome: String) async throws {
    try await withAgent(answer(response, closes: closes)) { node, _, _ in
      await node.expect(get, gives: outcome)
    }
  }

  @Test func `only a clean end completes a response without a length`() async throws {
    let head = "HTTP/1.1 200 OK\r\n\r\n"
    try await withAgent(answer(head, resets: true)) { node, _, _ in
      let outcome = try await node.open(get).outcome()
      #expect(outcome == "reset resetAfterSend" || outcome == head + "reset resetAfterSend")
    }
  }

  @Test func `a service that is not there is reported as not sent, and once it is there all is well`() async throws {
    let upstream = try await ScriptedUpstream.start(answer(ok))
    let port = upstream.port
    try await upstream.stop()
    try await withAgent(upstream: .http(HostPort(host: "127.0.0.1", port: port)), answer(ok)) { node, _, _ in
      await node.expect(get, gives: "reset notSent")
      let exchange = try await node.open("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
      #expect(await exchange.outcome() == "reset notSent")
    }
  }

  @Test func `a service that says nothing is reported at the timeout`() async throws {
    try await withAgent({ _ in nil }, configure: { $0.listeners[0].timeout = .milliseconds(300) }) { node, _, _ in
      let exchange = try await node.open(get)
      #expect(await exchange.outcome() == "reset upstreamTimeout")
      #expect(exchange.seen.withLock { $0.wasAcknowledged })
    }
  }

  @Test func `a slow service has its stream acknowledged long before it answers`() async throws {
    try await withAgent({ _ in nil }) { node, _, _ in
      let exchange = try await node.open(get)
      await eventually("the stream is acknowledged", within: .seconds(2)) {
        (try? await node.with { $0.isAcknowledged(exchange) }) ?? false
      }
    }
  }

  @Test func `a cancelled request closes its connection`() async throws {
    try await withAgent({ _ in nil }) { node, upstream, _ in
      let exchange = try await node.open(get)
      await eventually("the request arrives") { upstream.state.withLock { $0.bytes } == get.utf8.count }
      try await exchange.cancel()
      await eventually("the connection closes") { upstream.open == 0 }
    }
  }

  @Test func `half a request is none`() async throws {
    try await withAgent(answer(ok)) { node, upstream, _ in
      let outcome = try await node.open("GET / HTTP/1.1\r\nHo", end: true).outcome()
      #expect(outcome == "reset cancelled")
      let exchange = try await node.open("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", end: true)
      _ = await exchange.outcome()
      #expect(exchange.reset != nil)
      await eventually("the connection closes") { upstream.open == 0 }
    }
  }

  @Test func `more than the request is not passed on`() async throws {
    try await withAgent({ _ in nil }) { node, upstream, _ in
      let outcome = try await node.open(get + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", end: true).outcome()
      #expect(outcome == "reset resetAfterSend")
      #expect(upstream.state.withLock { $0.requests }.isEmpty)
    }
  }

  @Test func `an early response ends the exchange, and its connection is not used again`() async throws {
    try await withAgent({ $0.contains("\r\n\r\n") ? .init(write: "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n") : nil }) {
      node, upstream, _ in
      let exchange = try await node.open("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nabc", end: false)
      #expect(await exchange.outcome() == "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
      try await exchange.send(String(repeating: "x", count: 897), end: true)
      await eventually("the connection closes") { upstream.open == 0 }
      await node.expect(get, gives: "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
      #expect(upstream.connections == 2)
    }
  }
}
