import Glibc
import Support
import Testing

extension SystemTests {
  @Suite struct Commands {
    /// Command lines that cannot work: the exit code, and what the one line must name.
    static let wrong: [(arguments: [String], code: Int32, names: String)] = [
      (["server", "--no-such-flag"], 64, "--no-such-flag"),
      (["agent", "--no-such-flag", "a", "3000"], 64, "--no-such-flag"),
      (["frobnicate"], 64, "frobnicate"),
      (["help", "frobnicate"], 64, "frobnicate"),
      (["agent"], 64, "ENDPOINT"),
      (["agent", "bad/endpoint", "3000"], 64, "bad/endpoint"),
      (["agent", "good", "ftp://somewhere"], 64, "ftp://somewhere"),
      (["forward"], 64, "LOCAL_ADDRESS"),
      (["forward", "5432"], 64, "ENDPOINT"),
      (["forward", "70000", "db"], 64, "70000"),
      (["forward", "5432", "bad/endpoint"], 64, "bad/endpoint"),
      (["forward", "5432", "db", "--no-such-flag"], 64, "--no-such-flag"),
      (["forward", "5432", "db", "--server", "ftp://h"], 64, "ftp://h"),
      (["forward", "5432", "db", "--token-file", "/nonexistent/token"], 78, "/nonexistent/token"),
      (["server", "--proxy.timeout", "10x"], 64, "10x"),
      (["server", "--config", "/nonexistent/pico.yaml"], 78, "/nonexistent/pico.yaml"),
      (["config", "check", "server", "/nonexistent/pico.yaml"], 78, "/nonexistent/pico.yaml"),
      (["status", "--admin", "http://127.0.0.1:9"], 69, "127.0.0.1:9"),
    ]

    @Test(arguments: wrong.indices) func `a command that cannot work says why in one line`(_ index: Int) async throws {
      let (arguments, code, names) = Self.wrong[index]
      let stage = try Stage()
      let result = try await stage.run("pico", [Stage.pico] + arguments, within: 10)
      #expect(result.code == code, "\(arguments): \(result.error)")
      let lines = result.error.split(separator: "\n")
      #expect(lines.first?.contains(names) == true, "\(arguments): \(result.error)")
      #expect(result.output.isEmpty)
      if code != 64 { #expect(lines.count == 1, "\(arguments): \(result.error)") }
    }

    @Test func `limits that come from the machine are told at the start`() async throws {
      let stage = try Stage()
      let command = [Stage.pico, "server", "--proxy.listen", "127.0.0.1:\(freePort())", "--admin.listen", "127.0.0.1:\(freePort())"]
      let server = try stage.start("server", ["sh", "-c", "ulimit -n 500 && exec \"$0\" \"$@\""] + command)
      try await eventually("a line with the limits: \(server.errorOutput)", within: 20) {
        server.errorOutput.contains("\"proxy.max-connections\":\"400\"")
      }
    }

    @Test func `SIGHUP takes over limits and says what waits for a restart`() async throws {
      let stage = try Stage()
      let (port, admin, other) = (freePort(), freePort(), freePort())
      func configuration(_ listen: Int, _ rest: String) throws -> String {
        let listens = "proxy:\n  listen: 127.0.0.1:\(listen)\n"
        return try stage.directory.write("pico.yaml", listens + rest + "admin:\n  listen: 127.0.0.1:\(admin)\n")
      }
      let file = try configuration(port, "")
      let server = try await stage.serve("server", [Stage.pico, "server", "--config", file], port: port)
      func answer() async throws -> String {
        let link = try LoopbackSocket(port: port)
        try await link.send("GET / HTTP/1.1\r\nHost: e.example\r\nConnection: close\r\nA: \(String(repeating: "a", count: 2000))\r\n\r\n")
        return String(try await link.receiveAll().prefix(12))
      }
      #expect(try await answer() == "HTTP/1.1 502")

      _ = try configuration(other, "  max-head: 1KiB\n")
      server.send(SIGHUP)
      try await eventually("what changed: \(server.errorOutput)") { server.errorOutput.contains("\"key\":\"proxy.max-head\"") }
      try await eventually("the limit") { try await answer() == "HTTP/1.1 431" }
      let said = server.errorOutput.split(separator: "\n")
      #expect(said.contains { $0.contains("configuration changed, which needs a restart") && $0.contains("proxy.listen") }, "\(said)")

      _ = try configuration(port, "  max-head: much\n")
      server.send(SIGHUP)
      try await eventually("what is wrong: \(server.errorOutput)") { server.errorOutput.contains("pico.yaml:3") }
      #expect(try await answer() == "HTTP/1.1 431")
    }

    @Test func `a port in use is named`() async throws {
      let deployment = try await Deployment.shared.value
      let result = try await deployment.stage.run(
        "pico", [Stage.pico, "server", "--proxy.listen", "127.0.0.1:\(deployment.port)", "--admin.listen", "127.0.0.1:\(freePort())"],
        within: 10)
      #expect(result.code == 78)
      #expect(result.error.split(separator: "\n").count == 1 && result.error.contains("127.0.0.1:\(deployment.port)"), "\(result.error)")
    }

    @Test(arguments: [
      ("proxy:\n  timeout: never\n", "wrong.yaml:2", "never"),
      ("proxy:\n  tiemout: 1s\n", "wrong.yaml:2", "tiemout"),
      ("proxy: [\n", "wrong.yaml:", "wrong.yaml"),
      ("nonsense: 1\n", "wrong.yaml:1", "nonsense"),
    ]) func `a wrong file is named with its line`(_ text: String, _ place: String, _ word: String) async throws {
      let stage = try Stage()
      let file = try stage.directory.write("wrong.yaml", text)
      for arguments in [["server", "--config", file], ["config", "check", "server", file]] {
        let result = try await stage.run("pico", [Stage.pico] + arguments, within: 10)
        #expect(result.code == 78)
        #expect(result.error.contains(place) && result.error.contains(word), "\(result.error)")
      }
    }

    @Test func `a right file passes the check`() async throws {
      let stage = try Stage()
      let file = try stage.directory.write("right.yaml", "proxy:\n  listen: 127.0.0.1:8080\n  timeout: 10s\n")
      let result = try await stage.run("pico", [Stage.pico, "config", "check", "server", file], within: 10)
      #expect(result.code == 0 && result.error.isEmpty, "\(result.error)")
    }

    @Test func `a check counts variables above the file if it is asked to`() async throws {
      let stage = try Stage()
      let file = try stage.directory.write("right.yaml", "proxy:\n  timeout: 10s\n")
      let variables = ["PICO_PROXY_TIMEOUT": "never"]
      for (flags, code) in [([], 0), (["--environment"], 78)] as [([String], Int32)] {
        let words = [Stage.pico, "config", "check"] + flags + ["server", file]
        let result = try await stage.run("pico", words, within: 10, environment: variables)
        #expect(result.code == code, "\(result)")
      }
    }

    @Test(arguments: [
      ["--version"], ["--help"], ["help", "server"], ["help", "agent"], ["server", "--help"], ["help", "disconnect"], ["help", "blocks"],
      ["help", "unblock"],
    ])
    func `version and help go to standard output`(_ arguments: [String]) async throws {
      let stage = try Stage()
      let result = try await stage.run("pico", [Stage.pico] + arguments, within: 10)
      #expect(result.code == 0 && !result.output.isEmpty && result.error.isEmpty, "\(result)")
    }

    @Test func `an agent without a server says so, goes on, and registers when it appears`() async throws {
      let stage = try Stage()
      let port = freePort()
      let agent = try stage.start("agent", [Stage.pico, "agent", "test", "3000", "--server", "http://127.0.0.1:\(port)"])
      try await eventually("a line that names the server") { (agent.output + agent.errorOutput).contains("127.0.0.1:\(port)") }
      #expect(agent.isRunning)
      let deployment = try await Deployment(stage: stage, port: port)
      try await eventually("the listener", within: 20) { try await deployment.listeners() == 1 }
    }

    @Test func `the admin port answers probes, metrics and status, and pico status shows them`() async throws {
      let deployment = try await Deployment.shared.value
      _ = try await deployment.get("/name")
      let base = "http://127.0.0.1:\(deployment.admin)"
      for (path, text) in [
        ("/health", ""), ("/ready", ""), ("/metrics", "pico_proxy_requests_total"), ("/metrics", "process_resident_memory_bytes"),
        ("/status/v1", "\"test\""),
      ] {
        let result = try await deployment.stage.run("curl", ["curl", "-sS", "--fail", base + path])
        #expect(result.code == 0 && (text.isEmpty || result.output.contains(text)), "\(path): \(result)")
      }
      for table in ["endpoints", "listeners", "nodes"] {
        let result = try await deployment.stage.run("pico", [Stage.pico, "status", table, "--admin", base])
        #expect(result.code == 0 && result.output.contains(table == "nodes" ? "n-" : "test"), "\(table): \(result)")
      }
      let json = try await deployment.stage.run("pico", [Stage.pico, "status", "endpoints", "--admin", base, "--output", "json"])
      #expect(json.code == 0 && json.output.contains("\"requests_total\""), "\(json)")
      let browser = try await deployment.stage.run(
        "curl", ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Origin: http://evil", base + "/status/v1"])
      #expect(browser.output == "403")
    }

    @Test func `pico bench measures through the server`() async throws {
      let deployment = try await Deployment.shared.value
      let result = try await deployment.stage.run(
        "bench",
        [
          Stage.pico, "bench", "http://127.0.0.1:\(deployment.port)/name", "--endpoint", "test", "--connections", "4", "--duration", "1s",
          "--output", "json",
        ])
      #expect(result.code == 0 && result.output.hasPrefix("{"), "\(result)")
    }
  }
}
