import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// What a client is told when its request cannot be served.
  @Suite(.timeLimit(.minutes(2))) struct ErrorTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
      var name: String
      var request: String
      var status: Int
      var error: String
      var closes = false
      var testDescription: String { name }
    }

    @Test(arguments: [
      ("GET / HTTP/1.1\r\nA : b\r\n\r\n", 400), ("GET / HT", 408), ("GET / HTTP/1.1\r\nA: \(String(repeating: "a", count: 3000))", 431),
    ])
    func `a head that cannot be read is a line of the access log`(_ head: String, _ status: Int) async throws {
      try await RunningNode.with({
        $0.proxy.headTimeout = .milliseconds(300)
        $0.proxy.maxHead = .kibibytes(2)
      }) { node in
        let client = try node.client()
        try await client.send(head)
        let response = try await client.response()
        #expect(response.status == status)
        let requestID = try #require(response.field("x-request-id"))
        try await eventually("a line of the log") {
          guard let line = node.accessLog.all.last else { return false }
          return line.contains(#""client":"127.0.0.1","method":"-","host":"","target":"-","protocol":"HTTP/1.1","status":\#(status),"#)
            && line.contains(requestID)
        }
      }
    }

    private static func line(_ start: String, _ fields: String = "Host: e.example\r\n") -> String { "\(start)\r\n\(fields)\r\n" }

    static let refusals: [Refusal] = [
      Refusal(
        name: "no endpoint", request: line("GET / HTTP/1.1", "Host: localhost\r\n"), status: 400, error: "missing endpoint id", closes: true
      ),
      Refusal(
        name: "an address as host", request: line("GET / HTTP/1.1", "Host: 10.0.0.1:80\r\n"), status: 400, error: "missing endpoint id",
        closes: true),
      Refusal(
        name: "an endpoint that is none", request: line("GET / HTTP/1.1", "Host: a\r\nx-pico-endpoint: ..\r\n"), status: 400,
        error: "malformed request", closes: true),
      Refusal(
        name: "an endpoint with an escape", request: line("GET / HTTP/1.1", "Host: a\r\nx-pico-endpoint: a%2e\r\n"), status: 400,
        error: "malformed request", closes: true),
      Refusal(
        name: "two endpoints", request: line("GET / HTTP/1.1", "Host: a\r\nx-pico-endpoint: a\r\nx-piko-endpoint: a\r\n"), status: 400,
        error: "malformed request", closes: true),
      Refusal(
        name: "nobody listens", request: line("GET / HTTP/1.1", "Host: nobody.example\r\n"), status: 502, error: "no available upstreams"),
      Refusal(
        name: "nobody listens, with a body", request: line("POST / HTTP/1.1", "Host: nobody.example\r\nContent-Length: 3\r\n") + "abc",
        status: 502, error: "no available upstreams"),
      Refusal(name: "an unknown path of Pico", request: line("GET /pico/v1/nothing HTTP/1.1"), status: 404, error: "not found"),
      Refusal(
        name: "a method that ready does not know", request: line("DELETE /pico/v1/ready HTTP/1.1"), status: 405, error: "method not allowed"
      ),
      Refusal(
        name: "a registration without an upgrade", request: line("GET /pico/v1/listener/e HTTP/1.1"), status: 426, error: "upgrade required"
      ),
      Refusal(name: "TCP without an upgrade", request: line("GET /_piko/v1/tcp/e HTTP/1.1"), status: 426, error: "upgrade required"),
      Refusal(
        name: "a loop", request: line("GET / HTTP/1.1", "Host: e.example\r\nCDN-Loop: pico, other, pico; a=b\r\n"), status: 508,
        error: "loop detected"),
      Refusal(
        name: "a head too large", request: "GET /" + String(repeating: "a", count: 70_000) + " HTTP/1.1\r\n", status: 431,
        error: "request head too large", closes: true),
      Refusal(name: "CONNECT", request: line("CONNECT e.example:443 HTTP/1.1"), status: 400, error: "malformed request", closes: true),
      Refusal(
        name: "a length and chunks",
        request: line("POST / HTTP/1.1", "Host: e.example\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"), status: 400,
        error: "malformed request", closes: true),
      Refusal(
        name: "two lengths", request: line("POST / HTTP/1.1", "Host: e.example\r\nContent-Length: 3\r\nContent-Length: 3\r\n"), status: 400,
        error: "malformed request", closes: true),
      Refusal(
        name: "a bare line feed", request: "GET / HTTP/1.1\nHost: e.example\r\n\r\n", status: 400, error: "malformed request", closes: true),
      Refusal(
        name: "a folded field", request: line("GET / HTTP/1.1", "Host: e.example\r\nA: b\r\n c\r\n"), status: 400,
        error: "malformed request", closes: true),
      Refusal(
        name: "a space before the colon", request: line("GET / HTTP/1.1", "Host : e.example\r\n"), status: 400, error: "malformed request",
        closes: true),
      Refusal(name: "no host", request: line("GET / HTTP/1.1", ""), status: 400, error: "malformed request", closes: true),
      Refusal(name: "another version", request: line("GET / HTTP/1.2"), status: 400, error: "malformed request", closes: true),
      Refusal(
        name: "another host in the target", request: line("GET http://f.example/ HTTP/1.1"), status: 400, error: "malformed request",
        closes: true),
      Refusal(
        name: "chunks in HTTP/1.0", request: line("POST / HTTP/1.0", "Host: e.example\r\nTransfer-Encoding: chunked\r\n"), status: 400,
        error: "malformed request", closes: true),
      Refusal(
        name: "a bad chunk", request: line("POST / HTTP/1.1", "Host: e.example\r\nTransfer-Encoding: chunked\r\n") + "zz\r\n", status: 400,
        error: "malformed request", closes: true),
    ]

    @Test(arguments: [1, 2], refusals)
    func `a request that cannot be served is told why`(threads: Int, refusal: Refusal) async throws {
      try await RunningNode.with(threads: threads) { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        let client = try node.client()
        let isMalformed = refusal.status == 400 || refusal.status == 431
        try await client.send(isMalformed ? refusal.request : refusal.request.replacing("\r\n\r\n", with: "\r\nX-Request-Id: id-1\r\n\r\n"))
        let response = try await client.response()
        #expect(response.status == refusal.status)
        #expect(response.body == "{\"error\":\"\(refusal.error)\"}\n")
        #expect(response.field("content-type") == "application/json")
        #expect(response.field("x-pico-error") == refusal.error.replacing(" ", with: "-"))
        let id = response.field("x-request-id") ?? ""
        #expect(isMalformed ? id.count == 32 : id == "id-1")
        #expect(response.field("connection") == (refusal.closes ? "close" : nil))
        if refusal.closes {
          // What comes behind is not read as a request.
          try await client.send("GET /pico/v1/ready HTTP/1.1\r\nHost: a\r\n\r\n")
          #expect(try await client.rest(within: 5) == "")
          #expect(!client.socket.wasReset)
        } else {
          try await client.send("GET /pico/v1/ready HTTP/1.1\r\nHost: a\r\n\r\n")
          #expect(try await client.response().body == "ready\n")
        }
        // Nothing of it reached the agent, but for a body that went wrong behind its head.
        #expect(agent.seen.all.allSatisfy { $0.reset == .cancelled })
        #expect(try await node.metric("pico_proxy_errors_total{code=\"\(refusal.error.replacing(" ", with: "-"))\"}") == 1)
        try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
      }
    }

    @Test(arguments: [
      ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"), "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "garbage\r\n\r\n",
      "HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nA",
      "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
    ])
    func `a response that is none becomes 502, and the connection stays`(response: String) async throws {
      for threads in [1, 2] {
        try await RunningNode.with(threads: threads) { node in
          _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.answering(response))
          let client = try node.client()
          for _ in 0..<2 {
            try await client.send(NodeTests.ExchangeTests.get)
            let answer = try await client.response()
            #expect(answer.status == 502)
            #expect(answer.field("x-pico-error") == "malformed-response")
          }
          try await eventually("no request in flight") { try await node.metric("pico_proxy_requests_in_flight") == 0 }
        }
      }
    }

    @Test(arguments: [
      (StreamResetCode.notSent, 502, "upstream-unreachable"), (.connectTimeout, 502, "upstream-unreachable"),
      (.malformedResponse, 502, "malformed-response"), (.upstreamTimeout, 504, "upstream-timeout"),
      (.resetAfterSend, 502, "upstream-unreachable"),
      (.cancelled, 502, "upstream-unreachable"),
    ])
    func `each code of a reset has its answer, also behind an interim response`(code: StreamResetCode, status: Int, error: String)
      async throws
    {
      for (threads, isInterim) in [(1, false), (2, false), (1, true)] {
        try await RunningNode.with(threads: threads) { node in
          let agent = try await ScriptedAgent.connect(to: node) { stream, event in
            guard event == .head else { return }
            if isInterim { stream.send("HTTP/1.1 100 Continue\r\n\r\n") }
            stream.reset(code)
          }
          let client = try node.client()
          try await client.send("POST / HTTP/1.1\r\nHost: e.example\r\nContent-Length: 1\r\n\r\nx")
          if isInterim { #expect(try await client.response().status == 100) }
          let response = try await client.response()
          #expect(response.status == status)
          #expect(response.field("x-pico-error") == error)
          // A request that another listener could not take is counted for the one that could not serve it.
          #expect(try await node.status("requests_total") == 1)
          #expect(try await node.status("5xx") == 1)
          #expect(agent.seen.all.count == 1)
          try await eventually("no request in flight") { try await node.status("in_flight") == 0 }
        }
      }
    }

    @Test(arguments: [1, 2])
    func `an upstream that does not answer in time is 504, however often the request was tried`(threads: Int) async throws {
      try await RunningNode.with(threads: threads, { $0.proxy.timeout = .milliseconds(400) }) { node in
        // The first keeps the request most of the time before it gives it back.
        let script: ScriptedAgent.Script = { stream, event in
          guard event == .head else { return }
          _ = stream
        }
        let agent = try await ScriptedAgent.connect(to: node, script)
        let client = try node.client()
        let start = ContinuousClock.now
        try await client.send(NodeTests.ExchangeTests.get)
        let response = try await client.response()
        #expect(response.status == 504)
        #expect(ContinuousClock.now - start >= .milliseconds(400))
        #expect(ContinuousClock.now - start < .seconds(5))
        try await agent.streams(1) { $0.reset == .cancelled }
        try await client.send("GET /pico/v1/ready HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await client.response().body == "ready\n")
      }
    }

    @Test func `a response body that pauses is not cut by the timeout`() async throws {
      try await RunningNode.with(
        threads: 1,
        {
          $0.proxy.timeout = .milliseconds(200); $0.proxy.bodyIdleTimeout = .milliseconds(200)
        }
      ) { node in
        let agent = try await ScriptedAgent.connect(to: node) { stream, event in
          if event == .head { stream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n") }
        }
        let client = try node.client()
        try await client.send(NodeTests.ExchangeTests.get)
        _ = try await client.text(until: "data: 1")
        // Three sweeps and more.
        try await Task.sleep(for: .seconds(1))
        try await agent.act(0) { $0.send("data: 2\n\n", end: true) }
        #expect(try await client.text(until: "0\r\n\r\n").contains("data: 2"))
      }
    }

    @Test func `a client that does not send its head, or its body, is told 408`() async throws {
      try await RunningNode.with({
        $0.proxy.headTimeout = .milliseconds(300); $0.proxy.bodyIdleTimeout = .milliseconds(300)
      }) { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        let silent = try node.client()
        #expect(try await silent.rest(within: 5) == "")
        for request in ["GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: e.example\r\nContent-Length: 10\r\n\r\nabc"] {
          let client = try node.client()
          try await client.send(request)
          let response = try await client.response()
          #expect(response.status == 408)
          #expect(response.field("x-pico-error") == "request-timeout")
          #expect(try await client.rest(within: 5) == "")
        }
        try await agent.streams(1) { $0.reset == .cancelled }
      }
    }

    @Test func `a client that waits for 100 is not to blame when the upstream is silent`() async throws {
      try await RunningNode.with({
        $0.proxy.timeout = .milliseconds(300); $0.proxy.bodyIdleTimeout = .seconds(30)
      }) { node in
        _ = try await ScriptedAgent.connect(to: node) { _, _ in }
        let client = try node.client()
        try await client.send("POST / HTTP/1.1\r\nHost: e.example\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
        #expect(try await client.response(within: 5).status == 504)
      }
    }

    @Test func `idle connections are closed in time`() async throws {
      try await RunningNode.with({ $0.proxy.idleTimeout = .milliseconds(300) }) { node in
        let client = try node.client()
        try await client.send("GET /pico/v1/ready HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await client.response().status == 200)
        #expect(try await client.rest(within: 5) == "")
        try await eventually("no connection") { node.openConnections == 0 }
      }
    }
  }
}
