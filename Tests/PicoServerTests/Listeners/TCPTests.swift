import NIOCore
import PicoCore
import PicoTunnel
import Support
import Synchronization
import Testing

@testable import PicoServer

extension NodeTests {
  /// TCP carried in WebSocket messages.
  @Suite(.timeLimit(.minutes(1))) struct TCPTests {
    private static func opening(_ path: String = "/pico/v1/tcp/e") -> String {
      "GET \(path) HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    }

    /// A masked frame with a payload below 126 bytes.
    private static func frame(_ opcode: UInt8, _ payload: String, isFinal: Bool = true) -> [UInt8] {
      let mask: [UInt8] = [1, 2, 3, 4]
      return [opcode | (isFinal ? 0x80 : 0), UInt8(payload.utf8.count) | 0x80] + mask + payload.utf8.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    private func open(_ node: RunningNode, _ path: String = "/pico/v1/tcp/e") async throws -> RawClient {
      let client = try node.client()
      try await client.send(Self.opening(path))
      #expect(try await client.response().status == 101)
      return client
    }

    @Test(arguments: [1, 2], ["/pico/v1/tcp/e", "/_piko/v1/tcp/E"])
    func `bytes go both ways in binary messages`(threads: Int, path: String) async throws {
      try await RunningNode.with(threads: threads) { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        let client = try await open(node, path)
        // The agent hears of the stream before the client sends anything, as many protocols begin at the server.
        try await agent.streams(1)
        try await agent.act(0) { $0.send("220 hello\r\n") }
        #expect(try await client.bytes { $0.count >= 13 } == [0x82, 11] + Array("220 hello\r\n".utf8))
        try await client.socket.send(Self.frame(2, "abc", isFinal: false) + Self.frame(0, "def"))
        try await client.socket.send(Self.frame(9, "ping"))
        #expect(try await client.bytes { $0.count >= 6 } == [0x8A, 4] + Array("ping".utf8))
        try await agent.streams(1) { $0.text == "abcdef" }
        // Large ones in one message each way.
        let large = String(repeating: "x", count: 20_000)
        try await agent.act(0) { $0.send(large) }
        #expect(try await client.bytes { $0.count >= 20_004 }.count >= 20_004)
        // Each side ends alone: a Close of the client is its end, and the upstream may go on.
        try await client.socket.send(Self.frame(8, ""))
        try await agent.streams(1) { $0.isEnded }
        try await agent.act(0) { $0.send("bye", end: true) }
        #expect(try await client.bytes { _ in false } == [0x82, 3] + Array("bye".utf8) + [0x88, 2, 0x03, 0xE8])
        try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
        try await eventually("nothing in flight at the listener") { try await node.status("in_flight") == 0 }
        #expect(try await node.metric("pico_proxy_request_bytes_total") == 6)
      }
    }

    @Test(arguments: [1, 2])
    func `a client that breaks the protocol ends its own stream`(threads: Int) async throws {
      let wrong: [([UInt8], UInt16)] = [
        ([0x82, 3, 1, 2, 3], 1002), (Self.frame(1, "text"), 1003), ([0xC2, 0x80, 0, 0, 0, 0], 1002), ([0x83, 0x80, 0, 0, 0, 0], 1002),
      ]
      for (bytes, code) in wrong {
        try await RunningNode.with(threads: threads) { node in
          let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
          let client = try await open(node)
          // What follows the fault goes nowhere.
          try await client.socket.send(bytes + Self.frame(2, "more"))
          let rest = try await client.bytes { _ in false }
          #expect(rest.prefix(4) == [0x88, 2, UInt8(code >> 8), UInt8(code & 0xFF)])
          let seen = try await agent.streams(1) { $0.reset != nil }
          #expect(seen.text == "")
          try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
        }
      }
    }

    @Test(arguments: [1, 2])
    func `an agent that cannot connect, or vanishes, closes the connection with 1011`(threads: Int) async throws {
      for isVanishing in [false, true] {
        try await RunningNode.with(threads: threads) { node in
          let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
          let client = try await open(node)
          try await agent.streams(1)
          if isVanishing { try await agent.vanish() } else { try await agent.act(0) { $0.reset(.notSent) } }
          #expect(try await client.bytes { _ in false } == [0x88, 2, 0x03, 0xF3])
          try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
        }
      }
    }

    @Test(arguments: [1, 2], [StreamResetCode.notSent, .connectTimeout])
    func `a connection that no service took goes to another listener with what was sent`(
      threads: Int, code: StreamResetCode
    ) async throws {
      try await RunningNode.with(threads: threads) { node in
        let first = Switch()
        let script: ScriptedAgent.Script = { stream, event in
          guard event == .end else { return }
          if first.turn() { stream.reset(code) } else { stream.send("taken", end: true) }
        }
        let agents = [try await ScriptedAgent.connect(to: node, script), try await ScriptedAgent.connect(to: node, script)]
        let client = try await open(node)
        try await client.socket.send(Self.frame(2, "ab") + Self.frame(2, "c") + Self.frame(8, ""))
        #expect(try await client.bytes { _ in false } == [0x82, 5] + Array("taken".utf8) + [0x88, 2, 0x03, 0xE8])
        #expect(agents.map(\.seen.all.count) == [1, 1])
        #expect(agents.allSatisfy { $0.seen.all.first?.text == "abc" && $0.seen.all.first?.isEnded == true })
        #expect(try await node.metric("pico_proxy_retries_total") == 1)
        try await eventually("nothing in flight at either listener") {
          node.node?.registry.all.allSatisfy { $0.inFlight.load(ordering: .relaxed) == 0 } == true
        }
      }
    }

    @Test(arguments: [1, 2])
    func `a connection is tried three times at most`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        var agents: [ScriptedAgent] = []
        for _ in 0..<5 { agents.append(try await ScriptedAgent.connect(to: node, ScriptedAgent.refusing(.notSent))) }
        let client = try await open(node)
        try await client.socket.send(Self.frame(2, "\r\n\r\n"))
        #expect(try await client.bytes { _ in false } == [0x88, 2, 0x03, 0xF3])
        #expect(agents.map(\.seen.all.count).reduce(0, +) == 3)
        #expect(agents.allSatisfy { $0.seen.all.count <= 1 })
      }
    }

    /// The agent says that a service had it, it answered already, or more was sent than is kept.
    @Test(arguments: [1, 2], ["delivered", "answered", "too much"])
    func `what a service may have seen goes to no other`(threads: Int, why: String) async throws {
      try await RunningNode.with(threads: threads, { $0.proxy.retryBuffer = ByteSize(bytes: 8) }) { node in
        let script: ScriptedAgent.Script = { stream, event in
          guard event == .head else { return }
          if why == "answered" { stream.send("x") }
          stream.reset(why == "delivered" ? .resetAfterSend : .notSent)
        }
        let agents = [try await ScriptedAgent.connect(to: node, script), try await ScriptedAgent.connect(to: node, script)]
        let client = try await open(node)
        try await client.socket.send(Self.frame(2, why == "too much" ? "12345\r\n\r\n" : "\r\n\r\n"))
        #expect(try await client.bytes { _ in false }.suffix(4) == [0x88, 2, 0x03, 0xF3])
        #expect(agents.map(\.seen.all.count).reduce(0, +) == 1)
      }
    }

    @Test(arguments: [1, 2])
    func `a tunnel without room is passed over`(threads: Int) async throws {
      try await RunningNode.with(threads: threads, { $0.tunnel.maxStreams = 1 }) { node in
        let agents = [try await ScriptedAgent.connect(to: node) { _, _ in }, try await ScriptedAgent.connect(to: node) { _, _ in }]
        let clients = [try await open(node), try await open(node)]
        try await eventually("one for each") { agents.allSatisfy { $0.seen.all.count == 1 } }
        withExtendedLifetime(clients) {}
      }
    }

    @Test func `failures of a service that answers in between are no row, and its connections are counted`() async throws {
      try await RunningNode.with { node in
        let turns = Turns()
        let agent = try await ScriptedAgent.connect(to: node) { stream, event in
          guard event == .head else { return }
          if turns.next() % 3 == 2 { stream.reset(.notSent) } else { stream.send("ok", end: true) }
        }
        for index in 0..<24 {
          let client = try await open(node)
          try await client.socket.send(Self.frame(2, "\r\n\r\n") + Self.frame(8, ""))
          let rest = try await client.bytes { _ in false }
          #expect(rest == (index % 3 == 2 ? [0x88, 2, 0x03, 0xF3] : [0x82, 2] + Array("ok".utf8) + [0x88, 2, 0x03, 0xE8]))
        }
        #expect(agent.seen.all.count == 24)
        let listener = try #require(node.node?.registry.all.first)
        #expect(!listener.isLeftOut(now: NIODeadline.now().uptimeNanoseconds))
        #expect(try await node.status("requests_total") == 24)
      }
    }

    @Test func `a client that vanishes ends the stream`() async throws {
      try await RunningNode.with { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        let client = try await open(node)
        client.socket.finish()
        try await agent.streams(1) { $0.isEnded }
      }
    }

    @Test func `nobody to connect to is told before the upgrade`() async throws {
      try await RunningNode.with { node in
        let client = try node.client()
        try await client.send(Self.opening())
        #expect(try await client.response().field("x-pico-error") == "no-available-upstreams")
      }
    }
  }
}

/// Counts how often it was asked, from any thread.
private final class Turns: Sendable {
  private let count = Atomic<Int>(0)

  func next() -> Int { count.add(1, ordering: .relaxed).oldValue }
}
