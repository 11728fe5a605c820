import Support
import Testing

extension SystemTests {
  @Suite struct Routing {
    /// Once broken in optimised builds alone: PICO_BINARY runs these tests against one.
    @Test func `the service is told who the client is`() async throws {
      let deployment = try await Deployment.shared.value
      let answer = try await deployment.get("/echo")
      #expect(answer.contains("[\"X-Forwarded-For\", \"127.0.0.1\"]"), "\(answer)")
    }

    @Test(arguments: [
      ["Host: h", "x-pico-endpoint: test"],
      ["Host: h", "X-Pico-Endpoint:  TEST "],
      ["Host: h", "x-piko-endpoint: test"],
      ["Host: test.example.com"],
      ["Host: TEST.example.com:8080"],
      ["Host: other.example.com", "x-pico-endpoint: test"],
    ]) func `an endpoint is named by header or by the first label of Host`(_ lines: [String]) async throws {
      let deployment = try await Deployment.shared.value
      let answer = try await deployment.exchange(
        (["GET /name HTTP/1.1"] + lines + ["Connection: close", "", ""]).joined(separator: "\r\n"))
      #expect(answer.hasPrefix("HTTP/1.1 200") && answer.hasSuffix("upstream"), "\(answer)")
    }

    @Test(arguments: [["Host: localhost"], ["Host: 127.0.0.1:8080"], ["Host: [::1]:8080"], ["Host: 10.1.2.3"]])
    func `a request that names no endpoint is refused`(_ lines: [String]) async throws {
      let deployment = try await Deployment.shared.value
      let answer = try await deployment.exchange((["GET / HTTP/1.1"] + lines + ["Connection: close", "", ""]).joined(separator: "\r\n"))
      expectError(answer, 400, "missing endpoint id", "missing-endpoint-id")
    }

    @Test func `two upstreams get the requests of their own endpoints`() async throws {
      let deployment = try await Deployment()
      try await deployment.agent("one", "\(deployment.upstream("first"))")
      try await deployment.agent("two", "http://localhost:\(deployment.upstream("second"))")
      for _ in 0..<5 {
        #expect(try await deployment.get("/name", endpoint: "one").hasSuffix("first"))
        #expect(try await deployment.get("/name", endpoint: "two").hasSuffix("second"))
      }
    }

    @Test func `requests of one endpoint are shared by its listeners`() async throws {
      let deployment = try await Deployment()
      try await deployment.agent("e", "\(deployment.upstream("first"))")
      try await deployment.agent("e", "\(deployment.upstream("second"))")
      var seen: [String: Int] = [:]
      for _ in 0..<60 {
        seen[String(try await deployment.get("/name", endpoint: "e").suffix(6)), default: 0] += 1
      }
      #expect(seen.count == 2 && seen.values.allSatisfy { $0 >= 5 }, "\(seen)")
    }

    @Test func `one agent registers hundreds of listeners from a file`() async throws {
      let deployment = try await Deployment()
      let upstream = try await deployment.upstream()
      let lines = (0..<300).map { "  - {endpoint: many-\($0), upstream: \"127.0.0.1:\(upstream)\"}" }
      let file = try deployment.stage.directory.write(
        "agent.yaml", (["server:", "  url: http://127.0.0.1:\(deployment.port)", "listeners:"] + lines).joined(separator: "\n") + "\n")
      let agent = try deployment.stage.start("agent", [Stage.pico, "agent", "--config", file])
      try await eventually("300 listeners: \(agent.errorOutput)", within: 30) {
        try await deployment.listeners() == 300 || !agent.isRunning
      }
      for endpoint in ["many-0", "many-150", "MANY-299"] {
        #expect(try await deployment.get("/name", endpoint: endpoint).hasSuffix("upstream"))
      }
      expectError(try await deployment.get("/name", endpoint: "many-300"), 502, "no available upstreams", "no-available-upstreams")
      agent.send(15)
      #expect(try await agent.wait() == 0)
      try await eventually("no listener") { try await deployment.listeners() == 0 }
    }
  }
}

/// The contract's form of an error: status, JSON body, code and request ID.
func expectError(_ answer: String, _ status: Int, _ error: String, _ code: String, location: SourceLocation = #_sourceLocation) {
  let head = answer.lowercased()
  #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)", sourceLocation: location)
  #expect(head.contains("\r\ncontent-type: application/json"), "\(answer)", sourceLocation: location)
  #expect(head.contains("\r\nx-pico-error: \(code)\r\n"), "\(answer)", sourceLocation: location)
  #expect(head.contains("\r\nx-request-id: "), "\(answer)", sourceLocation: location)
  let body = answer[(answer.firstRange(of: "\r\n\r\n")?.upperBound ?? answer.endIndex)...].filter { $0 != " " && !$0.isNewline }
  #expect(body == "{\"error\":\"\(error)\"}".filter { $0 != " " }, "\(answer)", sourceLocation: location)
}
