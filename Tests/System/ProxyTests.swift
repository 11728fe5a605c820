import Glibc
import Support
import Testing

extension SystemTests {
  /// `pico agent` and `pico forward` to a server that only a proxy reaches: its name is known to the proxy alone.
  @Suite struct Proxy {
    private let stage: Stage
    private let authority: TestAuthority
    private let port = freePort()
    private let proxyPort = freePort()
    private let upstream = freePort()

    init() throws {
      stage = try Stage()
      authority = try TestAuthority(in: stage.directory)
    }

    /// A server with TLS, a service and a proxy that wants `me` with the password `secret`.
    private func start() async throws -> ChildProcess {
      let node = try authority.issue("node", for: "DNS:pico.test,IP:127.0.0.1")
      try await stage.serve(
        "server",
        [
          Stage.pico, "server", "--proxy.listen", "127.0.0.1:\(port)", "--admin.listen", "127.0.0.1:\(freePort())", "--proxy.tls.cert",
          node.certificate, "--proxy.tls.key", node.key,
        ], port: port)
      try await stage.serve("upstream", [Stage.python, client("upstream.py"), "\(upstream)", "name"], port: upstream)
      return try await stage.serve(
        "proxy", [Stage.python, client("connect_proxy.py"), "\(proxyPort)", "me:secret"], port: proxyPort)
    }

    private func pico(_ words: [String], _ environment: [String: String] = [:]) throws -> ChildProcess {
      try stage.start(
        words[0], [Stage.pico] + words + ["--server", "https://pico.test:\(port)", "--ca", authority.file], environment: environment)
    }

    private func get() async throws -> String {
      try await stage.run(
        "curl", ["curl", "-sS", "--cacert", authority.file, "-H", "x-pico-endpoint: test", "https://127.0.0.1:\(port)/name"]
      ).output
    }

    @Test func `an agent serves through the proxy of its file`() async throws {
      let proxy = try await start()
      let file = try stage.directory.write(
        "agent.yaml",
        """
        server: {url: "https://pico.test:\(port)", http-proxy: "http://me:secret@127.0.0.1:\(proxyPort)", tls: {ca: \(authority.file)}}
        listeners: [{endpoint: test, upstream: "127.0.0.1:\(upstream)"}]
        """)
      let agent = try stage.start("agent", [Stage.pico, "agent", "--config", file])
      try await eventually("an answer: \(agent.errorOutput)", within: 20) { try await get() == "name" }
      #expect(proxy.output == "CONNECT pico.test:\(port) 200\n")
      #expect(!(agent.output + agent.errorOutput + readFile("/proc/\(agent.pid)/cmdline")).contains("secret"))
      agent.send(SIGTERM)
      #expect(try await agent.wait(within: 10) == 0)
    }

    /// With the variables of the environment, and how the agent then fares.
    @Test(arguments: [true, false]) func `the environment names a proxy and its exceptions as for curl`(isException: Bool) async throws {
      let proxy = try await start()
      let agent = try pico(
        ["agent", "test", "127.0.0.1:\(upstream)"],
        ["HTTPS_PROXY": "http://me:secret@127.0.0.1:\(proxyPort)", "NO_PROXY": isException ? "localhost, .test" : "other.test"])
      if isException {
        try await eventually("the name is looked up here", within: 20) { agent.errorOutput.contains("cannot find the host pico.test") }
        #expect(proxy.output.isEmpty)
      } else {
        try await eventually("an answer: \(agent.errorOutput)", within: 20) { try await get() == "name" }
        #expect(proxy.output == "CONNECT pico.test:\(port) 200\n")
      }
    }

    @Test func `pico forward goes through the proxy too, each connection by one of its own`() async throws {
      let proxy = try await start()
      let secret = ["PICO_SERVER_HTTP_PROXY": "http://me:secret@127.0.0.1:\(proxyPort)"]
      let agent = try pico(["agent", "db", "tcp://127.0.0.1:\(upstream)"], secret)
      try await eventually("the agent's tunnel: \(agent.errorOutput)", within: 20) { agent.output.contains("goes to") }
      let local = freePort()
      let forward = try pico(["forward", "127.0.0.1:\(local)", "db"], secret)
      try await eventually("it listens", within: 20) { accepts(local) }
      let answer = try await stage.run("curl", ["curl", "-sS", "http://127.0.0.1:\(local)/name"])
      #expect(answer.output == "name", "\(answer) \(forward.errorOutput)")
      #expect(proxy.output.split(separator: "\n").count >= 2)
      #expect(proxy.output.split(separator: "\n").allSatisfy { $0 == "CONNECT pico.test:\(port) 200" })
    }

    @Test func `what a proxy refuses is one line of the log that names it`() async throws {
      let proxy = try await start()
      let agent = try pico(["agent", "test", "\(upstream)", "--server.http-proxy", "http://127.0.0.1:\(proxyPort)"])
      try await eventually("the line", within: 20) {
        agent.errorOutput.contains("the proxy http://127.0.0.1:\(proxyPort) answered 407: Proxy Authentication Required (its URL has no")
      }
      try await eventually("more attempts", within: 20) { proxy.output.split(separator: "\n").count > 2 }
      #expect(agent.errorOutput.split(separator: "\n").count == 1)
    }

    @Test(arguments: ["agent", "forward"]) func `a password on the command line is refused, and not repeated`(command: String) async throws
    {
      let result = try await stage.run(
        "pico", [Stage.pico, command] + (command == "agent" ? ["a", "80"] : ["0", "a"]) + ["--server.http-proxy=http://me:secret@h:1"],
        within: 10)
      #expect(result.code == 64)
      #expect(
        result.error
          == "pico: --server.http-proxy: a password does not belong on a command line (use the file of --config, or PICO_SERVER_HTTP_PROXY)\n",
        "\(result)")
    }
  }
}
