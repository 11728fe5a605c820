import Support
import Testing

extension SystemTests {
  @Suite struct Interoperability {
    @Test func `an agent that speaks plain yamux registers at the compatibility path and serves`() async throws {
      let deployment = try await Deployment()
      let agent = try deployment.stage.start("piko", [Stage.python, client("piko_agent.py"), "\(deployment.port)", "Plain"])
      try await eventually("its registration: \(agent.errorOutput)") { try await deployment.listeners() == 1 || !agent.isRunning }
      for _ in 0..<3 {
        let answer = try await deployment.get("/some/path?q", endpoint: "plain")
        #expect(answer.contains("\"first\": \"GET /some/path?q HTTP/1.1\"") && answer.contains("\"cancelled\": false"), "\(answer)")
        #expect(answer.contains("[\"Connection\", \"close\"]"), "\(answer)")
      }
      let body = String(repeating: "b", count: 600_000)
      let link = try LoopbackSocket(port: deployment.port)
      try await link.send(
        "POST /up HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: plain\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
      let up = try await link.receiveAll()
      #expect(up.contains("\"length\": 600000") && up.contains("\"cancelled\": false"), "\(up)")
      let down = try await deployment.get("/large/3000000", endpoint: "plain")
      #expect(down.hasSuffix(String(repeating: "x", count: 3_000_000)))
      #expect(agent.isRunning, "\(agent.errorOutput)")
      agent.end()
      try await eventually("its end") { try await deployment.listeners() == 0 }
    }

    @Test func `our agent registers with a server that speaks plain yamux`() async throws {
      let stage = try Stage()
      let (port, upstream) = (freePort(), freePort())
      try await stage.serve("upstream", [Stage.python, client("upstream.py"), "\(upstream)"], port: upstream)
      let server = try stage.start("piko", [Stage.python, client("piko_server.py"), "\(port)", "ours"])
      let agent = try stage.start(
        "agent", [Stage.pico, "agent", "ours", "\(upstream)", "--server", "http://127.0.0.1:\(port)", "--server-protocol", "piko"])
      #expect(try await server.wait(within: 60) == 0, "\(server.errorOutput) \(agent.errorOutput)")
      #expect(server.output == "ok\n")
    }

    @Test func `a registration from a browser is refused`() async throws {
      let answer = try await answer(
        "GET /pico/v1/listener/browser HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: pico.v1\r\nOrigin: http://evil\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 403 "), "\(answer)")
    }

    @Test func `a registration for what is no endpoint is refused`() async throws {
      let answer = try await answer(
        "GET /pico/v1/listener/a%2fb HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: pico.v1\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
    }

    /// The answer to a registration that is refused: the connection may stay open for another try.
    private func answer(_ registration: String) async throws -> String {
      let link = try LoopbackSocket(port: try await Deployment.shared.value.port)
      try await link.send(registration)
      return String(decoding: try await link.receive { String(decoding: $0, as: UTF8.self).hasSuffix("}\n") }.bytes, as: UTF8.self)
    }
  }
}
