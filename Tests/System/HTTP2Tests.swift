import Glibc
import Support
import Testing

extension SystemTests {
  /// With clients of HTTP/2 and of gRPC that others wrote.
  @Suite struct HTTP2 {
    @Test(arguments: [
      "request and response", "bodies and trailers", "interim responses", "early response", "cancelled stream", "truncated response",
      "errors are json", "large heads",
    ]) func `a client of HTTP/2 has what one of HTTP/1 has`(_ check: String) async throws {
      try await run(check)
    }

    @Test(arguments: ["what is malformed is refused", "lengths hold", "trailers are strict"])
    func `nothing is smuggled to a service that speaks HTTP/1`(_ check: String) async throws {
      try await run(check)
    }

    @Test(arguments: [
      "floods end their connection", "rapid reset", "too many streams", "a stream that is not read holds up no other",
      "a request that is not read holds up no other",
    ]) func `an attack ends its own connection or stream`(_ check: String) async throws {
      try await run(check)
    }

    private func run(_ check: String) async throws {
      let deployment = try await Deployment.shared.value
      let result = try await deployment.stage.run(
        "check", [Stage.python, client("http2_checks.py"), "\(deployment.port)", check], within: 90)
      #expect(result.code == 0, "\(check): \(result.error.suffix(1500))")
    }

    @Test func `gRPC goes through, unary and both ways, to an h2c upstream`() async throws {
      let deployment = try await Deployment()
      let service = freePort()
      try await deployment.stage.serve("grpc", [Stage.python, client("grpc_checks.py"), "serve", "\(service)"], port: service)
      let agent = try await deployment.agent("rpc", "h2c://127.0.0.1:\(service)")
      let result = try await deployment.stage.run(
        "check", [Stage.python, client("grpc_checks.py"), "call", "\(deployment.port)", "rpc"], within: 90)
      #expect(result.code == 0, "\(result.error.suffix(1500))")
      agent.end()
    }

    /// Two agents, one with a service that treats every request in this way.
    private func statuses(_ mode: String, alone: Bool) async throws -> String {
      let deployment = try await Deployment()
      for mode in alone ? [mode] : [mode, "serve"] {
        let service = freePort()
        try await deployment.stage.serve(mode, [Stage.python, client("http2_service.py"), "\(service)", mode], port: service)
        try await deployment.agent("test", "h2c://127.0.0.1:\(service)")
      }
      return try await deployment.stage.run(
        "curl",
        [
          "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %header{x-pico-error}\\n", "-H", "x-pico-endpoint: test", "-d", "body",
          "http://127.0.0.1:\(deployment.port)/[1-20]",
        ]
      ).output
    }

    @Test(arguments: ["refuse", "leave"]) func `what a service did not look at goes to another listener`(mode: String) async throws {
      #expect(try await statuses(mode, alone: false) == String(repeating: "200 \n", count: 20))
    }

    @Test(arguments: [("reset", "upstream-unreachable"), ("malformed", "malformed-response")])
    func `what it may have looked at is not sent again`(mode: String, error: String) async throws {
      #expect(try await statuses(mode, alone: true) == String(repeating: "502 \(error)\n", count: 20))
    }

    @Test func `streams leave no memory behind`() async throws {
      let deployment = try await Deployment()
      try await deployment.agent("test", "127.0.0.1:\(deployment.upstream())")
      var sizes: [Int] = []
      for _ in 0..<2 {
        let words = [
          "h2load", "-n", "10000", "-c", "2", "-m", "20", "-H", "x-pico-endpoint: test", "http://127.0.0.1:\(deployment.port)/name",
        ]
        #expect(try await deployment.stage.run("h2load", words, within: 90).output.contains("10000 2xx"))
        let lines = readFile("/proc/\(deployment.server.pid)/status").split(separator: "\n")
        sizes.append(lines.first { $0.hasPrefix("VmRSS") }.flatMap { Int($0.filter(\.isNumber)) } ?? 0)
      }
      // Two thirds of a KiB for each stream are enough to be seen.
      #expect(sizes[1] - sizes[0] < 6 << 10, "KiB after each ten thousand: \(sizes)")
    }

    @Test func `curl agrees on HTTP/2 with TLS, and on HTTP/1 where it is switched off`() async throws {
      let stage = try Stage()
      let authority = try TestAuthority(in: stage.directory)
      let node = try authority.issue("node", for: "DNS:localhost,IP:127.0.0.1")
      for (flags, version) in [([], "2"), (["--proxy.http2", "false"], "1.1")] {
        let port = freePort()
        let server = try await stage.serve(
          "server",
          [
            Stage.pico, "server", "--proxy.listen", "127.0.0.1:\(port)", "--admin.listen", "127.0.0.1:\(freePort())", "--proxy.tls.cert",
            node.certificate, "--proxy.tls.key", node.key,
          ] + flags, port: port)
        let words = [
          "curl", "-sS", "--http2", "--cacert", authority.file, "-w", " %{http_version}", "https://127.0.0.1:\(port)/pico/v1/ready",
        ]
        #expect(try await stage.run("curl", words).output == "ready\n \(version)")
        server.end()
      }
    }

    @Test func `h2load loses no request while the node drains`() async throws {
      let deployment = try await Deployment(["--proxy.access-log", "true"])
      try await deployment.agent("test", "127.0.0.1:\(deployment.upstream())")
      let load = try deployment.stage.start(
        "h2load",
        ["h2load", "-n", "100000", "-c", "4", "-m", "10", "-H", "x-pico-endpoint: test", "http://127.0.0.1:\(deployment.port)/name"])
      try await eventually("the first requests") { deployment.server.output.contains("HTTP/2.0") }
      deployment.server.send(SIGTERM)
      #expect(try await deployment.server.wait(within: 20) == 0)
      _ = try await load.wait(within: 20)
      // What was not sent any more is the client's to send elsewhere.
      #expect(load.output.contains(" 0 4xx, 0 5xx"), "\(load.output)")
      #expect(!deployment.server.output.contains("\"status\":499"), "a request was cut")
    }
  }
}
