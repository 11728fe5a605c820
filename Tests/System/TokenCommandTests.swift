import Support
import Testing

extension SystemTests {
  /// `pico token`, held against openssl.
  @Suite struct TokenCommands {
    /// How openssl makes a key, and which algorithms it signs.
    static let keys: [(command: String, algorithms: [String])] = [
      ("openssl rand -hex 32 > KEY", ["HS256", "HS384", "HS512"]),
      ("openssl genrsa 2048 > KEY", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
      ("openssl ecparam -name prime256v1 -genkey -noout -out KEY", ["ES256"]),
      ("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out KEY", ["ES384"]),
      ("openssl ecparam -name secp521r1 -genkey -noout -out KEY", ["ES512"]),
      ("openssl genpkey -algorithm ed25519 -out KEY", ["EdDSA"]),
    ]

    /// Makes a key, and the file that verifies what it signs.
    static func make(_ command: String, _ stage: Stage) async throws -> (key: String, verifying: String) {
      let key = stage.directory.path("key")
      let publicKey = stage.directory.path("public")
      let script =
        "\(command.replacing("KEY", with: "'\(key)'")) && if grep -q BEGIN '\(key)'; then openssl pkey -in '\(key)' -pubout > '\(publicKey)';"
        + " else cp '\(key)' '\(publicKey)'; fi"
      let made = try await stage.run("openssl", ["sh", "-c", script])
      #expect(made.code == 0, "\(made)")
      return (key, publicKey)
    }

    @Test(arguments: keys.indices)
    func `openssl verifies our tokens, and we those of openssl`(_ index: Int) async throws {
      let stage = try Stage()
      let (command, algorithms) = Self.keys[index]
      let (key, publicKey) = try await Self.make(command, stage)
      for algorithm in algorithms {
        let ours = try await stage.run(
          "pico",
          [
            Stage.pico, "token", "issue", "--key-file", key, "--algorithm", algorithm, "--subject", "bob", "--audience", "a", "--audience",
            "b", "--issuer", "me", "--endpoint", "web", "--endpoint", "team-*", "--role", "viewer", "--key-id", "k1", "--expires-in", "90s",
          ])
        #expect(ours.code == 0 && ours.error.isEmpty, "\(ours)")
        let file = try stage.directory.write("ours", ours.output)
        let checked = try await stage.run(
          "tokens", ["sh", "-c", "'\(Stage.python)' '\(client("tokens.py"))' check \(algorithm) '\(publicKey)' < '\(file)'"])
        for part in ["\"kid\": \"k1\"", "\"sub\": \"bob\"", "[\"a\", \"b\"]", "[\"web\", \"team-*\"]", "\"role\": \"viewer\""] {
          #expect(checked.code == 0 && checked.output.contains(part), "\(algorithm): \(part) in \(checked)")
        }

        let theirs = try await stage.run(
          "tokens",
          [Stage.python, client("tokens.py"), "make", algorithm, key, "{\"exp\": 4000000000, \"aud\": \"a\", \"sub\": \"\\u00e9\"}"])
        let token = try stage.directory.write("theirs", theirs.output)
        for verifying in [key, publicKey] {
          let seen = try await stage.run("pico", [Stage.pico, "token", "inspect", token, "--key-file", verifying, "--audience", "a"])
          #expect(seen.code == 0 && seen.output.contains("good: signed with a key of"), "\(algorithm): \(seen)")
          #expect(seen.output.contains("\"sub\":\"é\"") && seen.output.contains("expires 2096-10-02"), "\(seen)")
        }
      }
      let without = try await stage.run("pico", [Stage.pico, "token", "issue", "--key-file", key])
      let header = try await stage.run("sh", ["sh", "-c", "echo '\(without.output)' | '\(Stage.pico)' token inspect"])
      #expect(
        header.code == 0 && header.output.contains("\"alg\":\"\(algorithms[0])\"") && header.output.contains("not verified"), "\(header)")
    }

    @Test func `a token that is not good says why`() async throws {
      let stage = try Stage()
      let secret = try stage.directory.write("secret", String(repeating: "s", count: 64))
      let other = try stage.directory.write("other", String(repeating: "o", count: 64))
      func token(_ claims: String, _ header: String = "{}") async throws -> String {
        let made = try await stage.run("tokens", [Stage.python, client("tokens.py"), "make", "HS256", secret, claims, header])
        return try stage.directory.write("token", made.output)
      }
      let cases: [(claims: String, header: String, arguments: [String], code: Int32, words: String)] = [
        ("{\"exp\": 4000000000}", "{}", ["--key-file", secret], 0, "good"),
        ("{\"exp\": 4000000000}", "{}", ["--key-file", other], 77, "the signature is not of any key"),
        ("{\"exp\": 1}", "{}", ["--key-file", secret], 77, "it has expired"),
        ("{}", "{}", ["--key-file", secret], 77, "it has no exp"),
        ("{\"exp\": 4000000000}", "{}", ["--key-file", secret, "--audience", "a"], 77, "it is for another audience"),
        ("{\"exp\": 4000000000}", "{}", ["--key-file", secret, "--issuer", "a"], 77, "it is of another issuer"),
        ("{\"exp\": 4000000000}", "{\"crit\": [\"exp\"]}", [], 65, "crit"),
        ("{\"exp\": 1, \"exp\": 2}", "{}", [], 65, "a member comes twice"),
        ("{\"exp\": 1}", "{\"alg\": \"none\"}", [], 65, "its alg is not one that is taken"),
        ("{\"sub\": \"\\u001b[31m\", \"exp\": 1}", "{}", [], 0, "not verified"),
      ]
      for (claims, header, arguments, code, words) in cases {
        let result = try await stage.run("pico", [Stage.pico, "token", "inspect", try await token(claims, header)] + arguments)
        #expect(result.code == code && (result.output + result.error).contains(words), "\(claims): \(result)")
        #expect(!result.output.contains("\u{1b}"))
      }
    }

    static let wrong: [(arguments: [String], code: Int32, names: String)] = [
      (["issue"], 64, "--key-file"),
      (["issue", "--key-file", "/nonexistent/key"], 78, "/nonexistent/key"),
      (["issue", "--key-file", "/dev/null"], 78, "at least 32"),
      (["issue", "--key-file", "/etc/passwd", "--algorithm", "ES256"], 64, "ES256"),
      (["issue", "--key-file", "/etc/passwd", "--algorithm", "none"], 64, "none"),
      (["issue", "--key-file", "/etc/passwd", "--expires-in", "0"], 64, "--expires-in"),
      (["issue", "--key-file", "/etc/passwd", "--role", "root"], 64, "root"),
      (["inspect", "/nonexistent/token"], 78, "/nonexistent/token"),
      (["inspect", "/etc/passwd"], 65, "not a token"),
    ]

    @Test(arguments: wrong.indices) func `a command that cannot work says why in one line`(_ index: Int) async throws {
      let (arguments, code, names) = Self.wrong[index]
      let result = try await Stage().run("pico", [Stage.pico, "token"] + arguments)
      #expect(result.code == code && result.error.contains(names) && result.output.isEmpty, "\(arguments): \(result)")
      if code != 64 { #expect(result.error.split(separator: "\n").count == 1, "\(result)") }
    }
  }
}
