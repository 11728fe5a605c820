import Support
import Testing

extension SystemTests {
  /// The commands that act on listeners, with the real binary.
  @Suite struct Disconnecting {
    /// A deployment with one agent, and the commands' way to its admin port.
    private struct Scene {
      var deployment: Deployment
      var agent: ChildProcess

      init() async throws {
        deployment = try await Deployment()
        agent = try await deployment.agent("test", "127.0.0.1:\(deployment.upstream())")
      }

      func pico(_ arguments: String...) async throws -> (code: Int32, output: String, error: String) {
        try await deployment.stage.run(
          "pico", [Stage.pico] + arguments + ["--admin", "http://127.0.0.1:\(deployment.admin)"], within: 20)
      }

      func listener() async throws -> String {
        let result = try await pico("status", "listeners", "--output", "json")
        return try #require(result.output.firstMatch(of: /"id":"(l-[0-9a-f]{16})"/).map { String($0.output.1) }, "\(result)")
      }
    }

    @Test func `a listener is blocked, shown, lifted, and back`() async throws {
      let scene = try await Scene()
      let id = try await scene.listener()
      let done = try await scene.pico("disconnect", id, "--mode", "now", "--block", "1h", "--reason", "too loud", "--yes")
      #expect(done.code == 0 && done.output.hasPrefix("disconnected 1 listener; the endpoint has none left; block b-"), "\(done)")
      #expect(try await scene.deployment.get("/name").hasPrefix("HTTP/1.1 502 "))
      try await eventually("the agent says why: \(scene.agent.errorOutput)") {
        scene.agent.errorOutput.contains("blocked by an operator for 1h: too loud")
      }
      let shown = try await scene.pico("blocks")
      #expect(shown.code == 0 && shown.output.contains("too loud") && shown.output.contains("agent"), "\(shown)")
      let json = try await scene.pico("blocks", "--output", "json")
      let block = try #require(json.output.firstMatch(of: /"id":"(b-[0-9a-f]{16})"/).map { String($0.output.1) }, "\(json)")
      let lifted = try await scene.pico("unblock", block)
      #expect(lifted.code == 0 && lifted.output == "lifted \(block)\n", "\(lifted)")
      let again = try await scene.pico("unblock", block)
      #expect(again.code == 65 && again.error.contains(block), "\(again)")
      try await eventually("the agent is back", within: 40) { try await scene.deployment.listeners() == 1 }
      #expect(try await scene.deployment.get("/name").hasSuffix("upstream"))
      let log = scene.deployment.server.errorOutput
      #expect(log.components(of: "operator action") == 3 && log.contains("too loud"), "\(log)")
    }

    @Test func `drained it comes back at once`() async throws {
      let scene = try await Scene()
      let id = try await scene.listener()
      let done = try await scene.pico("disconnect", id, "--yes")
      #expect(done.code == 0 && done.output == "draining 1 listener; the endpoint has none left\n", "\(done)")
      try await eventually("another listener") {
        let result = try await scene.pico("status", "listeners", "--output", "json")
        return result.output.contains("\"l-") && !result.output.contains(id)
      }
    }

    @Test func `without a terminal it needs to be told that it is meant`() async throws {
      let scene = try await Scene()
      let result = try await scene.pico("disconnect", try await scene.listener())
      #expect(result.code == 64 && result.error.contains("--yes") && result.output.isEmpty, "\(result)")
      #expect(try await scene.deployment.listeners() == 1)
    }

    @Test(arguments: [("y", true), ("n", false), ("", false)])
    func `on a terminal it says what would happen, and asks`(answer: String, isDone: Bool) async throws {
      let scene = try await Scene()
      let id = try await scene.listener()
      let command = "'\(Stage.pico)' disconnect \(id) --mode now --block 10m --admin http://127.0.0.1:\(scene.deployment.admin)"
      let result = try await scene.deployment.stage.run(
        "terminal", ["sh", "-c", "echo \(answer) | script -qec \"\(command)\" /dev/null"], within: 20)
      for part in ["listener \(id) of endpoint test", "agent    a-", "1 listener, at once", "none left", "10m", "[y/N]"] {
        #expect(result.output.contains(part), "\(part): \(result)")
      }
      #expect(result.output.contains(isDone ? "disconnected 1 listener" : "nothing was done"), "\(result)")
      try await eventually("as answered") { try await scene.deployment.listeners() == (isDone ? 0 : 1) }
    }

    @Test func `what goes wrong is one line with its code`() async throws {
      let scene = try await Scene()
      let id = try await scene.listener()
      let wrong: [(arguments: [String], code: Int32, names: String)] = [
        (["disconnect", "l-0000000000000000", "--yes"], 65, "l-0000000000000000"), (["disconnect", "no/such", "--yes"], 65, "no/such"),
        (["disconnect", id, "--yes", "--min-remaining", "1"], 65, "too few"),
        (["disconnect", id, "--yes", "--block", "1m", "--scope", "identity"], 65, "identity"), (["unblock", "b-0"], 65, "b-0"),
        (["disconnect", id, "--yes", "--block", "25h"], 64, "25h"), (["disconnect", id, "--yes", "--block", "soon"], 64, "soon"),
        (["disconnect", id, "--yes", "--mode", "later"], 64, "later"), (["disconnect"], 64, "listener"),
        (["disconnect", id, "--yes", "--admin", "http://127.0.0.1:9"], 69, "127.0.0.1:9"),
        (["unblock", "b-0", "--admin", "http://127.0.0.1:9"], 69, "127.0.0.1:9"),
        (["blocks", "--admin", "http://127.0.0.1:9"], 69, "127.0.0.1:9"),
      ]
      for (arguments, code, names) in wrong {
        let admin = arguments.contains("--admin") ? [] : ["--admin", "http://127.0.0.1:\(scene.deployment.admin)"]
        let result = try await scene.deployment.stage.run("pico", [Stage.pico] + arguments + admin, within: 20)
        #expect(result.code == code && result.output.isEmpty && result.error.contains(names), "\(arguments): \(result)")
        if code != 64 { #expect(result.error.split(separator: "\n").count == 1, "\(arguments): \(result)") }
      }
      #expect(try await scene.deployment.listeners() == 1)
    }

    @Test func `whoever is no operator is told so`() async throws {
      let stage = try Stage()
      let (port, admin) = (freePort(), freePort())
      try await stage.serve(
        "server",
        [
          Stage.pico, "server", "--proxy.listen", "127.0.0.1:\(port)", "--admin.listen", "0.0.0.0:\(admin)",
          "--admin.auth.allow-anonymous", "true",
        ], port: admin)
      for arguments in [["disconnect", "l-0", "--yes"], ["unblock", "b-0"]] {
        let result = try await stage.run("pico", [Stage.pico] + arguments + ["--admin", "http://127.0.0.1:\(admin)"], within: 20)
        #expect(result.code == 77 && result.error.split(separator: "\n").count == 1, "\(result)")
      }
      #expect(try await stage.run("pico", [Stage.pico, "blocks", "--admin", "http://127.0.0.1:\(admin)"], within: 20).code == 0)
    }
  }
}

extension String {
  /// How often the part occurs.
  fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
