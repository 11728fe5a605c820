import PicoCore
import PicoTunnel
import Support
import Synchronization
import Testing

@testable import PicoServer

extension NodeTests {
  /// Readers and writers that are slower than the other side.
  @Suite(.timeLimit(.minutes(3))) struct BackPressureTests {
    private static let chunk = [UInt8](repeating: 0x61, count: 64 << 10)

    /// Sends `count` bytes as they come, whatever the window takes, and ends.
    private static func sendingBody(of count: Int) -> ScriptedAgent.Script {
      { stream, event in
        guard event == .head else { return }
        stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n")
        stream.send(chunk, times: count / chunk.count)
      }
    }

    @Test(arguments: [1, 2])
    func `a client that reads nothing holds its own response and no other`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let size = 40 << 20
        let agent = try await ScriptedAgent.connect(to: node) { stream, event in
          guard event == .head else { return }
          if stream.index == 0 { Self.sendingBody(of: size)(stream, event) } else { ScriptedAgent.ok(stream, event) }
        }
        let slow = try node.client()
        try await slow.send(ExchangeTests.get)
        try await agent.streams(1)
        // The unread bytes grow to what a window and the kernel hold, and stay there.
        var last = -1
        try await eventually("the stream to stand", within: 20, every: 100) {
          let now = try await agent.onLoop { $0.streams[0].left * Self.chunk.count }
          defer { last = now }
          return now == last && now < size
        }
        // A window of 8 MiB at most, what 2 sockets hold, and the water mark: far from the whole.
        #expect(last > size / 4)
        let quick = try node.client()
        for _ in 0..<50 {
          try await quick.send(ExchangeTests.get)
          #expect(try await quick.response(within: 2).body == "ok")
        }
        let body = try await slow.response(within: 30).body
        #expect(Array(body.utf8) == [UInt8](repeating: 0x61, count: size))
        try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
        try await eventually("nothing held") { node.node?.buffered.load(ordering: .relaxed) ?? 1 < 300 << 10 }
      }
    }

    @Test(arguments: [1, 2], [true, false])
    func `an agent that reads nothing stops the client that sends`(threads: Int, isPico: Bool) async throws {
      try await RunningNode.with(threads: threads) { node in
        let size = 32 << 20
        let agent = try await ScriptedAgent.connect(to: node, isPico: isPico) { stream, event in
          switch event {
          case .head where stream.index == 0: stream.consumes = false
          case .head: ScriptedAgent.ok(stream, event)
          case .end: stream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", end: true)
          case .bytes where !isPico && stream.received >= size: stream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", end: true)
          default: break
          }
        }
        let client = try node.client()
        let sent = Counter()
        let sending = Task { [client = UncheckedBox(client)] in
          try await client.value.send("POST / HTTP/1.1\r\nHost: e.example\r\nContent-Length: \(size)\r\n\r\n")
          for _ in 0..<size / Self.chunk.count {
            try await client.value.socket.send(Self.chunk, within: 60)
            sent.add(Self.chunk.count)
          }
        }
        try await agent.streams(1) { $0.count >= 200 << 10 }
        var last = -1
        try await eventually("the client to stand", within: 20, every: 200) {
          let now = sent.value
          defer { last = now }
          return now == last
        }
        #expect(last < size / 2)
        let quick = try node.client()
        for _ in 0..<50 {
          try await quick.send(ExchangeTests.get)
          #expect(try await quick.response(within: 2).body == "ok")
        }
        try await agent.act(0) { $0.consumeAll() }
        try await sending.value
        #expect(try await client.response(within: 30).status == 200)
        #expect(agent.seen.all[0].count > size)
        try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
      }
    }

    @Test(arguments: [1, 2])
    func `responses do not pile up for a client that asks and does not read`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let size = 192 << 10
        let agent = try await ScriptedAgent.connect(to: node, Self.sendingBody(of: size))
        let client = try node.client()
        let count = 400
        try await client.send(String(repeating: ExchangeTests.get, count: count))
        var last = -1
        try await eventually("no more requests", within: 20, every: 200) {
          let now = agent.seen.all.count
          defer { last = now }
          return now == last
        }
        // What the sockets' buffers take of 75 MiB, and one response more.
        #expect(last < count / 2)
        for _ in 0..<count { #expect(try await client.response(within: 20).body.utf8.count == size) }
      }
    }

    @Test func `a connection that moves to the loop of its listener loses nothing of the responses before`() async throws {
      try await RunningNode.with(threads: 2) { node in
        let size = 60_000
        let answer = ScriptedAgent.answering("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n" + String(repeating: "a", count: size))
        _ = try await ScriptedAgent.connect(to: node, endpoint: "e", answer)
        _ = try await ScriptedAgent.connect(to: node, endpoint: "f", ScriptedAgent.ok)
        // Large responses of its own loop fill what the kernel holds, and then small ones of the other loop make the connection move. Which
        // of the two connections does is the order of the loops.
        for _ in 0..<4 {
          let client = try node.client(receiveBuffer: 4096)
          try await client.send(String(repeating: ExchangeTests.get, count: 80))
          try await client.send(String(repeating: "GET / HTTP/1.1\r\nHost: f.example\r\n\r\n", count: 8))
          for _ in 0..<80 { #expect(try await client.response(within: 20).body.utf8.count == size) }
          for _ in 0..<8 { #expect(try await client.response(within: 20).body == "ok") }
        }
      }
    }

    @Test(arguments: [1, 2])
    func `a client that reads nothing for the time of an idle body is cut, one that reads slowly is not`(threads: Int) async throws {
      try await RunningNode.with(threads: threads, { $0.proxy.bodyIdleTimeout = .seconds(1) }) { node in
        let size = 32 << 20
        let agent = try await ScriptedAgent.connect(to: node, Self.sendingBody(of: size))
        let silent = try node.client()
        try await silent.send(ExchangeTests.get)
        // Its kernel holds little and the node's much: the channel hears of room only after seconds.
        let slow = try node.client(receiveBuffer: 65_536)
        try await slow.send(ExchangeTests.get)
        var taken = 0
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(4) {
          // A little, then less than the time for an idle body passes.
          let wanted = 32 << 10
          taken += try await slow.bytes { $0.count >= wanted }.count
          try await Task.sleep(for: .milliseconds(300))
        }
        try await eventually("the end of the silent one") { agent.seen.all.contains { $0.reset == .cancelled } }
        taken += try await slow.bytes(within: 30) { $0.count + taken >= size }.count
        #expect(taken >= size)
        let rest = try await silent.bytes { _ in false }
        #expect(rest.count < size)
        #expect(silent.isClosed)
      }
    }

    @Test(arguments: [1, 2])
    func `above the memory for unread bytes new requests are refused, and not below it`(threads: Int) async throws {
      try await RunningNode.with(threads: threads, { $0.memory.maxBuffered = .mebibytes(1) }) { node in
        _ = try await ScriptedAgent.connect(to: node) { stream, event in
          if stream.index < 6 { Self.sendingBody(of: 16 << 20)(stream, event) } else { ScriptedAgent.ok(stream, event) }
        }
        var slow: [RawClient] = []
        for _ in 0..<6 {
          slow.append(try node.client())
          try await slow.last?.send(ExchangeTests.get)
        }
        try await eventually("1 MiB of unread bytes") { node.node?.buffered.load(ordering: .relaxed) ?? 0 >= 1 << 20 }
        let client = try node.client()
        try await client.send(ExchangeTests.get)
        let response = try await client.response()
        #expect(response.status == 503)
        #expect(response.field("x-pico-error") == "overloaded")
        #expect(response.field("retry-after") == "1")
        for reader in slow { _ = try await reader.bytes(within: 30) { $0.count > 16 << 20 } }
        try await eventually("room again") {
          try await client.send(ExchangeTests.get)
          return try await client.response().status == 200
        }
      }
    }
  }
}
