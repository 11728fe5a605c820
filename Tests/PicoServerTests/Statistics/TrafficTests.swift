import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// What the node says of traffic that is known.
  @Suite(.timeLimit(.minutes(1))) struct TrafficTests {
    @Test(arguments: [1, 2])
    func `counts, bytes and latencies are those of the traffic`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        // Every answer takes 100 ms and a little.
        _ = try await ScriptedAgent.connect(to: node) { stream, event in
          guard event == .end else { return }
          let stream = UncheckedBox(stream)
          ScriptedAgent.after(milliseconds: 100) {
            stream.value.send(
              "HTTP/1.1 \(stream.value.index.isMultiple(of: 5) ? 500 : 201) X\r\nContent-Length: 10\r\n\r\n0123456789", end: true)
          }
        }
        let clients = try (0..<10).map { _ in try node.client() }
        for _ in 0..<3 {
          for client in clients { try await client.send("PUT / HTTP/1.1\r\nHost: e.example\r\nContent-Length: 4\r\n\r\nabcd") }
          for client in clients { _ = try await client.response() }
        }
        try await clients[0].send("GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n")
        #expect(try await clients[0].response().status == 502)
        #expect(try await node.metric("pico_proxy_requests_total{status=\"201\",method=\"PUT\"}") == 24)
        #expect(try await node.metric("pico_proxy_requests_total{status=\"500\",method=\"PUT\"}") == 6)
        #expect(try await node.metric("pico_proxy_requests_total{status=\"502\",method=\"GET\"}") == 1)
        #expect(try await node.metric("pico_proxy_request_bytes_total") == 120)
        // Bodies alone, of errors too where Pico made them.
        #expect(try await node.metric("pico_proxy_response_bytes_total") == 300)
        #expect(try await node.metric("pico_proxy_requests_in_flight") == 0)
        #expect(try await node.metric("pico_listeners") == 1)
        let durations = try await node.metric("pico_proxy_request_duration_seconds_count")
        #expect(durations == 31)
        let status = try await node.admin("/status/v1")
        #expect(status.contains("\"requests_total\":30"))
        #expect(status.contains("\"5xx\":6"))
        // An unknown endpoint makes no row.
        #expect(!status.contains("nobody"))
        let median = try #require(try await node.status("p50"))
        #expect((95...160).contains(median))
      }
    }

    @Test func `endpoints are a label of the metrics where that is asked for, and go with their listeners`() async throws {
      try await RunningNode.with({ $0.metrics.endpointLabel = true }) { node in
        let agent = try await ScriptedAgent.connect(to: node) { stream, event in
          guard event == .end else { return }
          stream.send("HTTP/1.1 204 X\r\n\r\n", end: true)
        }
        let client = try node.client()
        for _ in 0..<2 {
          try await client.send("GET / HTTP/1.1\r\nHost: e.example\r\n\r\n")
          #expect(try await client.response().status == 204)
        }
        try await client.send("GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n")
        #expect(try await client.response().status == 502)
        #expect(try await node.metric("pico_proxy_requests_total{endpoint=\"e\",status=\"204\",method=\"GET\"}") == 2)
        #expect(try await node.metric("pico_proxy_requests_total{endpoint=\"other\",status=\"502\",method=\"GET\"}") == 1)
        try await agent.vanish()
        while try await node.metric("pico_listeners") != 0 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(try await node.metric("pico_proxy_requests_total{endpoint=\"other\",status=\"204\",method=\"GET\"}") == 2)
      }
    }
  }
}
