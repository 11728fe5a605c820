import PicoConfiguration
import PicoCore
import Testing

@testable import PicoAgent

/// What an operator sees of an agent.
@Suite(.timeLimit(.minutes(2)))
struct AgentObservationTests {
  @Test func `the access log has a line for each exchange, also for one that failed`() async throws {
    let path = "/tmp/pico-agent-test-\(UInt32.random(in: 0 ... .max)).log"
    let script: ScriptedUpstream.Script = { received in
      guard received.contains("\r\n\r\n") else { return nil }
      return received.contains("/bad") ? .init(write: "what?\r\n\r\n") : .init(write: ok)
    }
    try await withAgent(script, configure: { $0.listeners[0].accessLog = .file(path) }) { node, _, _ in
      await node.expect("GET /good?x=1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: r-1\r\n\r\n", gives: ok)
      await node.expect("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n", gives: "reset malformedResponse")
    }
    let lines = try #require(FileText.read(path)).split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines.first?.contains(#""endpoint":"a","method":"GET","target":"/good?x=1","status":200,"#) ?? false)
    #expect(lines.first?.contains(#""request_id":"r-1""#) ?? false)
    #expect(lines.last?.contains(#""target":"/bad","error":"malformedResponse","#) ?? false)
  }

  @Test(arguments: [("/metrics", 200), ("/health", 200), ("/ready", 200), ("/other", 404)])
  func `the agent's own port answers`(path: String, status: Int) async throws {
    try await withAgent(answer(ok), configure: { $0.metrics.listen = HostPort(host: "127.0.0.1", port: 0) }) { node, _, agent in
      await node.expect(get, gives: ok)
      let address = try #require(agent.metricsAddresses.first)
      let text = try await HTTPText.exchange("GET \(path) HTTP/1.1\r\nHost: \(address)\r\n\r\n", with: address)
      #expect(text.hasPrefix("HTTP/1.1 \(status) "))
      guard path == "/metrics" else { return }
      let labels = #"endpoint="a",upstream="\#(agent.configuration.listeners[0].upstream)""#
      for line in [
        "pico_agent_tunnels{\(labels)} 1", "pico_agent_streams_total{\(labels)} 1", "pico_agent_upstream_connects_total{\(labels)} 1",
        "pico_agent_responses_total{\(labels),status=\"2xx\"} 1",
      ] {
        #expect(text.contains("\n\(line)\n"), "\(line)")
      }
    }
  }

  @Test(arguments: ["POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "GET /metrics HTTP/1.1\n\n", "nonsense\r\n\r\n"])
  func `the agent's own port refuses what is no request for it`(request: String) async throws {
    try await withAgent(answer(ok), configure: { $0.metrics.listen = HostPort(host: "127.0.0.1", port: 0) }) { _, _, agent in
      let address = try #require(agent.metricsAddresses.first)
      let text = try await HTTPText.exchange(request, with: address)
      #expect(text.hasPrefix("HTTP/1.1 4"))
    }
  }

  @Test func `a metrics address in use ends the start with its name`() async throws {
    let node = try await TestNode.start()
    var configuration = try agentConfiguration(node, .http(HostPort(host: "localhost", port: 1)))
    configuration.metrics.listen = HostPort(host: "127.0.0.1", port: node.port)
    let agent = Agent(configuration: configuration, logger: silent)
    let error = await #expect(throws: PicoError.self) { try await agent.start() }
    #expect(error?.description == "metrics.listen: 127.0.0.1:\(node.port) is in use")
    try await node.stop()
  }
}
