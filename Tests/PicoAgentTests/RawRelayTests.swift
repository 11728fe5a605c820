import PicoCore
import Synchronization
import Testing

@testable import PicoAgent

private let upgrade = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
private let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"

@Suite(.timeLimit(.minutes(2)))
struct RawRelayTests {
  /// Switches, then sends back in brackets whatever comes; at the end of the input it says goodbye.
  private static let echo: ScriptedUpstream.Script = { received in
    if received.isEmpty { return nil }
    if received.hasSuffix("<end>") { return .init(write: "bye") }
    if received.hasPrefix("GET") { return received.hasSuffix("\r\n\r\n") ? .init(write: switching) : nil }
    return .init(write: "[\(received)]")
  }

  @Test func `after a 101 bytes go both ways, and each side ends by itself`() async throws {
    try await withAgent(Self.echo) { node, upstream, _ in
      let exchange = try await node.open(upgrade, end: false)
      await eventually("the switch") { exchange.text == switching }
      #expect(upstream.requests == [upgrade])
      try await exchange.send("one")
      await eventually("the echo") { exchange.text == switching + "[one]" }
      try await exchange.send("", end: true)
      #expect(await exchange.outcome() == switching + "[one]bye")
      await eventually("the connection closes") { upstream.open == 0 }
    }
  }

  @Test func `bytes behind an upgrade wait for the switch`() async throws {
    try await withAgent(Self.echo) { node, upstream, _ in
      let exchange = try await node.open(upgrade + "early", end: false)
      await eventually("the echo") { exchange.text == switching + "[early]" }
      #expect(upstream.requests == [upgrade, "early"])
    }
  }

  @Test func `a refused upgrade is a response like any other`() async throws {
    let no = "HTTP/1.1 426 No\r\nContent-Length: 0\r\n\r\n"
    try await withAgent({ $0.contains("\r\n\r\n") ? .init(write: no) : nil }) { node, upstream, _ in
      let exchange = try await node.open(upgrade + "early", end: false)
      #expect(await exchange.outcome() == no)
      #expect(upstream.requests == [upgrade])
    }
  }

  @Test func `a raw service gets the bytes as they are and may speak first`() async throws {
    let greeting = Mutex(false)
    let upstream = try await ScriptedUpstream.start { received in
      if received.isEmpty {
        return greeting.withLock { said in
          defer { said = true }; return said ? nil : .init(write: "220 hi\r\n")
        }
      }
      return Self.echo(received)
    }
    try await withAgent(upstream: .tcp(HostPort(host: "localhost", port: upstream.port)), { _ in nil }) { node, _, _ in
      let exchange = try await node.open("", end: false)
      // The node's first frame opens the stream.
      try await exchange.send("EHLO")
      await eventually("the echo") { exchange.text == "220 hi\r\n[EHLO]" }
      try await exchange.send("", end: true)
      #expect(await exchange.outcome() == "220 hi\r\n[EHLO]bye")
    }
    try await upstream.stop()
  }

  @Test func `the node's last bytes arrive at a service that ended its side before`() async throws {
    let upstream = try await ScriptedUpstream.start(endsFirst: true) { _ in nil }
    try await withAgent(upstream: .tcp(HostPort(host: "localhost", port: upstream.port)), { _ in nil }) { node, _, agent in
      let exchange = try await node.open("a", end: false)
      await eventually("the service ends") { exchange.isEnded }
      try await exchange.send(String(repeating: "z", count: 100_000), end: true)
      await eventually("all of it arrives") { upstream.state.withLock { $0.bytes } == 100_001 }
      await eventually("the relay is free") { await agent.report().listeners[0].pool.active == 0 }
      await eventually("the connection closes") { upstream.open == 0 }
    }
    try await upstream.stop()
  }

  @Test func `a raw service that is not there is reported as not sent`() async throws {
    let upstream = try await ScriptedUpstream.start(Self.echo)
    let port = upstream.port
    try await upstream.stop()
    try await withAgent(upstream: .tcp(HostPort(host: "127.0.0.1", port: port)), { _ in nil }) { node, _, _ in
      let outcome = try await node.open("x", end: false).outcome()
      #expect(outcome == "reset notSent")
    }
  }

  @Test func `a service behind a Unix socket answers`() async throws {
    let path = "/tmp/pico-agent-test-\(UInt32.random(in: 0 ... .max)).sock"
    let upstream = try await ScriptedUpstream.start(unixSocket: path, answer(ok))
    try await withAgent(upstream: .unix(path), { _ in nil }) { node, _, _ in
      await node.expect(get, gives: ok)
      await node.expect(get, gives: ok)
    }
    #expect(upstream.connections == 1)
    try await upstream.stop()
  }

  @Test func `a service that does not read stops the sender at the window`() async throws {
    try await withAgent(readsNothing: true, { _ in nil }) { node, _, agent in
      let size = 64 << 20
      let exchange = try await node.open("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n", end: false)
      let chunk = String(repeating: "x", count: 256 << 10)
      var sent = 0
      // The sender is asked to pause, and stays so: window, sockets and a little more are full.
      var isStuck = false
      while !isStuck, sent < size - chunk.utf8.count {
        try await exchange.send(chunk)
        sent += chunk.utf8.count
        let clock = ContinuousClock()
        let deadline = clock.now + .milliseconds(500)
        while clock.now < deadline, !exchange.seen.withLock({ $0.isWritable }) { try await Task.sleep(for: .milliseconds(5)) }
        isStuck = !exchange.seen.withLock { $0.isWritable }
      }
      #expect(isStuck)
      #expect(sent < 48 << 20)
      // Another stream is not held up.
      let other = try await node.open(get)
      await eventually("the other request is sent") { await agent.report().listeners[0].pool.statistics.connects == 2 }
      try await other.cancel()
      try await exchange.cancel()
    }
  }

  @Test func `a node that does not read stops the service`() async throws {
    let body = 64 << 20
    let chunk = String(repeating: "y", count: 1 << 20)
    try await withAgent({ received in
      received.hasSuffix("\r\n\r\n") ? .init(write: "HTTP/1.1 200 OK\r\nContent-Length: \(body)\r\n\r\n" + chunk) : nil
    }) { node, upstream, agent in
      let exchange = try await node.open(get, consumes: false)
      await eventually("the window is used up") { exchange.seen.withLock { $0.bytes } == 256 << 10 }
      // 1 MiB was written by the service; what is beyond window, pending and one read stays in its socket.
      let taken = await agent.report().listeners[0].pool.statistics.bytesFromUpstream
      #expect(taken < 700 << 10)
      try await exchange.cancel()
      await eventually("the connection closes") { upstream.open == 0 }
    }
  }
}
