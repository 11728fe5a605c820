import Glibc
import Support
import Testing

extension SystemTests {
  /// TLS of the real binary against curl and OpenSSL.
  @Suite struct TLS {
    private let stage: Stage
    private let authority: TestAuthority
    private let node: TestAuthority.Credentials
    private let port = freePort()
    private let admin = freePort()

    init() throws {
      stage = try Stage()
      authority = try TestAuthority(in: stage.directory)
      node = try authority.issue("node")
    }

    private func serve(_ flags: [String] = []) async throws -> ChildProcess {
      let ports = ["--proxy.listen", "127.0.0.1:\(port)", "--admin.listen", "127.0.0.1:\(admin)"]
      let files = ["proxy", "admin"].flatMap { ["--\($0).tls.cert", node.certificate, "--\($0).tls.key", node.key] }
      let server = try await stage.serve("server", [Stage.pico, "server"] + ports + files + flags, port: port)
      try await eventually("the line that says where it listens") { server.output.contains("admin on") }
      return server
    }

    private func run(_ command: [String]) async throws -> (code: Int32, output: String, error: String) {
      try await stage.run("client", command, within: 20)
    }

    /// With an open standard input, which s_client takes for a user that has more to say.
    private func connect(_ flags: [String]) async throws -> (code: Int32, output: String, error: String) {
      let words = ["openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", authority.file, "-verify_return_error"] + flags
      return try await run(
        ["sh", "-c", "{ printf 'GET /pico/v1/ready HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'; sleep 1; } | \"$@\"", "sh"]
          + words)
    }

    @Test func `curl, an agent and pico status come through TLS from end to end`() async throws {
      let server = try await serve()
      #expect(server.output.contains("requests and listeners on https://127.0.0.1:\(port), admin on https://127.0.0.1:\(admin)"))
      let upstream = freePort()
      try await stage.serve("upstream", [Stage.python, client("upstream.py"), "\(upstream)", "name"], port: upstream)
      _ = try stage.start(
        "agent", [Stage.pico, "agent", "test", "127.0.0.1:\(upstream)", "--server", "https://localhost:\(port)", "--ca", authority.file])
      let curl = ["curl", "-sS", "--cacert", authority.file, "-H", "x-pico-endpoint: test", "https://localhost:\(port)/name"]
      try await eventually("an answer") { try await run(curl).output == "name" }
      for version in ["--tlsv1.2", "--tlsv1.3"] {
        #expect(try await run(curl + [version, "--tls-max", String(version.dropFirst(6))]).output == "name")
      }
      let status = [Stage.pico, "status", "listeners", "--admin", "https://localhost:\(admin)"]
      #expect(try await run(status + ["--ca", authority.file]).output.contains("test"))
      let untrusted = try await run(status)
      #expect(untrusted.code == 69)
      #expect(
        untrusted.error
          == "pico: https://localhost:\(admin): TLS failed: the certificate is not of a trusted authority or not valid now\n")
      let top = try await run([Stage.picoTop, "--once", "--ca", authority.file, "wss://localhost:\(admin)"])
      #expect(top.code == 0 && top.output.contains("test"), "\(top)")
    }

    @Test(arguments: [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
    func `OpenSSL agrees on version, protocol and authority`(flag: String, version: String) async throws {
      _ = try await serve()
      let result = try await connect([flag, "-alpn", "http/1.1", "-servername", "localhost", "-verify_hostname", "localhost"])
      for part in ["Verification: OK", "ALPN protocol: http/1.1", version, "HTTP/1.1 200 OK", "ready"] {
        #expect(result.output.contains(part), "\(part): \(result)")
      }
      #expect(!result.error.contains("unexpected eof"), "\(result.error)")
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"]) func `a session is resumed`(flag: String) async throws {
      _ = try await serve()
      let file = stage.directory.path("session.pem")
      #expect(try await connect([flag, "-sess_out", file]).output.contains("New, "))
      let again = try await connect([flag, "-sess_in", file])
      #expect(again.output.contains("Reused, ") && again.output.contains("ready"), "\(again)")
    }

    @Test(arguments: [
      ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-SHA:AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA"],
    ])
    func `what is old is refused`(flags: [String]) async throws {
      _ = try await serve()
      let result = try await connect(flags)
      #expect(result.code != 0 && !result.output.contains("HTTP/1.1"), "\(result)")
    }

    @Test func `with authorities of clients only their certificates come in, on every port`() async throws {
      let clients = try TestAuthority("Pico test clients", in: stage.directory)
      let good = try clients.issue("good", for: "URI:spiffe://pico/good")
      let stranger = try authority.issue("stranger")
      _ = try await serve(["--proxy.tls.client-ca", clients.file, "--admin.tls.client-ca", clients.file])
      func curl(_ shown: TestAuthority.Credentials?) async throws -> Int32 {
        let own = shown.map { ["--cert", $0.certificate, "--key", $0.key] } ?? []
        return try await run(["curl", "-sS", "--cacert", authority.file] + own + ["https://localhost:\(port)/pico/v1/ready"]).code
      }
      #expect(try await curl(good) == 0)
      #expect(try await curl(nil) != 0)
      #expect(try await curl(stranger) != 0)
      _ = try stage.start(
        "agent",
        [
          Stage.pico, "agent", "test", "127.0.0.1:9", "--server", "https://localhost:\(port)", "--ca", authority.file, "--server.tls.cert",
          good.certificate, "--server.tls.key", good.key,
        ])
      let status = [Stage.pico, "status", "listeners", "--output", "json", "--admin", "https://localhost:\(admin)", "--ca", authority.file]
      try await eventually("the identity") {
        try await run(status + ["--cert", good.certificate, "--key", good.key]).output.contains("spiffe:")
      }
      #expect(try await run(status).code == 69)
    }

    @Test func `a certificate that changes is shown after SIGHUP, and the log says so`() async throws {
      let server = try await serve()
      let next = try authority.issue("next", for: "DNS:localhost,DNS:next.test")
      try stage.directory.write(String(node.key.dropFirst(stage.directory.path.count + 1)), readFile(next.key))
      try stage.directory.write(String(node.certificate.dropFirst(stage.directory.path.count + 1)), readFile(next.certificate))
      server.send(SIGHUP)
      try await eventually("a line of the log") { server.errorOutput.contains("certificates read again") }
      #expect(try await connect(["-servername", "next.test", "-verify_hostname", "next.test"]).output.contains("Verification: OK"))
    }

    @Test func `an agent shows its new certificate when it connects again, and keeps its tunnel until then`() async throws {
      _ = try await serve(["--proxy.tls.client-ca", authority.file])
      let (first, second) = (try authority.issue("agent-1", for: nil), try authority.issue("agent-2", for: nil))
      let shown = try stage.directory.write("agent.pem", readFile(first.certificate))
      let key = try stage.directory.write("agent.key", readFile(first.key))
      let agent = try stage.start(
        "agent",
        [
          Stage.pico, "agent", "test", "127.0.0.1:9", "--server", "https://localhost:\(port)", "--ca", authority.file, "--server.tls.cert",
          shown, "--server.tls.key", key,
        ])
      let access = ["--admin", "https://localhost:\(admin)", "--ca", authority.file]
      /// The ID and the identity of the only listener.
      func listener() async throws -> (id: String, identity: String)? {
        let text = try await run([Stage.pico, "status", "listeners", "--output", "json"] + access).output
        let words = text.split(separator: "\"").map(String.init)
        guard let id = words.firstIndex(of: "id"), let identity = words.firstIndex(of: "identity") else { return nil }
        return (words[id + 2], words[identity + 2])
      }
      try await eventually("the first identity: \(agent.errorOutput)") { try await listener()?.identity == "agent-1" }
      let id = try #require(await listener()?.id)
      try stage.directory.write("agent.key", readFile(second.key))
      try stage.directory.write("agent.pem", readFile(second.certificate))
      #expect(try await listener()?.id == id)
      #expect(try await run([Stage.pico, "disconnect", id, "--mode", "now", "--yes"] + access).code == 0)
      try await eventually("the second identity: \(agent.errorOutput)") { try await listener()?.identity == "agent-2" }
    }

    @Test func `pico bench comes in with a certificate and a token, and counts with the admin port's`() async throws {
      let secret = try stage.directory.write("secret", "0123456789abcdef0123456789abcdef")
      _ = try await serve([
        "--proxy.tls.client-ca", authority.file, "--proxy.auth.hmac-secret-file", secret, "--proxy.auth.audience", "p",
        "--admin.auth.hmac-secret-file", secret, "--admin.auth.audience", "a",
      ])
      func token(_ audience: String, _ flags: [String] = []) async throws -> String {
        let made = try await run([Stage.pico, "token", "issue", "--key-file", secret, "--audience", audience] + flags)
        return try stage.directory.write("\(audience).token", made.output)
      }
      let (proxyToken, adminToken) = (try await token("p"), try await token("a", ["--role", "viewer"]))
      let shown = try authority.issue("agent", for: nil)
      let files = ["--ca", authority.file, "--cert", shown.certificate, "--key", shown.key]
      let upstream = freePort()
      try await stage.serve("upstream", [Stage.python, client("upstream.py"), "\(upstream)", "name"], port: upstream)
      let agent = try stage.start(
        "agent",
        [
          Stage.pico, "agent", "test", "127.0.0.1:\(upstream)", "--server", "https://localhost:\(port)", "--ca", authority.file,
          "--server.tls.cert", shown.certificate, "--server.tls.key", shown.key, "--token-file", proxyToken,
        ])
      try await eventually("the tunnel: \(agent.errorOutput)") { agent.output.contains("goes to") }
      let bench = [Stage.pico, "bench", "https://localhost:\(port)/name", "-e", "test", "-n", "50", "-c", "4"] + files
      let tokens = ["--token-file", proxyToken, "--admin", "https://localhost:\(admin)", "--admin-token-file", adminToken]
      let good = try await run(bench + tokens)
      #expect(good.code == 0 && good.output.contains("2xx 50"), "\(good)")
      let without = try await run(bench)
      #expect(without.code == 77, "\(without)")
      #expect(without.error == "pico: localhost:\(port) wants a token: --token-file FILE\n")
      let plain = try await run([Stage.pico, "bench", "http://192.0.2.1/", "--token-file", proxyToken])
      #expect(plain.code == 78, "\(plain)")
      #expect(plain.error == "pico: --token-file: the token would go unencrypted to http://192.0.2.1\n")
    }

    @Test func `files that cannot be used end the start in one line`() async throws {
      let other = try authority.issue("other")
      let result = try await run([
        Stage.pico, "server", "--proxy.listen", "127.0.0.1:\(port)", "--admin.listen", "127.0.0.1:\(admin)", "--proxy.tls.cert",
        node.certificate, "--proxy.tls.key", other.key,
      ])
      #expect(result.code == 78)
      #expect(result.error == "pico: proxy.tls.key: \(other.key) is not the key of the certificate in \(node.certificate)\n")
    }
  }
}
