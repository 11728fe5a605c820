import PicoConfiguration
import PicoCore
import PicoServer
import Testing

@Suite struct WrongServerConfigurationTests {
  static let files: [(yaml: String, message: String)] = [
    ("proxy:\n  timeout: 10x\n", "FILE:2: proxy.timeout: \"10x\" is not a duration (like 500ms, 10s, 1m)"),
    ("proxy:\n  timeout: 10\n", "FILE:2: proxy.timeout: \"10\" is not a duration (like 500ms, 10s, 1m)"),
    ("proxy:\n  timeout: 0\n", "FILE:2: proxy.timeout: \"0\" must be more than 0"),
    ("proxy: {timeout: [1s]}\n", "FILE:1: proxy.timeout: needs a duration, not a list"),
    ("proxy:\n  timeout:\n", "FILE:2: proxy.timeout: has no value"),
    ("proxy:\n  listen: 8080\n", "FILE:2: proxy.listen: \"8080\" is not an address (like localhost:8080, 10.0.0.1:80, [::1]:80, :8080)"),
    (
      "proxy:\n  listen: ::1:80\n", "FILE:2: proxy.listen: \"::1:80\" is not an address (like localhost:8080, 10.0.0.1:80, [::1]:80, :8080)"
    ),
    ("proxy: {max-head: 64KB}", "FILE:1: proxy.max-head: \"64KB\" is not a size (like 64KiB, 1MiB, 512)"),
    ("proxy: {max-head: 10}", "FILE:1: proxy.max-head: \"10\" must be from 1KiB to 1MiB"),
    ("proxy:\n  max-connections: many", "FILE:2: proxy.max-connections: \"many\" is not an integer (like 0, 1024)"),
    ("proxy:\n  max-connections: 0", "FILE:2: proxy.max-connections: \"0\" must be more than 0"),
    ("proxy: {rate-limit: -1}", "FILE:1: proxy.rate-limit: \"-1\" must not be negative"),
    (
      "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + zip("bcde", "abcd").map { "\($0): &\($0) [\(Array(repeating: "*\($1)", count: 10).joined(separator: ","))]\n" }.joined(),
      "FILE: holds more than 100000 values"
    ), ("proxy: {via: yes}", "FILE:1: proxy.via: \"yes\" is not true or false"),
    ("proxy:\n  endpoint-from:\n    - header\n    - path\n", "FILE:4: proxy.endpoint-from[1]: \"path\" is not one of header, host"),
    ("proxy: {endpoint-from: header}", "FILE:1: proxy.endpoint-from: needs a list ([a, b]), not a single value"),
    ("proxy: {endpoint-from: []}", "FILE:1: proxy.endpoint-from: is empty, so no request could name an endpoint"),
    ("proxy: {domains: [a b]}", "FILE:1: proxy.domains[0]: \"a b\" is not a domain (like pico.example.com, localhost)"),
    (
      "proxy: {trusted-proxies: [10.0.0.0/33]}",
      "FILE:1: proxy.trusted-proxies[0]: \"10.0.0.0/33\" is not an address range (like 10.0.0.0/8, fd00::/8, 192.0.2.1)"
    ),
    ("proxy: {trusted-proxies: [10.1.0.0/8]}", "FILE:1: proxy.trusted-proxies[0]: \"10.1.0.0/8\" has address bits behind its prefix"),
    ("proxy: {client-rate-limit: -1}", "FILE:1: proxy.client-rate-limit: \"-1\" must be from 0 to 1000000"),
    ("upstream: {registration-rate: 1000001}", "FILE:1: upstream.registration-rate: \"1000001\" must be from 0 to 1000000"),
    (
      "upstream: {registration-rate-per-address: x}",
      "FILE:1: upstream.registration-rate-per-address: \"x\" is not an integer (like 0, 1024)"
    ),
    (
      "upstream:\n  max-listeners-per-token: 5\n",
      "FILE:2: upstream.max-listeners-per-token: has no effect without upstream.auth with keys or client certificates: "
        + "nobody says who registers"
    ),
    (
      "admin:\n  auth: {failure-rate: 5}\n",
      "FILE:2: admin.auth.failure-rate: has no effect without keys "
        + "(admin.auth.hmac-secret-file, admin.auth.public-key-file or admin.auth.jwks)"
    ), ("admin: {auth: {jwks: /k, failure-rate: -1}}", "FILE:1: admin.auth.failure-rate: \"-1\" must be from 0 to 1000000"),
    (
      "admin: {allow: [10.0.0.0/33]}",
      "FILE:1: admin.allow[0]: \"10.0.0.0/33\" is not an address range (like 10.0.0.0/8, fd00::/8, 192.0.2.1)"
    ), ("upstream: {deny: [10.1.0.0/8]}", "FILE:1: upstream.deny[0]: \"10.1.0.0/8\" has address bits behind its prefix"),
    ("proxy: {deny: 10.0.0.0/8}", "FILE:1: proxy.deny: needs a list ([a, b]), not a single value"),
    ("proxy: {access-log-format: common}", "FILE:1: proxy.access-log-format: \"common\" is not one of text, json, combined"),
    (
      "proxy:\n  access-log-format: combined\n  access-log-headers: [accept]\n",
      "FILE:3: proxy.access-log-headers: has no place in proxy.access-log-format: combined"
    ),
    ("tracing:\n  sample: 0.5\n", "FILE:2: tracing.sample: has no effect without tracing.otlp-endpoint"),
    (
      "tracing: {otlp-endpoint: http://localhost:4318, sample: 2}",
      "FILE:1: tracing.sample: \"2\" is not a fraction (like 0, 0.01, 1)"
    ),
    (
      "tracing: {otlp-endpoint: localhost:4318}",
      "FILE:1: tracing.otlp-endpoint: \"localhost:4318\" is not the URL of a collector (like http://localhost:4318, "
        + "https://collector.example.com/otlp/v1/traces)"
    ),
    (
      "tracing:\n  otlp-endpoint: http://collector:4318\n  headers-file: /run/headers\n",
      "FILE:3: tracing.headers-file: what is in it would go unencrypted to http://collector:4318 (use https)"
    ),
    (
      "tracing:\n  otlp-endpoint: http://localhost:4318\n  tls: {ca: ca.pem}\n",
      "FILE:3: tracing.tls.ca: has no use with http://localhost:4318, which is not https"
    ),
    (
      "proxy: {access-log: ture}",
      "FILE:1: proxy.access-log: \"ture\" is not true, false or a path (like ./access.log, /var/log/pico/access.log)"
    ),
    ("proxy: {access-log-headers: ['a:']}", "FILE:1: proxy.access-log-headers[0]: \"a:\" is not a header name (like user-agent)"),
    ("log: {level: loud}", "FILE:1: log.level: \"loud\" is not one of trace, debug, info, notice, warning, error, critical"),
    ("log: {format: {a: b}}", "FILE:1: log.format: needs one of text, json, not a mapping"),
    ("node: {id-prefix: 'a b'}", "FILE:1: node.id-prefix: \"a b\" is not a node prefix (at most 64 of A-Z a-z 0-9 . _ ~ -)"),
    ("tunnel: {stream-window: 1KiB}", "FILE:1: tunnel.stream-window: \"1KiB\" must be from 256KiB to 8MiB"),
    ("tunnel: {stream-window: big}", "FILE:1: tunnel.stream-window: \"big\" is not a stream window (like auto, 1MiB)"),
    ("tunnel:\n  ping-timeout: 1s\n", "FILE:2: tunnel.ping-timeout: \"1s\" is less than tunnel.ping-interval (5s)"),
    ("tunnel:\n  ping-interval: 1m\n", "FILE:2: tunnel.ping-interval: \"1m\" is more than tunnel.ping-timeout (10s)"),
    (
      "tunnel: {max-buffered: 64MiB}\nmemory: {max-buffered: 32MiB}",
      "FILE:2: memory.max-buffered: \"32MiB\" is less than tunnel.max-buffered (64MiB)"
    ),
    ("admin: {listen: 'localhost:8080'}", "FILE:1: admin.listen: \"localhost:8080\" is the address of proxy.listen too"),
    (
      "proxy: {auth: {allow-anonymous: true}}\nupstream: {auth: {allow-anonymous: true}}\nadmin:\n  listen: :8081\nproxy.listen: :80\n",
      "FILE:4: admin.listen: \":8081\" is open to other machines and the admin port has no authentication "
        + "(set admin.auth.hmac-secret-file, admin.auth.public-key-file or admin.auth.jwks, or admin.auth.allow-anonymous: true)"
    ),
    (
      "proxy: {auth: {jwks: 'http://id.example/jwks'}}",
      "FILE:1: proxy.auth.jwks: \"http://id.example/jwks\" is http to another machine: keys that come unencrypted can be exchanged on the way"
    ),
    (
      "proxy: {auth: {jwks: keys}}",
      "FILE:1: proxy.auth.jwks: \"keys\" is not the place of a JWK set "
        + "(like https://id.example.com/jwks.json, http://localhost:9000/jwks.json, /etc/pico/jwks.json)"
    ),
    (
      "proxy: {auth: {jwks: 'ftp://h/k'}}",
      "FILE:1: proxy.auth.jwks: \"ftp://h/k\" is not the place of a JWK set "
        + "(like https://id.example.com/jwks.json, http://localhost:9000/jwks.json, /etc/pico/jwks.json)"
    ),
    (
      "admin: {auth: {jwks: 'https://u@h/k'}}",
      "FILE:1: admin.auth.jwks: \"https://u@h/k\" is not the place of a JWK set "
        + "(like https://id.example.com/jwks.json, http://localhost:9000/jwks.json, /etc/pico/jwks.json)"
    ),
    ("proxy: {auth: {hmac-secret-file: ''}}", "FILE:1: proxy.auth.hmac-secret-file: is empty; leave it out to get the default"),
    (
      "proxy: {auth: {public-key-file: {a: b}}}",
      "FILE:1: proxy.auth.public-key-file: needs a list ([a, b]), not a mapping"
    ),
    ("proxy:\n  auth:\n    issuers:\n      - {jwks: /k}\n", "FILE:4: proxy.auth.issuers[0]: has no issuer"),
    ("proxy:\n  auth:\n    issuers: [{issuer: a}]\n", "FILE:3: proxy.auth.issuers[0]: has no jwks"),
    (
      "proxy: {auth: {issuers: [{issuer: a, jwks: /k, tenants: [a b]}]}}",
      "FILE:1: proxy.auth.issuers[0].tenants: \"a b\" is not a tenant (1 to 128 of A-Z a-z 0-9 . _ ~ -; or * alone, for every one)"
    ),
    (
      "proxy:\n  auth:\n    issuers:\n      - {issuer: a, jwks: /k}\n      - {issuer: a, jwks: /l}\n",
      "FILE:5: proxy.auth.issuers[1]: issuer \"a\" is there twice"
    ),
    (
      "proxy: {auth: {issuers: [{issuer: a, jwks: /k, jwks-ca: ca.pem}]}}",
      "FILE:1: proxy.auth.issuers[0]: jwks-ca has no effect: jwks is not https"
    ),
    (
      "proxy: {auth: {issuer: b, issuers: [{issuer: a, jwks: /k}]}}",
      "FILE:1: proxy.auth.issuer: has no effect: all keys are those of proxy.auth.issuers"
    ),
    ("cluster: {name: a}", "FILE:1: cluster.name: has no effect without cluster.etcd"),
    (
      "cluster: {etcd: ['http://e:2379'], secret-file: s, allow-loopback: true}", "FILE:1: cluster.etcd: needs cluster.name"
    ),
    (
      "cluster: {etcd: ['http://e:2379'], name: a, secret-file: s}",
      "FILE:1: cluster.etcd: cluster.listen is \"localhost:8082\", which is no address that other nodes could dial; set cluster.advertise "
        + "(or cluster.allow-loopback: true, for nodes of one machine)"
    ),
    (
      "cluster:\n  etcd: ['http://e:2379']\n  name: a\n  secret-file: s\n  advertise: 0.0.0.0:8082\n",
      "FILE:5: cluster.advertise: \"0.0.0.0:8082\" is no address that other nodes could dial; set cluster.advertise"
    ),
    (
      "cluster: {etcd: ['http://e:2379'], name: a, allow-loopback: true}",
      "FILE:1: cluster.etcd: needs cluster.secret-file, or cluster.tls.cert, cluster.tls.key and cluster.tls.client-ca"
    ),
    (
      "cluster: {etcd: ['http://e:2379'], name: a, secret-file: s, listen: '0.0.0.0:8082', advertise: '10.0.0.1:8082'}",
      "FILE:1: cluster.listen: \"0.0.0.0:8082\" is open to other machines and links are not encrypted (set cluster.tls.cert, cluster.tls.key "
        + "and cluster.tls.client-ca)"
    ),
    (
      "cluster: {etcd: [ftp://e], name: a, secret-file: s, allow-loopback: true}",
      "FILE:1: cluster.etcd[0]: \"ftp://e\" is not a member of etcd (like http://etcd-0:2379, https://10.0.0.1:2379)"
    ),
    (
      "cluster: {etcd: ['http://e:1', 'https://f:1'], name: a, secret-file: s, allow-loopback: true}",
      "FILE:1: cluster.etcd: mixes http and https"
    ),
    (
      "cluster: {etcd: ['http://e:1'], name: a, secret-file: s, allow-loopback: true, username: u}",
      "FILE:1: cluster.username: needs the other of the two too"
    ),
    ("proxy: {domains: [{tenant: a}]}", "FILE:1: proxy.domains[0]: has no domain"),
    (
      "proxy: {domains: [{domain: a.b, tenant: 'x/y'}]}",
      "FILE:1: proxy.domains[0].tenant: \"x/y\" is not a tenant (1 to 128 of A-Z a-z 0-9 . _ ~ -)"
    ),
    ("proxy: {auth: {jwks: /k, clock-skew: 11m}}", "FILE:1: proxy.auth.clock-skew: \"11m\" must be from 0 to 10m"),
    ("proxy: {auth: {hmac-secret: s}}", "FILE:1: proxy.auth.hmac-secret: unknown key"),
    (
      "proxy:\n  auth:\n    jwks: /k\n    allow-anonymous: true\n",
      "FILE:4: proxy.auth.allow-anonymous: \"true\" contradicts proxy.auth with keys: then nobody comes in without a token"
    ),
    (
      "upstream:\n  auth:\n    audience: a\n",
      "FILE:3: upstream.auth.audience: has no effect without keys "
        + "(upstream.auth.hmac-secret-file, upstream.auth.public-key-file or upstream.auth.jwks)"
    ),
    (
      "admin:\n  auth:\n    protect-health: true\n",
      "FILE:3: admin.auth.protect-health: has no effect without keys "
        + "(admin.auth.hmac-secret-file, admin.auth.public-key-file or admin.auth.jwks)"
    ),
    (
      "proxy:\n  auth: {jwks: /k, jwks-ca: ca.pem}\n",
      "FILE:2: proxy.auth.jwks-ca: has no effect: proxy.auth.jwks is not https"
    ),
    (
      "proxy:\n  auth:\n    hmac-secret-file: s\nupstream:\n  auth:\n    hmac-secret-file: [t, s]\n",
      "FILE:6: upstream.auth.hmac-secret-file: \"s\" is a key of the proxy port too; set proxy.auth.audience and upstream.auth.audience "
        + "to different names, or a token for one is one for the other"
    ),
    (
      "upstream:\n  auth: {jwks: 'https://h/k', audience: [a, b]}\nadmin:\n  auth:\n    jwks: https://h/k\n    audience: [b]\n",
      "FILE:5: admin.auth.jwks: \"https://h/k\" is a key of the upstream port too; set upstream.auth.audience and admin.auth.audience "
        + "to different names, or a token for one is one for the other"
    ),
    ("proxy:\n  timeot: 1s\n", "FILE:2: proxy.timeot: unknown key (did you mean proxy.timeout?)"),
    ("proksy:\n  timeout: 1s\n", "FILE:1: proksy: unknown key (did you mean proxy?)"),
    ("proxy:\n  tls: {certs: a.pem}\n", "FILE:2: proxy.tls.certs: unknown key (did you mean proxy.tls.cert?)"),
    ("proxy:\n  tls: {cert: a.pem}\n", "FILE:2: proxy.tls.cert: needs proxy.tls.key"),
    ("admin:\n  tls: {key: a.key}\n", "FILE:2: admin.tls.key: needs admin.tls.cert"),
    ("admin:\n  tls: {client-ca: a.pem}\n", "FILE:2: admin.tls.client-ca: has no use without admin.tls.cert"),
    ("proxy:\n  tls: {certificates: [{cert: a.pem}]}\n", "FILE:2: proxy.tls.certificates[0]: has no key"),
    (
      "proxy: {tls: {cert: a.pem, key: a.key}}\nupstream: {tls: {cert: b.pem, key: b.key}}\n",
      "FILE:2: upstream.tls.cert: differs from proxy.tls, and requests and listeners share a socket (upstream.listen parts them)"
    ),
    ("proxy: 5\n", "FILE:1: proxy: needs a mapping (with keys like proxy.listen, proxy.timeout), not a single value"),
    ("- a\n", "FILE:1: needs a mapping (with keys like proxy.listen, proxy.timeout), not a list"),
    ("proxy:\n  via: true\nproxy.via: false\n", "FILE:3: proxy.via: is given twice (first at FILE:2)"),
    ("proxy:\n  via: true\n  via: false\n", "FILE:2: via: is given again further down"),
    ("--- 1\n--- 2\n", "FILE:2: not YAML: but found another document"),
    ("a: *b\n", "FILE:1: not YAML: found undefined alias"),
    ("a: 1\nb: [\n", "FILE:3: not YAML: did not find expected node content"),
    ("\na: \"\u{1}\"\n", "FILE:2: not YAML: control characters are not allowed"),
    ("\"pro\\ex\": 1\n", "FILE:1: pro\\u{1b}x: unknown key"),
  ]

  @Test(arguments: files)
  func `a wrong file is one line that names its place`(yaml: String, message: String) throws {
    let text = try withFile(yaml) { path in
      do throws(ConfigurationError) {
        _ = try ConfigurationReader.check(ServerConfiguration.schema, file: path)
        return "accepted"
      } catch {
        #expect(error.exit == .configuration)
        return error.description
      }
    }
    #expect(text == message)
  }

  static let commandLines: [(arguments: [String], message: String, exit: Int32)] = [
    (["--proxy.timeout", "10x"], "--proxy.timeout: \"10x\" is not a duration (like 500ms, 10s, 1m)", 64),
    (["--proxy.timeout=0"], "--proxy.timeout: \"0\" must be more than 0", 64),
    (["--proxy.timeout"], "--proxy.timeout: needs a value", 64),
    (["--proxy.timeout", "--proxy.via"], "--proxy.timeout: needs a value", 64),
    (["--proxy.timeout", "1s", "--proxy.timeout", "2s"], "--proxy.timeout: is given twice", 64),
    (["--proxy.timeot", "1s"], "--proxy.timeot: unknown flag (did you mean --proxy.timeout?)", 64),
    (["--nonsense"], "--nonsense: unknown flag", 64),
    (["-x"], "-x: unknown flag", 64),
    (["--proxy.via=maybe"], "--proxy.via: \"maybe\" is not true or false", 64),
    (["--config"], "--config: needs a value: --config FILE", 64),
    (["--config", "/nonexistent/pico.yaml"], "/nonexistent/pico.yaml: cannot be read: No such file or directory", 78),
    (["what"], "unexpected argument \"what\"", 64),
    (["--proxy.domains", "a.example,b c"], "--proxy.domains: \"b c\" is not a domain (like pico.example.com, localhost)", 64),
    (
      ["--proxy.listen", "a\u{1b}:1"],
      "--proxy.listen: \"a\\u{1b}:1\" is not an address (like localhost:8080, 10.0.0.1:80, [::1]:80, :8080)", 64
    ),
    (["--tunnel.ping-timeout", "1s"], "--tunnel.ping-timeout: \"1s\" is less than tunnel.ping-interval (5s)", 78),
    (
      ["--admin.listen", "0.0.0.0:8081"],
      "--admin.listen: \"0.0.0.0:8081\" is open to other machines and the admin port has no authentication "
        + "(set admin.auth.hmac-secret-file, admin.auth.public-key-file or admin.auth.jwks, or admin.auth.allow-anonymous: true)", 78
    ),
    (
      ["--proxy.listen", ":80", "--upstream.auth.allow-anonymous"],
      "--proxy.listen: \":80\" is open to other machines and the proxy port has no authentication "
        + "(set proxy.auth.hmac-secret-file, proxy.auth.public-key-file or proxy.auth.jwks, or proxy.auth.allow-anonymous: true)", 78
    ),
    (
      ["--proxy.listen", ":80", "--proxy.auth.allow-anonymous"],
      "--proxy.listen: \":80\" is open to other machines and the upstream port has no authentication "
        + "(set upstream.auth.hmac-secret-file, upstream.auth.public-key-file or upstream.auth.jwks, or upstream.auth.allow-anonymous: true)",
      78
    ),
  ]

  @Test(arguments: commandLines)
  func `a wrong command line is one line that names the flag`(arguments: [String], message: String, exit: Int32) {
    let error = #expect(throws: ConfigurationError.self) {
      try ConfigurationReader.load(ServerConfiguration.schema, arguments: arguments, environment: [:])
    }
    #expect(error?.description == message)
    #expect(error?.exit.rawValue == exit)
  }

  @Test func `a wrong variable is named, even where a flag wins`() {
    let error = #expect(throws: ConfigurationError.self) {
      try ConfigurationReader.load(
        ServerConfiguration.schema, arguments: ["--proxy.timeout", "1s"], environment: ["PICO_PROXY_TIMEOUT": "soon"])
    }
    #expect(error?.lines == ["PICO_PROXY_TIMEOUT: \"soon\" is not a duration (like 500ms, 10s, 1m)"])
    #expect(error?.exit == .configuration)
  }

  @Test func `everything that is wrong is said at once`() throws {
    let text = try withFile("proxy: {timeout: 1x}\nlgo: {}\n") { path in
      do throws(ConfigurationError) {
        _ = try ConfigurationReader.load(
          ServerConfiguration.schema, arguments: ["--config", path, "--what"], environment: ["PICO_PROXY_VIA": "2"])
        return "accepted"
      } catch {
        #expect(error.exit == .configuration)
        return error.description
      }
    }
    #expect(
      text == """
        --what: unknown flag
        FILE:2: lgo: unknown key (did you mean log?)
        FILE:1: proxy.timeout: "1x" is not a duration (like 500ms, 10s, 1m)
        PICO_PROXY_VIA: "2" is not true or false
        """)
  }
}
