import PicoConfiguration
import PicoCore
import PicoServer
import Testing

@Suite struct AuthenticationKeysTests {
  @Test func `keys of tokens are read, one or several`() throws {
    let yaml = """
      proxy:
        listen: :8080
        auth: {hmac-secret-file: /run/secret, audience: proxy, require-exp: false, clock-skew: 5s}
      upstream:
        auth:
          public-key-file: [a.pem, b.pem]
          jwks: https://id.example:8443/keys?x=1
          jwks-ca: ca.pem
          audience: [agents, old-agents]
          issuer: https://id.example
      admin:
        listen: 0.0.0.0:8081
        auth: {jwks: file:///etc/keys.json, protect-health: true}

      """
    _ = try withFile(yaml) { path in
      let configuration = try ConfigurationReader.check(ServerConfiguration.schema, file: path).configuration
      let (proxy, upstream, admin) = (configuration.proxy.auth, configuration.upstream.auth, configuration.admin.auth)
      #expect(proxy.isOn && proxy.hmacSecretFiles == ["/run/secret"] && proxy.audiences == ["proxy"] && !proxy.requiresExpiry)
      #expect(proxy.clockSkew == .seconds(5) && upstream.clockSkew == .seconds(30))
      #expect(upstream.isOn && upstream.publicKeyFiles == ["a.pem", "b.pem"] && upstream.requiresExpiry)
      #expect(upstream.audiences == ["agents", "old-agents"] && upstream.issuer == ["https://id.example"])
      #expect(upstream.jwks?.configurationText == "https://id.example:8443/keys?x=1" && upstream.jwksCA == "ca.pem")
      #expect(admin.isOn && admin.jwks == .file("/etc/keys.json") && configuration.admin.protectsHealth)
      return ""
    }
  }

  @Test func `issuers bring keys and tenants of their own`() throws {
    let yaml = """
      proxy:
        domains: [example.com, {domain: acme.example.com, tenant: Acme}]
        auth:
          issuers:
            - {issuer: one, jwks: https://id.example/keys, jwks-ca: ca.pem, tenants: [acme, beta]}
            - {issuer: two, jwks: /k}
            - {issuer: three, jwks: /l, tenants: "*"}

      """
    _ = try withFile(yaml) { path in
      let proxy = try ConfigurationReader.check(ServerConfiguration.schema, file: path).configuration.proxy
      #expect(proxy.auth.isOn && proxy.auth.issuers.map(\.issuer) == ["one", "two", "three"])
      #expect(proxy.auth.issuers.map(\.tenants.configurationText) == ["[acme, beta]", "unset", "*"])
      #expect(proxy.auth.issuers.map(\.jwks?.configurationText) == ["https://id.example/keys", "/k", "/l"])
      #expect(proxy.domains.map(\.configurationText) == ["example.com", "{domain: acme.example.com, tenant: acme}"])
      return ""
    }
  }

  @Test func `flags and variables take commas`() throws {
    let configuration = try ConfigurationReader.load(
      ServerConfiguration.schema, arguments: ["--proxy.auth.hmac-secret-file", "a,b", "--proxy.auth.hmac-secret-file=c"],
      environment: ["PICO_PROXY_AUTH_AUDIENCE": "x, y"]
    ).configuration
    #expect(configuration.proxy.auth.hmacSecretFiles == ["a", "b", "c"] && configuration.proxy.auth.audiences == ["x", "y"])
  }

  @Test(
    arguments: [
      ("https://id.example/a/b?c=d", "https://id.example/a/b?c=d"), ("https://id.example", "https://id.example/"),
      ("https://id.example?c", "https://id.example/?c"), ("http://localhost:9000/k", "http://localhost:9000/k"),
      ("http://127.0.0.1/k", "http://127.0.0.1/k"), ("http://[::1]:9/k", "http://[::1]:9/k"), ("./keys.json", "./keys.json"),
      ("file:///etc/k", "/etc/k"),
    ])
  func `a key set is on the web or in a file`(text: String, place: String) throws {
    #expect(try KeySetLocation(configurationText: text).configurationText == place)
  }

  @Test(arguments: [
    "", "keys", "https://", "https:///k", "http://id.example/k", "http://127.0.0.1.evil.example/k", "https://a b/k", "https://h/k#f",
    "https://user:pass@h/k", "file://host/k", "file:///", "dir/",
  ])
  func `what is neither is refused`(text: String) {
    #expect(throws: MalformedValue.self) { try KeySetLocation(configurationText: text) }
  }

  @Test func `with different audiences ports may share a key`() throws {
    let yaml = "proxy: {auth: {hmac-secret-file: s, audience: p}}\nadmin: {auth: {hmac-secret-file: s, audience: [a, b]}}\n"
    _ = try withFile(yaml) { path in
      let configuration = try ConfigurationReader.check(ServerConfiguration.schema, file: path).configuration
      #expect(configuration.admin.auth.isOn)
      return ""
    }
  }
}
