import Support
import Testing

extension SystemTests {
  /// pico-top in pseudo-terminals and in tmux, against status_server.py. Each check is a function of top_checks.py.
  @Suite struct Top {
    private func check(_ words: [String], location: SourceLocation = #_sourceLocation) async throws {
      let stage = try Stage()
      let result = try await stage.run(
        "check", [Stage.python, client("top_checks.py"), Stage.picoTop] + words, within: 120, environment: ["LANG": "C.UTF-8"])
      #expect(result.code == 0, "\(words.joined(separator: " ")): \(result.error.suffix(3000))", sourceLocation: location)
    }

    @Test func `every size has a screen`() async throws {
      try await check(["together", "size", "80x24", "200x50", "40x12", "20x5", "1x1", "300x100"])
    }

    @Test func `every kind of terminal has the colours and characters that it can show`() async throws {
      try await check([
        "together", "kind", "xterm-256color", "truecolour", "no-color", "tmux-256color", "tmux-truecolour", "linux", "vt100", "unknown",
        "c",
        "missing-locale",
      ])
    }

    @Test func `the terminal is given back however it ends`() async throws {
      try await check([
        "together", "ends", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGSEGV", "SIGABRT", "SIGTRAP", "SIGILL", "SIGBUS", "SIGFPE",
        "ctrl-c",
        "hang-up",
      ])
    }

    @Test func `no fault of a server ends it, and each is told`() async throws {
      try await check([
        "together", "fault", "silent", "no-hello", "plain-200", "plain-404", "refused-401", "refused-403", "busy-503", "not-http",
        "wrong-start", "newer", "garbage", "not-utf8", "binary", "cut", "close", "huge", "parts", "back", "gap", "trickle", "fragments",
        "unknown",
      ])
    }

    static let others: [(check: String, says: String)] = [
      ("resizes", "any size may follow any other at any moment"),
      ("dumb", "a terminal without a full screen gets the rows"),
      ("no_answers", "a terminal that never says what it has shown is drawn to all the same"),
      ("suspend", "Ctrl-Z gives the terminal back, and fg takes it again"),
      ("lost", "rows of a server that is lost stay and are not called live"),
      ("nobody", "a server that comes later is found"),
      ("several", "several servers are one table"),
      ("evil", "no name reaches the terminal as anything but text"),
      ("mouse", "the mouse selects and opens"),
      ("paste", "pasted text is typed text"),
      ("copy", "a row is copied to the clipboard"),
      ("remembers", "the order of the rows is remembered"),
      ("noise", "random keys and sizes end nothing"),
      ("slow_terminal", "a screen of 100 KB/s shows what is young"),
      ("tmux", "tmux shows it in every size"),
      ("head", "a reader that leaves is no error"),
      ("plain", "rows are printed filtered, sorted and in every format"),
      ("token", "the token is read at each connect, and never sent in the clear"),
      ("tls", "certificates are checked both ways"),
      ("recording", "what was recorded is shown again"),
    ]

    @Test(arguments: others.map(\.check)) func `in a real terminal it does what it says`(_ name: String) async throws {
      try await check([name])
    }

    @Test func `the built-in descriptions of terminals are what their source says`() async throws {
      try await check(["descriptions", "\(Stage.root)/Sources/pico-top/Terminal"])
    }

    /// Command lines that cannot work: the exit code, and what the one line must name.
    static let wrong: [(arguments: [String], code: Int32, names: String)] = [
      (["--no-such-flag"], 64, "--no-such-flag"),
      (["ftp://x"], 64, "ftp://x"),
      (["localhost:0"], 64, "localhost:0"),
      (["--interval", "5h"], 64, "--interval"),
      (["--filter", "rate>"], 64, "--filter"),
      (["--filter", "nonsense>3"], 64, "nonsense"),
      (["--sort", "-nonsense"], 64, "--sort"),
      (["--format", "xml"], 64, "--format"),
      (["--once", "--watch"], 64, "--watch"),
      (["--theme", "nonsense"], 64, "--theme"),
      (["--cert", "a"], 64, "--key"),
      (["--record", "a", "--replay", "b"], 64, "--replay"),
      (["--replay", "a"], 64, "--replay"),
      (["--token-file", "/nonexistent/token"], 78, "/nonexistent/token"),
      (["wss://localhost", "--once", "--ca", "/nonexistent/ca"], 78, "/nonexistent/ca"),
      (["127.0.0.1:9", "--once"], 69, "127.0.0.1:9"),
    ]

    @Test(arguments: wrong.indices) func `a command line that cannot work says why in one line`(_ index: Int) async throws {
      let (arguments, code, names) = Self.wrong[index]
      let stage = try Stage()
      let result = try await stage.run("pico-top", [Stage.picoTop] + arguments, within: 20)
      #expect(result.code == code, "\(arguments): \(result.error)")
      let lines = result.error.split(separator: "\n")
      #expect(lines.count == 1 && lines[0].contains(names), "\(arguments): \(result.error)")
      #expect(result.output.isEmpty)
    }

    @Test func `a wrong setting is named with its line`() async throws {
      let stage = try Stage()
      _ = try await stage.run("mkdir", ["mkdir", "-p", "\(stage.directory.path)/pico"])
      _ = try stage.directory.write("pico/top.yaml", "theme: nord\nkees: 3\n")
      let result = try await stage.run(
        "pico-top", [Stage.picoTop, "--once"], within: 20, environment: ["XDG_CONFIG_HOME": stage.directory.path])
      #expect(result.code == 78 && result.error.contains("top.yaml:2") && result.error.contains("kees"), "\(result)")
    }

    @Test func `a theme with a mistake is named with its line, however it was chosen`() async throws {
      let stage = try Stage()
      _ = try await stage.run("mkdir", ["mkdir", "-p", "\(stage.directory.path)/pico/themes"])
      _ = try stage.directory.write("pico/themes/bad.theme", "# mine\nbg = base00\nbase00 = #14181g\n")
      let environment = ["XDG_CONFIG_HOME": stage.directory.path]
      for (settings, arguments) in [("mouse: true\n", ["--theme", "bad"]), ("theme: bad\n", [])] {
        _ = try stage.directory.write("pico/top.yaml", settings)
        let result = try await stage.run("pico-top", [Stage.picoTop, "--once"] + arguments, within: 20, environment: environment)
        #expect(result.code == 78 && result.error.contains("bad.theme:3") && result.error.contains("#14181g"), "\(result)")
      }
      _ = try stage.directory.write("pico/top.yaml", "mouse: true\ntheme: nosuch\n")
      let result = try await stage.run("pico-top", [Stage.picoTop, "--once"], within: 20, environment: environment)
      #expect(result.code == 78 && result.error.contains("top.yaml:2: theme: \"nosuch\" is no theme"), "\(result)")
    }

    @Test func `help fits into 80 columns, and the version is told`() async throws {
      let stage = try Stage()
      let help = try await stage.run("pico-top", [Stage.picoTop, "--help"])
      #expect(help.code == 0 && help.error.isEmpty)
      #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(help.output)")
      for flag in ["--token-file", "--theme", "--read-only", "--once", "--watch", "--format", "--record", "--replay", "--protected"] {
        #expect(help.output.contains(flag))
      }
      let version = try await stage.run("pico-top", [Stage.picoTop, "--version"])
      #expect(version.code == 0 && version.output.hasPrefix("pico-top "))
    }
  }
}
