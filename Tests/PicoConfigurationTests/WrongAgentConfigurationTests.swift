import PicoAgent
import PicoConfiguration
import PicoCore
import Testing

@Suite struct WrongAgentConfigurationTests {
  static let files: [(yaml: String, message: String)] = [
    ("server: {url: 'http://localhost:1'}", "listeners: needs at least one listener"),
    ("listeners: []", "FILE:1: listeners: needs at least one listener"),
    ("listeners: a", "FILE:1: listeners: needs a list of objects (- {...}), not a single value"),
    ("listeners: [a]", "FILE:1: listeners[0]: needs a mapping (with keys like endpoint, upstream), not a single value"),
    ("listeners:\n  - endpoint: a\n", "FILE:2: listeners[0]: has no upstream"),
    ("listeners:\n  - upstream: 80\n", "FILE:2: listeners[0]: has no endpoint"),
    (
      "listeners:\n  - endpoint: a b\n    upstream: 80\n",
      "FILE:2: listeners[0].endpoint: \"a b\" is not an endpoint name (1 to 128 of A-Z a-z 0-9 . _ ~ -, but not . or ..)"
    ),
    (
      "listeners:\n  - endpoint: a\n    upstream: ftp://x\n",
      "FILE:3: listeners[0].upstream: \"ftp://x\" is not an upstream "
        + "(like 3000, localhost:3000, https://api.example.com, h2c://localhost:50051, tcp://10.0.0.5:5432, unix:/run/app.sock)"
    ),
    (
      "listeners:\n  - {endpoint: a, upstream: 'h2c://localhost:50051', health: {path: /}}\n",
      "FILE:2: listeners[0].health.path: has no use with h2c://localhost:50051: only whether it can be connected to is looked at"
    ),
    (
      "listeners:\n  - {endpoint: a, upstream: 80}\n  - {endpoint: b, upstream: 80, conections: 2}\n",
      "FILE:3: listeners[1].conections: unknown key (did you mean connections?)"
    ),
    (
      "listeners:\n  - {endpoint: a, upstream: 80, connections: 0}\n",
      "FILE:2: listeners[0].connections: \"0\" must be from 1 to 256"
    ),
    (
      "listeners:\n  - {endpoint: a, upstream: 80, health: {path: healthz}}\n",
      "FILE:2: listeners[0].health.path: \"healthz\" is not a path (like /healthz)"
    ),
    (
      "listeners:\n  - {endpoint: a, upstream: 80, host-header: 'a/b'}\n",
      "FILE:2: listeners[0].host-header: \"a/b\" is not a Host (like app.example.com:8080)"
    ),
    (
      "listeners:\n  - {endpoint: a, upstream: 80}\n  - {endpoint: b, upstream: 80}\n  - {endpoint: A, upstream: 80}\n",
      "FILE:4: listeners[2]: is the same as listeners[0] (connections gives more tunnels)"
    ),
    (
      "listeners:\n  - endpoint: a\n    upstream: 80\n    tls:\n      ca: a.pem\n",
      "FILE:5: listeners[0].tls.ca: has no use with http://localhost:80, which is not https"
    ),
    (
      "listeners:\n  - endpoint: a\n    upstream: tcp://localhost:1\n    health: {path: /}\n",
      "FILE:4: listeners[0].health.path: has no use with tcp://localhost:1, which is not HTTP"
    ),
    (
      "server:\n  url: http://pico.example.com\n  token-file: t\nlisteners: [{endpoint: a, upstream: 80}]\n",
      "FILE:3: server.token-file: the token would go unencrypted to http://pico.example.com "
        + "(use https, or server.allow-plaintext-token: true allows that)"
    ),
    (
      "server: {url: 'https://h', tls: {cert: a.pem}}\nlisteners: [{endpoint: a, upstream: 80}]\n",
      "FILE:1: server.tls.cert: needs server.tls.key"
    ),
    (
      "listeners: [{endpoint: a, upstream: 'https://h', tls: {key: a.key}}]\n", "FILE:1: listeners[0].tls.key: needs tls.cert"
    ),
    (
      "server: {tls: {ca: a.pem}}\nlisteners: [{endpoint: a, upstream: 80}]\n",
      "FILE:1: server.tls.ca: has no use with http://localhost:8080, which is not https"
    ),
    (
      "server: {url: 'localhost:8080'}\nlisteners: [{endpoint: a, upstream: 80}]\n",
      "FILE:1: server.url: \"localhost:8080\" is not a server URL (like http://localhost:8080, https://pico.example.com)"
    ),
    (
      "agent: {metadata: [a=1, a=2]}\nlisteners: [{endpoint: a, upstream: 80}]\n", "FILE:1: agent.metadata: gives a twice"
    ),
    (
      "server: {url: 'http://pico.example.com', token-file: t, http-proxy: 'http://127.0.0.1:3128'}\nlisteners: [{endpoint: a, upstream: 80}]\n",
      "FILE:1: server.token-file: the token would go unencrypted to http://pico.example.com "
        + "(use https, or server.allow-plaintext-token: true allows that)"
    ),
    (
      "server: {token-file: t, http-proxy: 'http://192.0.2.1:3128'}\nlisteners: [{endpoint: a, upstream: 80}]\n",
      "FILE:1: server.token-file: the token would go unencrypted to the proxy http://192.0.2.1:3128 "
        + "(use https, or server.allow-plaintext-token: true allows that)"
    ),
    (
      "server: {http-proxy: 'https://me:secret@h:1'}\nlisteners: [{endpoint: a, upstream: 80}]\n",
      "FILE:1: server.http-proxy: is not the URL of a proxy with its port "
        + "(like http://proxy.example.com:3128, http://user:password@10.0.0.1:3128)"
    ),
    (
      "server: {protocol: http}\nlisteners: [{endpoint: a, upstream: 80}]\n",
      "FILE:1: server.protocol: \"http\" is not one of pico, piko"
    ),
  ]

  @Test(arguments: files)
  func `a wrong file is one line that names its place`(yaml: String, message: String) throws {
    let text = try withFile(yaml) { path in
      do throws(ConfigurationError) {
        _ = try AgentConfiguration.load(arguments: ["--config", path], environment: [:])
        return "accepted"
      } catch {
        #expect(error.exit == .configuration)
        return error.description
      }
    }
    #expect(text == message)
  }

  static let commandLines: [(arguments: [String], message: String, exit: Int32)] = [
    ([], "needs ENDPOINT and UPSTREAM, or --config FILE", 64),
    (["a"], "needs UPSTREAM after ENDPOINT \"a\"", 64),
    (["a", "80", "c"], "unexpected argument \"c\"", 64),
    (["a/b", "80"], "ENDPOINT: \"a/b\" is not an endpoint name (1 to 128 of A-Z a-z 0-9 . _ ~ -, but not . or ..)", 64),
    (
      ["a", "99999"],
      "UPSTREAM: \"99999\" is not an upstream (like 3000, localhost:3000, https://api.example.com, h2c://localhost:50051, tcp://10.0.0.5:5432, unix:/run/app.sock)",
      64
    ),
    (
      ["a", "http://localhost:80/app"],
      "UPSTREAM: \"http://localhost:80/app\" is not an upstream "
        + "(like 3000, localhost:3000, https://api.example.com, h2c://localhost:50051, tcp://10.0.0.5:5432, unix:/run/app.sock); "
        + "a path cannot be part of it: the path of each request goes through as it is", 64
    ),
    (["a", "80", "--connections", "x"], "--connections: \"x\" is not an integer (like 0, 1024)", 64),
    (["a", "80", "--listeners", "x"], "--listeners: can be given only in a configuration file", 64),
    (["a", "80", "--servr", "x"], "--servr: unknown flag (did you mean --server?)", 64),
    (
      ["a", "80", "--server.http-proxy", "http://me:secret@h:1"],
      "--server.http-proxy: a password does not belong on a command line (use the file of --config, or PICO_SERVER_HTTP_PROXY)", 64
    ),
    (["a", "80", "--tls.ca", "x"], "--tls.ca: has no use with http://localhost:80, which is not https", 78),
  ]

  @Test(arguments: commandLines)
  func `a wrong command line is one line that names the flag`(arguments: [String], message: String, exit: Int32) {
    let error = #expect(throws: ConfigurationError.self) { try AgentConfiguration.load(arguments: arguments, environment: [:]) }
    #expect(error?.description == message)
    #expect(error?.exit.rawValue == exit)
  }

  /// The flag, the environment, and the proxy that counts.
  @Test(
    arguments: [
      (nil, [:], nil), (nil, ["https_proxy": "http://e:1"], "http://e:1"), ("http://f:1", ["https_proxy": "http://e:1"], "http://f:1"),
      ("http://me@f:1", [:], "http://f:1"), ("none", ["https_proxy": "http://e:1"], "none"),
      (nil, ["PICO_SERVER_HTTP_PROXY": "http://me:secret@v:1", "https_proxy": "http://e:1"], "http://v:1"),
      (nil, ["https_proxy": "http://e:1", "NO_PROXY": "example.com"], nil),
    ] as [(String?, [String: String], String?)])
  func `a proxy of a key counts above those of the environment`(flag: String?, environment: [String: String], proxy: String?) throws {
    let flags = flag.map { ["--server.http-proxy", $0] } ?? []
    let loaded = try AgentConfiguration.load(
      arguments: ["a", "80", "--server", "https://pico.example.com"] + flags, environment: environment)
    #expect(loaded.configuration.server.httpProxy?.configurationText == proxy)
  }

  @Test func `a variable of the environment that is no proxy is named, and not quoted`() {
    let error = #expect(throws: ConfigurationError.self) {
      try AgentConfiguration.load(
        arguments: ["a", "80", "--server", "https://h"], environment: ["HTTPS_PROXY": "socks5://me:secret@p:1"])
    }
    #expect(
      error?.description
        == "HTTPS_PROXY: is not the URL of a proxy with its port (like http://proxy.example.com:3128, "
        + "http://user:password@10.0.0.1:3128); server.http-proxy: none does without one")
    #expect(error?.exit == .configuration)
  }

  @Test func `listeners are given in one way only`() throws {
    let text = try withFile("listeners:\n  - {endpoint: a, upstream: 80}\n") { path in
      #expect(throws: ConfigurationError.self) {
        try AgentConfiguration.load(arguments: ["--config", path, "--weight", "2"], environment: [:])
      }?.description ?? "accepted"
    }
    #expect(text == "--weight: needs ENDPOINT and UPSTREAM on the command line; in a file it belongs to a listener")
    let both = try withFile("listeners:\n  - {endpoint: a, upstream: 80}\n") { path in
      #expect(throws: ConfigurationError.self) {
        try AgentConfiguration.load(arguments: ["b", "81", "--config", path], environment: [:])
      }?.description ?? "accepted"
    }
    #expect(both == "FILE:1: listeners: ENDPOINT and UPSTREAM are on the command line too")
  }
}
