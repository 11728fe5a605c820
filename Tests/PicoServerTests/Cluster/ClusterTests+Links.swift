import NIOCore
import PicoCore
import Support
import Testing

@testable import PicoServer

/// Who links with whom, and who does not.
extension NodeTests.ClusterTests {
  @Test func `a node that does not know the secret gets no requests and sends none`() async throws {
    try await with(secondSecret: "other") { pair in
      _ = try await ScriptedAgent.connect(to: pair.two, ScriptedAgent.ok)
      let id = try #require(EndpointID("e"))
      try await eventually("the route") { pair.one.node?.routes.routes(of: id) != nil }
      for _ in 0..<5 { #expect(try await ask(pair.one, Self.get).status == 502) }
      #expect(pair.one.node?.membership?.others == 0 && pair.two.node?.membership?.others == 0)
    }
  }

  @Test func `a node of another version is refused with a line that names both, and its requests go nowhere`() async throws {
    let log = LogLines()
    try await with(log: log) { pair in
      let port = try #require(pair.one.server.linkAddresses.first?.port)
      let client = try RawClient(port: port)
      try await client.send(
        "GET /pico/v1/link HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)Sec-WebSocket-Protocol: pico.link.v2\r\n"
          + "x-pico-cluster: tests\r\nx-pico-node: n-0123456789abcdef\r\nx-pico-peer: \(pair.one.server.nodeID?.text ?? "")\r\n"
          + "x-pico-nonce: \(String(repeating: "a", count: 32))\r\n\r\n")
      #expect(try await client.response().status == 403)
      let lines = log.all.filter { $0.hasPrefix("link refused") }
      #expect(lines.count == 1 && lines[0].contains("it speaks pico.link.v2, this node pico.link.v1"), "\(lines)")
    }
  }

  @Test(arguments: [("pico.v2", nil), ("pico.v2, pico.v1", "pico.v1"), ("pico.v1, pico.v2", "pico.v1")])
  func `an agent of another version gets what both know, and is a plain listener where that is nothing`(
    _ offered: String, _ agreed: String?
  ) async throws {
    try await with { pair in
      let client = try pair.two.client()
      try await client.send(
        "GET /pico/v1/listener/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)Sec-WebSocket-Protocol: \(offered)\r\n\r\n")
      let response = try await client.response()
      #expect(response.status == 101 && response.field("sec-websocket-protocol") == agreed)
      try await known(pair.one)
      let id = try #require(EndpointID("e"))
      #expect(pair.two.node?.routes.routes(of: id)?.isAllPico == (agreed != nil))
    }
  }

  /// Not repeatable, and sent to the service: if the link closed under it there would be nothing to answer.
  @Test(arguments: [1, 2])
  func `what is on its way over a link when the other node leaves is finished`(threads: Int) async throws {
    try await with(threads: threads, secondGrace: .seconds(1)) { pair in
      let agent = try await ScriptedAgent.connect(to: pair.two) { _, _ in }
      try await known(pair.one)
      let client = try pair.one.client()
      try await client.send("POST /p HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\nContent-Length: 4\r\n\r\nbody")
      try await agent.streams(1)
      let leaving = Task { await pair.two.server.shutdown(graceful: true) }
      // It waits for that one request until its grace period is over, and then leaves.
      let id = try #require(EndpointID("e"))
      try await eventually("it has left") { pair.one.node?.routes.routes(of: id) == nil }
      try await agent.act(0) { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", end: true) }
      #expect(try await client.response().body == "ok")
      await leaving.value
      #expect(agent.seen.all.count == 1)
    }
  }

  @Test func `nobody but a node opens a link`() async throws {
    try await with { pair in
      let port = try #require(pair.one.server.linkAddresses.first?.port)
      let node = pair.one.server.nodeID?.text ?? ""
      func introduce(_ change: (String) -> String, port: Int) async throws -> RawClient.Response {
        let text =
          "GET /pico/v1/link HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)Sec-WebSocket-Protocol: pico.link.v1\r\n"
          + "x-pico-cluster: tests\r\nx-pico-node: n-0123456789abcdef\r\nx-pico-peer: \(node)\r\nx-pico-nonce: \(String(repeating: "a", count: 32))\r\n\r\n"
        let client = try RawClient(port: port)
        try await client.send(change(text))
        let response = try await client.response()
        guard response.status == 101 else { return response }
        // A hop before the proof: go-away or a refusal, and never a request.
        try await client.send("not a frame")
        _ = try await client.rest()
        return response
      }
      for (from, to, status) in [
        ("", "", 101), ("tests", "production", 403), (node, "n-fedcba9876543210", 403), ("pico.link.v1", "pico.link.v9", 403),
        ("x-pico-cluster", "Origin: http://a\r\nx-pico-cluster", 403), ("n-0123456789abcdef", "x", 400), ("aaaa", "AAAA", 400),
        ("/pico/v1/link", "/", 404), ("/pico/v1/link", "/pico/v1/listener/e", 404),
      ] {
        let response = try await introduce({ from.isEmpty ? $0 : $0.replacing(from, with: to) }, port: port)
        #expect(response.status == status, "\(from) \(to) \(response)")
      }
      #expect(try await introduce({ $0 }, port: pair.one.port).status == 404, "the port of requests is none for links")
    }
  }

  @Test func `who opens a link and proves nothing is cut off`() async throws {
    try await with { pair in
      let client = try RawClient(port: try #require(pair.one.server.linkAddresses.first?.port))
      try await client.send(
        "GET /pico/v1/link HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)Sec-WebSocket-Protocol: pico.link.v1\r\n"
          + "x-pico-cluster: tests\r\nx-pico-node: n-0123456789abcdef\r\nx-pico-peer: \(pair.one.server.nodeID?.text ?? "")\r\n"
          + "x-pico-nonce: \(String(repeating: "a", count: 32))\r\n\r\n")
      #expect(try await client.response().status == 101)
      let start = ContinuousClock.now
      _ = try await client.rest()
      // Before the link would be taken for silent, which one that sends something never is.
      #expect(ContinuousClock.now - start < .milliseconds(4500))
    }
  }
}
