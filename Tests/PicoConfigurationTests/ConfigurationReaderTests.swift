import PicoAgent
import PicoConfiguration
import PicoCore
import PicoServer
import Testing

@Suite struct ConfigurationReaderTests {
  private func server(_ arguments: [String] = [], _ environment: [String: String] = [:]) throws -> LoadedConfiguration<ServerConfiguration>
  {
    try ConfigurationReader.load(ServerConfiguration.schema, arguments: arguments, environment: environment)
  }

  @Test func `nothing given is the defaults`() throws {
    let loaded = try server()
    #expect(loaded.configuration == ServerConfiguration())
    #expect(loaded.configuration.proxy.listen.description == "localhost:8080")
    #expect(loaded.configuration.admin.listen.description == "localhost:8081")
    #expect(loaded.configuration.proxy.idleTimeout == .seconds(660))
    #expect(loaded.warnings.isEmpty)
  }

  @Test func `a flag beats the environment, the environment a file, a file the default`() throws {
    _ = try withFile("proxy: {timeout: 1s, head-timeout: 1s, idle-timeout: 1s}\n# comment\nlog:\n") { path in
      let loaded = try server(
        ["--proxy.timeout", "3s", "--config=" + path], ["PICO_PROXY_TIMEOUT": "2s", "PICO_PROXY_HEAD_TIMEOUT": "2s"])
      #expect(loaded.configuration.proxy.timeout == .seconds(3))
      #expect(loaded.configuration.proxy.headTimeout == .seconds(2))
      #expect(loaded.configuration.proxy.idleTimeout == .seconds(1))
      #expect(loaded.configuration.proxy.bodyIdleTimeout == .seconds(60))
      #expect(loaded.provenance["proxy.timeout"] == .flag("--proxy.timeout"))
      #expect(loaded.provenance["proxy.head-timeout"] == .environment("PICO_PROXY_HEAD_TIMEOUT"))
      #expect(loaded.provenance["proxy.idle-timeout"] == .file(path: path, line: 1))
      #expect(loaded.provenance["proxy.body-idle-timeout"] == nil)
      return ""
    }
  }

  @Test(arguments: [
    (["--proxy.via"], true), (["--proxy.via", "true"], true), (["--proxy.via", "false"], false), (["--proxy.via=false"], false),
    (["--proxy.via", "--metrics.endpoint-label"], true),
  ])
  func `a bare boolean flag is true and takes a value`(arguments: [String], value: Bool) throws {
    #expect(try server(arguments).configuration.proxy.via == value)
  }

  @Test(
    arguments: [
      (["--proxy.access-log"], .standardOutput), (["--proxy.access-log", "--proxy.via"], .standardOutput),
      (["--proxy.access-log", "./a.log"], .file("./a.log")), (["--proxy.access-log=/a.log"], .file("/a.log")),
      (["--proxy.access-log", "false"], .off),
    ] as [([String], AccessLogDestination)])
  func `a boolean flag that may be a path takes one`(arguments: [String], destination: AccessLogDestination) throws {
    #expect(try server(arguments).configuration.proxy.accessLog == destination)
  }

  @Test func `lists are read with commas and from several flags`() throws {
    let configuration = try server(["--proxy.domains", "a.example, *.B.example", "--proxy.domains=c.example", "--proxy.endpoint-from=host"])
      .configuration
    #expect(configuration.proxy.domains.map(\.domain.text) == ["a.example", "b.example", "c.example"])
    #expect(configuration.proxy.endpointFrom == [.host])
    #expect(try server([], ["PICO_PROXY_TRUSTED_PROXIES": ""]).configuration.proxy.trustedProxies == [])
  }

  @Test func `every kind of value is read from YAML`() throws {
    _ = try withFile(
      """
      proxy:
        listen: "[::1]:8088"
        max-connections: 5000
        max-body: 2GiB
        trusted-proxies: [10.0.0.0/8, "fd00::/8"]
        access-log: ./access.log
      tunnel: {stream-window: 1MiB}
      log: {level: debug, format: json}
      """
    ) { path in
      let configuration = try server(["--config", path]).configuration
      #expect(configuration.proxy.listen == HostPort(host: "::1", port: 8088))
      #expect(configuration.proxy.maxConnections == 5000)
      #expect(configuration.proxy.maxBody.bytes == 2 << 30)
      #expect(configuration.proxy.trustedProxies.map(\.description) == ["10.0.0.0/8", "fd00::/8"])
      #expect(configuration.proxy.accessLog == .file("./access.log"))
      #expect(configuration.tunnel.streamWindow == .fixed(.mebibytes(1)))
      #expect(configuration.log.level == .debug)
      #expect(configuration.log.format == .json)
      return ""
    }
  }

  @Test func `an empty file is the defaults`() throws {
    for yaml in ["", "# nothing\n", "proxy:\n", "{}"] {
      _ = try withFile(yaml) { path in
        let configuration = try server(["--config", path]).configuration
        #expect(configuration == ServerConfiguration())
        return ""
      }
    }
  }

  @Test func `an unknown variable is a warning and those of Kubernetes are nothing`() throws {
    let environment = [
      "PICO_PROXY_TIMEOT": "1s", "PICO_PORT": "tcp://10.0.0.1:80", "PICO_PORT_80_TCP": "x", "PICO_SERVICE_HOST": "10.0.0.1",
      "PICO_ADMIN_PORT_8081_TCP_ADDR": "x", "PICO_ADMIN_SERVICE_HOST": "x", "PICO_ADMIN_SERVICE_PORT_HTTP": "x", "HOME": "/",
    ]
    #expect(
      try server([], environment).warnings == [
        "PICO_PROXY_TIMEOT: unknown environment variable, ignored (did you mean PICO_PROXY_TIMEOUT?)"
      ])
  }

  @Test func `a port that is open without authentication is a warning where it is meant`() throws {
    let loaded = try server(["--admin.listen", ":8081", "--admin.auth.allow-anonymous"])
    #expect(loaded.warnings == ["admin.auth.allow-anonymous: :8081 is open to other machines without authentication"])
    // Client certificates are authentication, on a shared socket for listeners too.
    let certificates = try server([
      "--proxy.listen", ":443", "--proxy.tls.cert", "a.pem", "--proxy.tls.key", "a.key", "--proxy.tls.client-ca", "b.pem",
    ])
    #expect(certificates.warnings.isEmpty)
  }

  @Test func `help looks at nothing else`() throws {
    let loaded = try server(["--help", "--config", "/nonexistent"])
    #expect(loaded.flags.wantsHelp)
    #expect(ServerConfiguration.schema.help.contains("  --proxy.head-timeout DURATION\n"))
    #expect(AgentConfiguration.help.contains("  --server, --server.url URL\n"))
    #expect(AgentConfiguration.help.contains("  --connections INTEGER\n"))
  }

  @Test func `a reload takes over what can change and tells what cannot`() throws {
    let old = ServerConfiguration()
    var new = old
    new.log.level = .debug
    new.proxy.listen = HostPort(host: "localhost", port: 1)
    let schema = ServerConfiguration.schema
    #expect(
      schema.differences(from: old, to: new).map { "\($0.name) \($0.old) \($0.new) \($0.isReloadable)" } == [
        "proxy.listen localhost:8080 localhost:1 false", "log.level info debug true",
      ])
    let running = schema.reloaded(old, with: new)
    #expect(running.log.level == .debug)
    #expect(running.proxy.listen == old.proxy.listen)
  }

  @Test func `a reload tells a change that the texts of values do not show, and no secret`() throws {
    func configuration(_ password: String, _ port: Int) throws -> AgentConfiguration {
      var configuration = AgentConfiguration()
      configuration.server.httpProxy = try ProxySetting(configurationText: "http://me:\(password)@10.0.0.1:3128")
      let endpoint = try #require(EndpointID("web"))
      configuration.listeners = [ListenerConfiguration(endpoint: endpoint, upstream: .http(HostPort(host: "localhost", port: port)))]
      return configuration
    }
    let schema = AgentConfiguration.schema
    let old = try configuration("before", 3000)
    #expect(try schema.differences(from: old, to: configuration("before", 3000)).isEmpty)
    #expect(
      try schema.differences(from: old, to: configuration("behind", 3001)).map { "\($0.name): \($0.old) -> \($0.new)" } == [
        "listeners: [1 objects] -> [1 objects], changed in what is not shown",
        "server.http-proxy: http://10.0.0.1:3128 -> http://10.0.0.1:3128, changed in what is not shown",
      ])
  }

  @Test func `every key has a variable of its own and none that Kubernetes could set by chance`() {
    for keys in [ServerConfiguration.schema.descriptions, AgentConfiguration.schema.descriptions] {
      #expect(Set(keys.map(\.environmentName)).count == keys.count)
      for key in keys { #expect(!EnvironmentVariables.isInjected(key.environmentName)) }
    }
  }
}

@Suite struct AgentConfigurationTests {
  @Test func `two arguments are a listener, and its keys are flags`() throws {
    let configuration = try AgentConfiguration.load(
      arguments: ["My-Endpoint", "localhost:3000", "--server", "https://pico.example.com/", "--connections=4", "--health.path", "/up"],
      environment: ["PICO_LOG_LEVEL": "error"]
    ).configuration
    #expect(configuration.listeners.count == 1)
    #expect(configuration.listeners.first?.endpoint.name == "my-endpoint")
    #expect(configuration.listeners.first?.upstream == .http(HostPort(host: "localhost", port: 3000)))
    #expect(configuration.listeners.first?.connections == 4)
    #expect(configuration.listeners.first?.health.path == "/up")
    #expect(configuration.server.url == BaseURL(isTLS: true, address: HostPort(host: "pico.example.com", port: 443)))
    #expect(configuration.log.level == .error)
  }

  @Test func `a file holds many listeners`() throws {
    _ = try withFile(
      """
      listeners:
        - endpoint: a
          upstream: 3000
          timeout: 10s
          health: {path: /up, interval: 1s}
        - {endpoint: b, upstream: "tcp://10.0.0.5:5432", weight: 3, access-log: true}
        - {endpoint: a, upstream: 3001}
      """
    ) { path in
      let listeners = try AgentConfiguration.load(arguments: ["--config", path], environment: [:]).configuration.listeners
      #expect(listeners.map(\.endpoint.name) == ["a", "b", "a"])
      #expect(listeners[0].timeout == .seconds(10))
      #expect(listeners[0].health.path == "/up")
      #expect(listeners[0].health.interval == .seconds(1))
      #expect(listeners[1].upstream == .tcp(HostPort(host: "10.0.0.5", port: 5432)))
      #expect(listeners[1].weight == 3)
      #expect(listeners[1].accessLog == .standardOutput)
      return ""
    }
  }

  @Test(arguments: [
    ("3000", "http://localhost:3000"), ("app:80", "http://app:80"), ("[::1]:80", "http://[::1]:80"), ("http://app", "http://app:80"),
    ("https://app/", "https://app:443"), ("HTTPS://app:8443", "https://app:8443"), ("tcp://db:5432", "tcp://db:5432"),
    ("unix:/run/app.sock", "unix:/run/app.sock"), ("unix:///run/app.sock", "unix:/run/app.sock"),
  ])
  func `an upstream is read in every form`(text: String, printed: String) throws {
    #expect(try Upstream(configurationText: text).description == printed)
  }

  @Test(arguments: [
    "", "0", "65536", ":80", "app", "app:0", "tcp://db", "http://", "http://user@app", "app:80/x", "http://app?x", "unix:", "unix:app.sock",
    "unix://host/app", "unix:/" + String(repeating: "a", count: 107), "::1:80", "1.2.3:80",
  ])
  func `what is not an upstream is refused`(text: String) {
    #expect(throws: MalformedValue.self) { try Upstream(configurationText: text) }
  }
}
