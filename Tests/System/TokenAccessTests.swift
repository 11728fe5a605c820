import Glibc
import Support
import Testing

extension SystemTests {
  /// Tokens that openssl made, at a real server, with keys that come from files and from a key set on the web.
  @Suite struct TokenAccess {
    private struct Scene {
      let stage: Stage
      /// The key set server's.
      let folder: String

      init() throws {
        stage = try Stage()
        folder = stage.directory.path("keys")
        // The path is alive for the call.
        _ = unsafe mkdir(folder, 0o700)
      }

      func shell(_ script: String) async throws {
        let result = try await stage.run("sh", ["sh", "-c", "cd '\(stage.directory.path)' && \(script)"])
        guard result.code == 0 else { throw ProgramEnded(name: script, code: result.code, said: result.error) }
      }

      /// Makes a P-256 key with this name, and publishes it.
      func publish(_ name: String) async throws {
        try await shell(
          "openssl ecparam -name prime256v1 -genkey -noout -out \(name).key && openssl pkey -in \(name).key -pubout -out keys/.\(name)"
            + " && mv keys/.\(name) keys/\(name).pem")
      }

      func token(_ key: String, _ claims: String = "", id: String? = nil, lasts seconds: Int = 3600) async throws -> String {
        let expiry = time(nil) + seconds
        let made = try await stage.run(
          "tokens",
          [
            Stage.python, client("tokens.py"), "make", "ES256", stage.directory.path("\(key).key"),
            "{\"exp\": \(expiry)\(claims.isEmpty ? "" : ", " + claims)}", "{\"kid\": \"\(id ?? key)\"}",
          ])
        guard made.code == 0 else { throw ProgramEnded(name: "tokens.py", code: made.code, said: made.error) }
        return made.output.split(separator: "\n").first.map(String.init) ?? ""
      }

      /// Requests that the key set server had.
      var fetches: Int { readFile(folder + "/requests").split(separator: "\n").count }
    }

    @Test(arguments: [false, true])
    func `a key set that changes is followed`(isTLS: Bool) async throws {
      let scene = try Scene()
      let keys = freePort()
      try await scene.publish("first")
      var command = [Stage.python, client("key_set_server.py"), "\(keys)", scene.folder]
      var flags = ["--proxy.auth.jwks", "\(isTLS ? "https://localhost" : "http://127.0.0.1"):\(keys)/keys?all=1"]
      if isTLS {
        try await scene.shell(
          "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout tls.key -out tls.pem -days 2 -subj /CN=x"
            + " -addext subjectAltName=DNS:localhost")
        command += [scene.stage.directory.path("tls.pem"), scene.stage.directory.path("tls.key")]
        flags += ["--proxy.auth.jwks-ca", scene.stage.directory.path("tls.pem")]
      }
      try await scene.stage.serve("keys", command, port: keys)
      let deployment = try await Deployment(flags, stage: scene.stage)
      func status(_ token: String) async throws -> String {
        String(try await deployment.get("/", ["Authorization: Bearer \(token)"]).dropFirst(9).prefix(3))
      }
      let first = try await scene.token("first")
      #expect(try await status(first) == "502")
      #expect(try await status(scene.token("first", "\"pico\": {\"endpoints\": [\"other\"]}")) == "403")
      #expect(try await status(scene.token("first", id: "unknown")) == "401")
      for _ in 0..<20 { #expect(try await status(scene.token("first", id: "unknown")) == "401") }
      #expect(scene.fetches == 1)
      // What follows takes more than a minute, and is the same over TLS.
      guard !isTLS else { return }
      // A new key comes and the old one goes; within a minute nobody is let in by the old one.
      try await scene.publish("second")
      try await scene.shell("rm keys/first.pem; touch keys/symmetric")
      let second = try await scene.token("second")
      try await eventually("the new key counts", within: 60, every: 500) { try await status(second) == "502" }
      #expect(try await status(first) == "401")
      #expect(scene.fetches == 2)
      // What is wrong with the source takes nobody's keys away.
      try await scene.shell("touch keys/down")
      try await eventually("another attempt", within: 60, every: 500) { scene.fetches == 3 }
      #expect(try await status(second) == "502")
      let log = deployment.server.errorOutput
      #expect(!log.contains(second) && !log.contains(first))
    }

    @Test(arguments: ["redirect", "huge", "slow"])
    func `a source that is wrong gives no keys`(trouble: String) async throws {
      let scene = try Scene()
      let keys = freePort()
      try await scene.publish("first")
      try await scene.shell("touch keys/\(trouble)")
      try await scene.stage.serve("keys", [Stage.python, client("key_set_server.py"), "\(keys)", scene.folder], port: keys)
      let deployment = try await Deployment(["--proxy.auth.jwks", "http://127.0.0.1:\(keys)/keys"], stage: scene.stage)
      let answer = try await deployment.get("/", ["Authorization: Bearer \(scene.token("first"))"])
      #expect(answer.hasPrefix("HTTP/1.1 401 "), "\(answer)")
      #expect(scene.fetches == 1 && !readFile(scene.folder + "/requests").contains("elsewhere"))
      try await eventually("the log says so") { deployment.server.errorOutput.contains("key set not fetched") }
    }

    @Test func `an agent moves to a new token before the old one ends, and no request is lost`() async throws {
      let scene = try Scene()
      try await scene.publish("agents")
      let deployment = try await Deployment(
        ["--upstream.auth.public-key-file", scene.folder + "/agents.pem", "--upstream.auth.audience", "agents"], stage: scene.stage)
      let claims = "\"aud\": \"agents\", \"sub\": \"agent-7\", \"pico\": {\"endpoints\": [\"test\"]}"
      let file = try scene.stage.directory.write("token", try await scene.token("agents", claims, lasts: 12))
      let agent = try await deployment.agent("test", "127.0.0.1:\(deployment.upstream())", ["--server.token-file", file])
      try scene.stage.directory.write("token.new", try await scene.token("agents", claims))
      try await scene.shell("mv token.new token")
      try await eventually("it moves", within: 30) {
        let answer = try await deployment.get("/name")
        #expect(answer.hasPrefix("HTTP/1.1 200 "))
        return agent.errorOutput.contains("asked to move")
      }
      let end = ContinuousClock.now + .seconds(10)
      while ContinuousClock.now < end { #expect(try await deployment.get("/name").hasPrefix("HTTP/1.1 200 ")) }
      #expect(!deployment.server.errorOutput.contains("its token expired"))
      // Another endpoint is not the agent's.
      let other = try scene.stage.start(
        "agent",
        [
          Stage.pico, "agent", "other", "3000", "--server", "http://127.0.0.1:\(deployment.port)", "--server.token-file", file,
        ])
      try await eventually("it is refused") { other.errorOutput.contains("403") }
    }

    @Test func `admin clients show their tokens, and are told with 77 when refused`() async throws {
      let scene = try Scene()
      try await scene.publish("admin")
      let deployment = try await Deployment(["--admin.auth.public-key-file", scene.folder + "/admin.pem"], stage: scene.stage)
      let base = ["--admin", "http://127.0.0.1:\(deployment.admin)"]
      let viewer = try scene.stage.directory.write("viewer", try await scene.token("admin", "\"pico\": {\"role\": \"viewer\"}"))
      let worker = try scene.stage.directory.write("operator", try await scene.token("admin", "\"pico\": {\"role\": \"operator\"}"))
      let expired = try scene.stage.directory.write(
        "expired", try await scene.token("admin", "\"pico\": {\"role\": \"operator\"}", lasts: -90))
      func code(_ arguments: [String], _ file: String?) async throws -> Int32 {
        let result = try await scene.stage.run("pico", [Stage.pico] + arguments + base + (file.map { ["--token-file", $0] } ?? []))
        if result.code != 0 { #expect(result.error.split(separator: "\n").count == 1 && result.output.isEmpty, "\(result)") }
        return result.code
      }
      for arguments in [["status"], ["blocks"], ["disconnect", "l-0", "--yes"], ["unblock", "b-0"]] {
        let isAction = arguments.count > 1
        #expect(try await code(arguments, nil) == 77, "\(arguments)")
        #expect(try await code(arguments, expired) == 77, "\(arguments)")
        #expect(try await code(arguments, viewer) == (isAction ? 77 : 0), "\(arguments)")
        #expect(try await code(arguments, worker) == (isAction ? 65 : 0), "\(arguments)")
        #expect(try await code(arguments, "/nonexistent") == 78, "\(arguments)")
      }
      for (file, expected) in [(nil, 77), (viewer, 0)] as [(String?, Int32)] {
        let result = try await scene.stage.run(
          "pico-top", [Stage.picoTop, "--once", "ws://127.0.0.1:\(deployment.admin)"] + (file.map { ["--token-file", $0] } ?? []),
          within: 20)
        #expect(result.code == expected, "\(result)")
      }
      let elsewhere = try await scene.stage.run(
        "pico", [Stage.pico, "status", "--admin", "http://192.0.2.1:8081", "--token-file", viewer])
      #expect(elsewhere.code == 78 && elsewhere.error.contains("unencrypted"), "\(elsewhere)")
    }

    /// A secret file with a mistake in it is named, and what is in it is not.
    @Test func `no secret shows anywhere`() async throws {
      let scene = try Scene()
      let secret = "very-secret-" + String(repeating: "x", count: 40)
      let file = try scene.stage.directory.write("secret", secret)
      let short = try scene.stage.directory.write("short", "very-secret-but-short")
      let refused = try await scene.stage.run(
        "pico",
        [
          Stage.pico, "server", "--proxy.listen", "127.0.0.1:\(freePort())", "--admin.listen", "127.0.0.1:\(freePort())",
          "--proxy.auth.hmac-secret-file", short,
        ], within: 10)
      #expect(refused.code == 78 && refused.error.contains("proxy.auth.hmac-secret-file: \(short) has 21 bytes"), "\(refused)")
      let deployment = try await Deployment(
        [
          "--proxy.auth.hmac-secret-file", file, "--proxy.auth.audience", "p", "--admin.auth.hmac-secret-file", file,
          "--admin.auth.audience",
          "a", "--log.level", "trace", "--proxy.access-log", "--proxy.access-log-headers", "authorization,x-pico-authorization,user-agent",
        ], stage: scene.stage)
      let made = try await scene.stage.run(
        "tokens",
        [
          Stage.python, client("tokens.py"), "make", "HS256", file,
          "{\"exp\": 4000000000, \"aud\": [\"p\", \"a\"], \"pico\": {\"role\": \"viewer\"}}",
        ])
      let token = try #require(made.output.split(separator: "\n").first)
      #expect(try await deployment.get("/", ["Authorization: Bearer \(token)"]).hasPrefix("HTTP/1.1 502 "))
      let bad = try await deployment.get("/", ["x-pico-authorization: \(token)x"])
      #expect(bad.hasPrefix("HTTP/1.1 401 "))
      var shown = refused.error + bad
      for path in ["/status/v1", "/metrics"] {
        shown += try await scene.stage.run(
          "curl", ["curl", "-sS", "-H", "Authorization: Bearer \(token)", "http://127.0.0.1:\(deployment.admin)\(path)"]
        ).output
      }
      shown += readFile("/proc/\(deployment.server.pid)/cmdline")
      // What a crash leaves behind.
      deployment.server.send(SIGSEGV)
      #expect(try await deployment.server.wait(within: 60) == 139)
      shown += deployment.server.output + deployment.server.errorOutput
      #expect(shown.contains("token refused") && shown.contains("pico_build_info"))
      for part in ["very-secret", String(token), String(token.suffix(20))] { #expect(!shown.contains(part)) }
    }
  }
}
