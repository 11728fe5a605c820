import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// One exchange after another over real sockets, with the tunnel on the request's loop and on another one.
  @Suite(.timeLimit(.minutes(2))) struct ExchangeTests {
    static let get = "GET /a?b=c HTTP/1.1\r\nHost: e.example\r\n\r\n"

    /// After what a test did, nothing may be left open or counted.
    private func expectRest(_ node: RunningNode) async throws {
      try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
      try await eventually("no stream") { try await node.metric("pico_tunnel_streams") == 0 }
      try await eventually("no request in flight at a listener") { try await node.status("in_flight") == 0 }
    }

    @Test(arguments: [1, 2], [true, false])
    func `a request reaches the agent as it was sent, and the response comes back`(threads: Int, isPico: Bool) async throws {
      try await RunningNode.with(threads: threads) { node in
        let agent = try await ScriptedAgent.connect(to: node, isPico: isPico, ScriptedAgent.ok)
        let client = try node.client()
        for round in 1...3 {
          try await client.send(Self.get)
          let response = try await client.response()
          #expect(response.status == 200)
          #expect(response.body == "ok")
          let seen = try await agent.streams(round) { $0.isEnded }
          #expect(seen.text.hasPrefix("GET /a?b=c HTTP/1.1\r\nHost: e.example\r\nX-Forwarded-For: 127.0.0.1\r\n"))
          #expect(seen.text.contains("\r\nConnection: close\r\n") == !isPico)
        }
        try await expectRest(node)
      }
    }

    @Test(arguments: [1, 2])
    func `pipelined requests are answered in their order`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        _ = try await ScriptedAgent.connect(to: node) { stream, event in
          if event == .head { stream.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(stream.index % 10)", end: true) }
        }
        let client = try node.client()
        // One of them has a body, and one is answered by the node itself.
        let one = Self.get
        let two = "POST / HTTP/1.1\r\nHost: e.example\r\nContent-Length: 3\r\n\r\nxyz"
        let three = "GET /pico/v1/ready HTTP/1.1\r\nHost: e.example\r\n\r\n"
        try await client.send(String(repeating: one + two + three, count: 100))
        for round in 0..<100 {
          #expect(try await client.response().body == "\(round * 2 % 10)")
          #expect(try await client.response().body == "\((round * 2 + 1) % 10)")
          #expect(try await client.response().body == "ready\n")
        }
        try await expectRest(node)
      }
    }

    @Test(arguments: [1, 2])
    func `a head that comes byte by byte is one request`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let agent = try await ScriptedAgent.connect(to: node) { stream, event in
          guard event == .head else { return }
          for byte in "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" { stream.send(String(byte)) }
          stream.send("", end: true)
        }
        let client = try node.client()
        for byte in Self.get { try await client.send(String(byte)) }
        #expect(try await client.response().body == "ok")
        #expect(agent.seen.all.count == 1)
        try await expectRest(node)
      }
    }

    struct Passing: Sendable, CustomTestStringConvertible {
      var name: String
      var request: String
      var response: String
      /// All that the client gets until the node closes or the text is there.
      var expected: String
      var closes = false
      var testDescription: String { name }
    }

    static let passing: [Passing] = [
      Passing(
        name: "HEAD has no body whatever its length says", request: "HEAD / HTTP/1.1\r\nHost: e.example\r\n\r\n",
        response: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", expected: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
      Passing(
        name: "304 has no body", request: get, response: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        expected: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
      Passing(
        name: "204 loses a length", request: get, response: "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        expected: "HTTP/1.1 204 No Content\r\n\r\n"),
      Passing(
        name: "chunks and trailers pass as they are", request: get,
        response: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
        expected: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
      Passing(
        name: "a body that ends with the stream becomes chunked", request: get, response: "HTTP/1.1 200 OK\r\n\r\nabc",
        expected: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
      Passing(
        name: "an HTTP/1.0 response is one of 1.1", request: get, response: "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        expected: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
      Passing(
        name: "an HTTP/1.0 client gets no chunks and a close", request: "GET / HTTP/1.0\r\nHost: e.example\r\n\r\n",
        response: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        expected: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde", closes: true),
      Passing(
        name: "an HTTP/1.0 client may ask to stay", request: "GET / HTTP/1.0\r\nHost: e.example\r\nConnection: keep-alive\r\n\r\n",
        response: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        expected: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc"),
      Passing(
        name: "a client that asks for a close gets one", request: "GET / HTTP/1.1\r\nHost: e.example\r\nConnection: close\r\n\r\n",
        response: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        expected: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", closes: true),
      Passing(
        name: "an upstream that closes does not close downstream", request: get,
        response: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
        expected: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
      Passing(
        name: "interim responses go before the final one", request: get,
        response:
          "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        expected: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
      ),
      Passing(
        name: "HTTP/1.0 knows no interim response", request: "GET / HTTP/1.0\r\nHost: e.example\r\n\r\n",
        response: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        expected: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", closes: true),
      Passing(
        name: "fields of Pico do not come from upstream", request: get,
        response: "HTTP/1.1 200 OK\r\nX-Pico-Error: a\r\nx-piko-b: c\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n",
        expected: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
      Passing(
        name: "an upgrade that is refused stays HTTP",
        request: "GET / HTTP/1.1\r\nHost: e.example\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        response: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", expected: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
    ]

    @Test(arguments: [1, 2], passing)
    func `responses are passed on as their client can read them`(threads: Int, passing: Passing) async throws {
      for isPico in [true, false] {
        try await RunningNode.with(threads: threads) { node in
          _ = try await ScriptedAgent.connect(to: node, isPico: isPico, ScriptedAgent.answering(passing.response))
          let client = try node.client()
          // Twice on one connection, where it stays.
          for _ in 0..<(passing.closes ? 1 : 2) {
            try await client.send(passing.request)
            let wanted = Array(passing.expected.utf8)
            let received =
              passing.closes
              ? try await client.rest() : String(decoding: try await client.bytes { $0.count >= wanted.count }, as: UTF8.self)
            #expect(received == passing.expected)
          }
          #expect(client.isClosed == passing.closes)
          try await expectRest(node)
        }
      }
    }

    @Test(arguments: [1, 2], ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "\r\n\r\nabc"])
    func `a response that the agent cuts short is seen to be short`(threads: Int, response: String) async throws {
      for code in [StreamResetCode.cancelled, .resetAfterSend, .malformedResponse] {
        try await RunningNode.with(threads: threads) { node in
          let agent = try await ScriptedAgent.connect(to: node) { stream, event in
            if event == .head { stream.send("HTTP/1.1 200 OK\r\n\(response)") }
          }
          let client = try node.client()
          try await client.send(Self.get)
          let before = try await client.text(until: "abc")
          try await agent.act(0) { $0.reset(code) }
          let rest = try await client.rest()
          #expect(client.isClosed)
          // Neither the rest of a length nor a last chunk.
          #expect(!(before + rest).hasSuffix("0\r\n\r\n"))
          try await expectRest(node)
        }
      }
    }

    @Test(arguments: [1, 2], [true, false])
    func `an agent that vanishes in a response cuts it, for HTTP 1 0 by a reset`(threads: Int, isPico: Bool) async throws {
      try await RunningNode.with(threads: threads) { node in
        let agent = try await ScriptedAgent.connect(to: node, isPico: isPico) { stream, event in
          if event == .head { stream.send("HTTP/1.1 200 OK\r\n\r\nabc") }
        }
        let old = try node.client()
        try await old.send("GET / HTTP/1.0\r\nHost: e.example\r\n\r\n")
        _ = try await old.text(until: "abc")
        let new = try node.client()
        try await new.send(Self.get)
        _ = try await new.text(until: "abc")
        try await agent.vanish()
        #expect(try await new.rest() == "")
        #expect(try await old.rest() == "")
        #expect(old.socket.wasReset)
        #expect(!new.socket.wasReset)
        try await eventually("the listener is gone") { node.server.listenerCount == 0 }
        try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
      }
    }

    @Test(arguments: [1, 2])
    func `a client that leaves resets the stream and is counted as 499`(threads: Int) async throws {
      let ways: [(LoopbackSocket) -> Void] = [{ $0.finish() }, { $0.reset() }]
      for leaves in ways {
        try await RunningNode.with(threads: threads) { node in
          let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
          let client = try node.client()
          try await client.send(Self.get)
          try await agent.streams(1)
          leaves(client.socket)
          try await agent.streams(1) { $0.reset == .cancelled }
          try await expectRest(node)
          #expect(try await node.metric("pico_proxy_requests_total{status=\"499\",method=\"GET\"}") == 1)
          try await eventually("a line of the log") { node.accessLog.all.last?.contains("\"status\":499") == true }
        }
      }
    }

    @Test(arguments: [1, 2])
    func `an early final response ends the request and then the connection`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let agent = try await ScriptedAgent.connect(
          to: node, ScriptedAgent.answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"))
        let client = try node.client()
        try await client.send("POST / HTTP/1.1\r\nHost: e.example\r\nContent-Length: 1000000\r\n\r\nabc")
        let response = try await client.response()
        #expect(response.status == 403)
        #expect(response.body == "no")
        #expect(response.field("connection") == "close")
        // What the client still sends does not take its answer away.
        try await client.send(String(repeating: "x", count: 100_000))
        #expect(try await client.rest(within: 5) == "")
        #expect(!client.socket.wasReset)
        try await agent.streams(1) { $0.reset == .cancelled }
        try await expectRest(node)
      }
    }

    @Test(arguments: [1, 2], [true, false])
    func `an upgraded connection carries bytes both ways and each side ends alone`(threads: Int, isPico: Bool) async throws {
      for upstreamEndsFirst in [true, false] {
        try await RunningNode.with(threads: threads) { node in
          let agent = try await ScriptedAgent.connect(to: node, isPico: isPico) { stream, event in
            if event == .head { stream.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello") }
          }
          let client = try node.client()
          // The first bytes of the new protocol come before the switch.
          try await client.send("GET / HTTP/1.1\r\nHost: e.example\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nearly")
          let head = try await client.response()
          #expect(head.status == 101)
          #expect(head.field("upgrade") == "x")
          #expect(try await client.text(until: "hello") == "hello")
          try await agent.streams(1) { $0.text.hasSuffix("early") }
          try await client.send(" more")
          try await agent.streams(1) { $0.text.hasSuffix("early more") && !$0.isEnded }
          if upstreamEndsFirst {
            try await agent.act(0) { $0.send("bye", end: true) }
            #expect(try await client.rest() == "bye")
            try await client.send(" last")
            client.socket.finish()
            try await agent.streams(1) { $0.text.hasSuffix("more last") && $0.isEnded }
          } else {
            client.socket.finish()
            try await agent.streams(1) { $0.isEnded }
            try await agent.act(0) { $0.send("bye", end: true) }
            #expect(try await client.rest() == "bye")
          }
          try await expectRest(node)
          #expect(try await node.metric("pico_proxy_request_bytes_total") == Double(upstreamEndsFirst ? 15 : 10))
          #expect(try await node.metric("pico_proxy_response_bytes_total") == 8)
        }
      }
    }

    @Test func `many pipelined bytes before a switch do not stop the connection`() async throws {
      try await RunningNode.with { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        let client = try node.client()
        try await client.send("GET / HTTP/1.1\r\nHost: e.example\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
        try await agent.streams(1)
        let sending = Task { [client = UncheckedBox(client)] in try await client.value.send(String(repeating: "x", count: 600_000)) }
        try await Task.sleep(for: .milliseconds(50))
        try await agent.act(0) { $0.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n") }
        try await sending.value
        try await agent.streams(1) { $0.count >= 600_000 }
      }
    }

    @Test(arguments: [1, 2])
    func `a 101 before the request's body ended is refused`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        _ = try await ScriptedAgent.connect(
          to: node, ScriptedAgent.answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"))
        let client = try node.client()
        try await client.send("POST / HTTP/1.1\r\nHost: e.example\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 9\r\n\r\nabc")
        let response = try await client.response()
        #expect(response.status == 502)
        #expect(response.field("x-pico-error") == "malformed-response")
        try await expectRest(node)
      }
    }

    @Test func `the end of a response to a plain yamux agent is also the end of its stream`() async throws {
      try await RunningNode.with { node in
        // Sends its own end late, and then something that nobody waits for.
        let agent = try await ScriptedAgent.connect(to: node, isPico: false) { stream, event in
          switch event {
          case .head: stream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
          case .end: stream.send("late", end: true)
          default: break
          }
        }
        let client = try node.client()
        for round in 1...5 {
          try await client.send(Self.get)
          #expect(try await client.response().body == "ok")
          try await agent.streams(round) { $0.isEnded && $0.reset == nil }
        }
        try await expectRest(node)
      }
    }
  }
}

/// Hands a value to a task that uses it alone for a while.
struct UncheckedBox<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
