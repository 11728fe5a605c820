import FoundationEssentials
import Support
import Testing

extension SystemTests {
  @Suite(.timeLimit(.minutes(5))) struct Completions {
    /// What is typed before TAB, and words that must and must not come of it.
    static let offers: [(line: String, words: [String], not: [String])] = [
      ("pico sta", ["status"], []),
      ("pico server --proxy.tl", ["--proxy.tls.cert", "--proxy.tls.client-ca"], ["--proxy.tls.certificates", "--admin"]),
      ("pico server --log.level ", ["debug", "critical"], ["--log", "server.yaml"]),
      ("pico server --log.level=", ["debug", "critical"], []),
      ("pico server --proxy.endpoint-from header,", ["host"], []),
      ("pico server --proxy.http2 ", ["true", "false"], ["server.yaml"]),
      ("pico server --proxy.tls.cert ser", ["server.yaml"], []),
      ("pico server --proxy.access-log ./ser", ["server.yaml"], []),
      ("pico server --config ser", ["server.yaml"], []),
      ("pico server --log.level debug --log.", ["--log.format"], []),
      ("pico agent web 3000 --server.tls.", ["--server.tls.ca", "--server.tls.server-name"], []),
      ("pico agent web 3000 --pool-", ["--pool-size", "--pool-idle"], []),
      ("pico agent --server-protocol ", ["pico", "piko"], []),
      ("pico forward 5432 db --log.", ["--log.level", "--log.format"], []),
      ("pico config check ", ["server", "agent"], ["forward"]),
      ("pico config check server ser", ["server.yaml"], []),
      ("pico config check server server.yaml --log.", ["--log.level", "--log.format"], []),
      ("pico config check agent server.yaml --log.format ", ["text", "json"], []),
      ("pico status ", ["endpoints", "listeners"], ["--proxy"]),
    ]

    @Test(arguments: ["bash", "zsh", "fish"])
    func `TAB completes the flags of every command, and their values`(_ shell: String) async throws {
      let stage = try Stage()
      _ = try stage.directory.write("server.yaml", "log: {level: info}\n")
      let made = try await stage.run("pico", [Stage.pico, "--generate-completion-script", shell])
      #expect(made.code == 0 && made.error.isEmpty, "\(made.error)")
      let script = try stage.directory.write("script", made.output)
      let read = try await stage.run("read", [shell, "-n", script])
      #expect(read.code == 0 && read.error.isEmpty, "\(read)")
      let result = try await stage.run(
        "completions", ["python3", client("completions.py"), shell, script, Stage.pico] + Self.offers.map(\.line), within: 120)
      #expect(result.code == 0, "\(result)")
      let answers = try result.output.split(separator: "\n").map { try JSONDecoder().decode(String.self, from: Data($0.utf8)) }
      try #require(answers.count == Self.offers.count, "\(result)")
      for (offer, answer) in zip(Self.offers, answers) {
        for word in offer.words { #expect(answer.contains(word), "\(offer.line)TAB gives \(answer)") }
        // What was typed is in the answer of a terminal as well.
        let offered = answer.replacing(offer.line, with: "")
        for word in offer.not { #expect(!offered.contains(word), "\(offer.line)TAB gives \(answer)") }
      }
    }

    @Test func `a shell that is not known is refused, and without a name it is the one of the environment`() async throws {
      let stage = try Stage()
      let wrong = try await stage.run("pico", [Stage.pico, "--generate-completion-script", "tcsh"])
      #expect(wrong.code == 64 && wrong.error.contains("tcsh"), "\(wrong)")
      let own = try await stage.run("pico", [Stage.pico, "--generate-completion-script"], environment: ["SHELL": "/usr/bin/fish"])
      #expect(own.code == 0 && own.output.contains("complete -c 'pico'") && own.output.contains("proxy.listen"), "\(own)")
      let joined = try await stage.run("pico", [Stage.pico, "--generate-completion-script=bash"])
      #expect(joined.code == 0 && joined.output.contains("--proxy.listen"), "\(joined.error)")
    }
  }
}
