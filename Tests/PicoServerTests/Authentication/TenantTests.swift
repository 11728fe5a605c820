import Crypto
import PicoAuth
import PicoCore
import PicoStatus
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// What of one tenant another one sees, reaches and moves: nothing.
  @Suite(.timeLimit(.minutes(2))) struct TenantTests {
    private func withNode(
      _ change: (inout ServerConfiguration) -> Void = { _ in }, _ body: (RunningNode) async throws -> Void
    ) async throws {
      let keys = try MadeKeys()
      try await RunningNode.with {
        $0.proxy.auth.hmacSecretFiles = [keys.secretFile]
        $0.proxy.auth.audiences = ["proxy"]
        $0.upstream.auth.hmacSecretFiles = [keys.secretFile]
        $0.upstream.auth.audiences = ["upstream"]
        $0.admin.auth.hmacSecretFiles = [keys.secretFile]
        $0.admin.auth.audiences = ["admin"]
        $0.metrics.endpointLabel = true
        change(&$0)
      } _: {
        try await body($0)
      }
    }

    /// Empty is no claim.
    private func token(_ audience: String, _ tenant: String, subject: String = "") async throws -> String {
      let claim = tenant.isEmpty ? "" : ",\"tenant\":\"\(tenant)\""
      let name = subject.isEmpty ? "" : "\"sub\":\"\(subject)\","
      return try await MadeKeys.token("\(name)\"aud\":\"\(audience)\",\"pico\":{\"role\":\"operator\"\(claim)}")
    }

    private func answers(_ text: String) -> ScriptedAgent.Script {
      ScriptedAgent.answering("HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
    }

    @discardableResult
    private func connect(_ node: RunningNode, _ tenant: String, _ endpoint: String, subject: String = "") async throws -> ScriptedAgent {
      try await ScriptedAgent.connect(
        to: node, endpoint: endpoint, token: try await token("upstream", tenant, subject: subject),
        answers("\(tenant.isEmpty ? "default" : tenant) \(endpoint)"))
    }

    private func get(_ node: RunningNode, _ lines: String, host: String = "a") async throws -> RawClient.Response {
      let client = try node.client()
      try await client.send("GET / HTTP/1.1\r\nHost: \(host)\r\n\(lines)\r\n")
      return try await client.response()
    }

    private func admin(_ node: RunningNode, _ tenant: String, _ request: String, body: String = "") async throws -> RawClient.Response {
      let client = try RawClient(port: node.adminPort)
      let lines = body.isEmpty ? "" : "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
      try await client.send(
        "\(request) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(try await token("admin", tenant))\r\n\(lines)\r\n\(body)")
      return try await client.response()
    }

    @Test func `the same name is another endpoint for each tenant`() async throws {
      try await withNode { node in
        for tenant in ["", "acme", "beta"] { try await connect(node, tenant, "web") }
        try await connect(node, "acme", "only")
        // One connection for all of them, as behind a load balancer.
        let client = try node.client()
        for (tenant, endpoint, expected) in [
          ("", "web", "default web"), ("acme", "web", "acme web"), ("beta", "WEB", "beta web"), ("acme", "only", "acme only"),
          ("beta", "only", nil), ("", "only", nil), ("gamma", "web", nil), ("acme", "web", "acme web"),
        ] as [(String, String, String?)] {
          let token = try await token("proxy", tenant)
          try await client.send("GET / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: \(endpoint)\r\nx-pico-authorization: \(token)\r\n\r\n")
          let response = try await client.response()
          #expect(response.status == (expected == nil ? 502 : 200), "\(tenant) \(endpoint)")
          #expect(response.body == expected ?? "{\"error\":\"no available upstreams\"}\n", "\(tenant) \(endpoint)")
        }
      }
    }

    @Test(arguments: ["X-Pico-Tenant-Id", "x-piko-tenant-id"])
    func `a header that says another tenant is refused on both ports`(name: String) async throws {
      try await withNode { node in
        try await connect(node, "acme", "web")
        try await connect(node, "", "web")
        for (tenant, stated, isRight) in [
          ("acme", "acme", true), ("acme", "ACME", true), ("acme", "beta", false), ("acme", "", false), ("acme", "a b", false),
          ("", "", true), ("", "acme", false), ("acme", "acme\r\n\(name): acme", false),
        ] {
          let request = try await get(
            node, "x-pico-endpoint: web\r\n\(name): \(stated)\r\nx-pico-authorization: \(try await token("proxy", tenant))\r\n")
          #expect(request.status == (isRight ? 200 : 403), "\(tenant) \(stated)")
          let client = try node.client()
          try await client.send(
            "GET /piko/v1/upstream/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)\(name): \(stated)\r\n"
              + "Authorization: Bearer \(try await token("upstream", tenant))\r\n\r\n")
          let registration = try await client.response()
          #expect(registration.status == (isRight ? 101 : 403), "\(tenant) \(stated)")
          if !isRight { #expect(request.body == "{\"error\":\"tenant not permitted\"}\n" && registration.body == request.body) }
        }
      }
    }

    @Test func `without tokens a domain names the tenant, and a header does not`() async throws {
      let keys = try MadeKeys()
      let domains = [
        ProxyDomain(domain: try DomainSuffix(configurationText: "example.com")),
        ProxyDomain(domain: try DomainSuffix(configurationText: "acme.example.com"), tenant: TenantID("acme")),
      ]
      try await RunningNode.with {
        $0.upstream.auth.hmacSecretFiles = [keys.secretFile]
        $0.proxy.domains = domains
      } _: { node in
        for tenant in ["", "acme"] { try await connect(node, tenant, "web") }
        try await connect(node, "acme", "only")
        for (host, lines, status, body) in [
          ("web.example.com", "", 200, "default web"), ("web.acme.example.com", "", 200, "acme web"),
          ("WEB.Acme.Example.com:80", "", 200, "acme web"), ("acme.example.com", "x-pico-endpoint: only\r\n", 200, "acme only"),
          ("only.example.com", "", 502, "{\"error\":\"no available upstreams\"}\n"), ("a", "x-pico-endpoint: web\r\n", 200, "default web"),
          ("only.acme.example.com", "", 200, "acme only"),
          ("web.acme.example.com", "x-pico-tenant-id: acme\r\n", 200, "acme web"),
          ("web.example.com", "x-pico-tenant-id: acme\r\n", 403, "{\"error\":\"tenant not permitted\"}\n"),
        ] {
          let response = try await get(node, lines, host: host)
          #expect(response.status == status && response.body == body, "\(host) \(lines) \(response)")
        }
      }
    }

    @Test func `a token is not good below another tenant's domain`() async throws {
      let domain = ProxyDomain(domain: try DomainSuffix(configurationText: "acme.test"), tenant: TenantID("acme"))
      try await withNode({ $0.proxy.domains = [domain] }) { node in
        try await connect(node, "acme", "web")
        for (tenant, status) in [("acme", 200), ("beta", 403), ("", 403)] {
          let response = try await get(node, "x-pico-authorization: \(try await token("proxy", tenant))\r\n", host: "web.acme.test")
          #expect(response.status == status, "\(tenant)")
        }
      }
    }

    // MARK: Status

    @Test func `a snapshot, metrics and blocks hold what is the tenant's alone`() async throws {
      try await withNode { node in
        for tenant in ["", "acme", "beta"] {
          try await connect(node, tenant, "web", subject: "agent")
          let response = try await get(node, "x-pico-endpoint: web\r\nx-pico-authorization: \(try await token("proxy", tenant))\r\n")
          #expect(response.status == 200)
        }
        func tenants(_ viewer: String) async throws -> [String] {
          let text = try await admin(node, viewer, "GET /status/v1").body
          let snapshot = try StatusSnapshot(json: Array(text.utf8))
          #expect(snapshot.nodes.first?.listeners == snapshot.listeners.count && snapshot.totals.endpoints == snapshot.endpoints.count)
          #expect(
            snapshot.totals.requestsTotal == UInt64(snapshot.endpoints.count)
              && snapshot.totals.status.successful == snapshot.totals.requestsTotal)
          #expect(snapshot.endpoints.map(\.tenant) == snapshot.listeners.map(\.tenant))
          return snapshot.endpoints.map(\.tenant)
        }
        #expect(try await tenants("") == ["", "acme", "beta"])
        #expect(try await tenants("acme") == ["acme"])
        #expect(try await tenants("gamma") == [])
        let labels = { (text: String) in text.matches(of: #/endpoint="([^"]*)"/#).map { String($0.1) } }
        #expect(Set(labels(try await admin(node, "", "GET /metrics").body)) == ["web", "acme/web", "beta/web"])
        #expect(Set(labels(try await admin(node, "acme", "GET /metrics").body)) == ["acme/web", "other"])
        #expect(Set(labels(try await node.admin("/metrics"))) == ["web", "other"], "nobody's token")

        let listeners = node.node?.registry.all ?? []
        let ids = Dictionary(listeners.map { ($0.endpoint.tenant.name, $0.id.description) }) { first, _ in first }
        let block = "{\"block_seconds\":600,\"scope\":\"identity\"}"
        #expect(try await admin(node, "acme", "POST /status/v1/listeners/\(ids["beta"] ?? "")/disconnect", body: block).status == 404)
        #expect(try await admin(node, "beta", "POST /status/v1/listeners/\(ids["beta"] ?? "")/disconnect", body: block).status == 200)
        try await eventually("one is gone") { node.server.listenerCount == 2 }
        let id = try #require(node.server.actions?.blocks().first?.id)
        #expect(try await admin(node, "acme", "GET /status/v1/blocks/\(id)").status == 404)
        #expect(try await admin(node, "acme", "GET /status/v1/blocks").body.contains(id) == false)
        #expect(try await admin(node, "acme", "DELETE /status/v1/blocks/\(id)").status == 404)
        #expect(try await admin(node, "beta", "GET /status/v1/blocks").body.contains("\"match\":\"agent of beta\""))
        // The same name of another tenant is somebody else.
        try await connect(node, "acme", "more", subject: "agent")
        await #expect(throws: WebSocketAnswer.Refusal.self) { try await connect(node, "beta", "more", subject: "agent") }
        #expect(try await admin(node, "beta", "DELETE /status/v1/blocks/\(id)").status == 200)
        try await connect(node, "beta", "more", subject: "agent")
      }
    }

    @Test func `where a request would go is told of the tenant's own requests alone`() async throws {
      try await withNode { node in
        for tenant in ["acme", "beta"] { try await connect(node, tenant, "web") }
        func ask(_ viewer: String, _ query: String) async throws -> RouteAnswer {
          try RouteAnswer(json: Array(try await admin(node, viewer, "GET /status/v1/route?\(query)").body.utf8))
        }
        let own = try await ask("acme", "endpoint=web")
        #expect(own.tenant == "acme" && own.tenantFrom == .token && own.candidates.count == 1 && own.status == nil && own.wantsToken)
        #expect(try await ask("gamma", "endpoint=web").error == "no-available-upstreams")
        #expect(try await ask("acme", "endpoint=web&tenant=acme").candidates == own.candidates)
        #expect(try await admin(node, "acme", "GET /status/v1/route?endpoint=web&tenant=beta").status == 403)
        // Who has no tenant may ask for all, and as whom he likes.
        #expect(try await ask("", "endpoint=web").error == "no-available-upstreams")
        #expect(try await ask("", "endpoint=web&tenant=beta").candidates.count == 1)
        #expect(try await node.admin("/status/v1/route?endpoint=web").hasPrefix("HTTP/1.1 401 "))
      }
    }

    @Test func `a watcher sees, tails and ends what is the tenant's alone`() async throws {
      try await withNode { node in
        for tenant in ["", "acme", "beta"] { try await connect(node, tenant, "web") }
        let (client, _) = try await WatchClient.open(node, fields: "x-pico-authorization: \(try await token("admin", "acme"))\r\n")
        try await client.send(
          "{\"type\":\"subscribe\",\"id\":\"s\",\"tables\":[\"nodes\",\"endpoints\",\"listeners\",\"totals\",\"blocks\"],\"interval_ms\":100,\"events_since\":{}}"
        )
        var tables = WatchedTables()
        tables.receive(.snapshot(try await client.snapshot()))
        #expect(tables.endpoints.keys.sorted() == ["acme/web"] && tables.listeners.values.map(\.tenant) == ["acme"])
        #expect(tables.nodes.values.map(\.listeners) == [1] && tables.totals.values.map(\.endpoints) == [1])
        let event = try await client.event()
        #expect(event.details["endpoint"] == "acme/web" || event.kind == .nodeJoined)

        // Both names mean the tenant's own; another's is nobody's.
        for (endpoint, count) in [("web", 1), ("acme/web", 1), ("beta/web", 0), ("none", 0)] {
          try await client.send("{\"type\":\"subscribe\",\"id\":\"l\",\"tables\":[\"listeners\"],\"endpoint\":\"\(endpoint)\"}")
          let rows = try await client.next { message -> Int? in
            if case .snapshot(let snapshot) = message, snapshot.id == "l" { snapshot.tables.listeners.count } else { nil }
          }
          #expect(rows == count, "\(endpoint)")
        }
        try await client.send("{\"type\":\"tail\",\"id\":\"t0\",\"endpoint\":\"beta/web\"}")
        #expect(try await client.error().code == .badMessage)
        try await client.send("{\"type\":\"tail\",\"id\":\"t\",\"endpoint\":\"web\"}")
        try await eventually("the tail") { node.node?.routes.routes(of: EndpointID(qualified: "acme/web")!)?.tailShare != TailShare.none }
        for tenant in ["", "beta", "acme"] {
          _ = try await get(
            node, "x-pico-endpoint: web\r\nx-request-id: of-\(tenant)\r\nx-pico-authorization: \(try await token("proxy", tenant))\r\n")
        }
        #expect(try await client.request().requestID == "of-acme")

        let others = (node.node?.registry.all ?? []).filter { $0.endpoint.tenant.name != "acme" }.map { "\"\($0.id)\"" }
        try await client.send("{\"type\":\"disconnect\",\"id\":\"c\",\"listeners\":[\(others.joined(separator: ","))],\"mode\":\"now\"}")
        let result = try await client.next { message -> ActionResult? in if case .result(let result) = message { result } else { nil } }
        #expect(result.results.map(\.error) == ["not-found", "not-found"])
        try await client.send("{\"type\":\"drain-node\",\"id\":\"d\",\"node\":\"\(node.node?.id.text ?? "")\"}")
        let drained = try await client.next { message -> ActionResult? in
          if case .result(let result) = message, result.id == "d" { result } else { nil }
        }
        #expect(drained.ok == false && drained.error == "forbidden")
        #expect(node.server.listenerCount == 3)
      }
    }

    @Test func `events and history are told to whoever may know`() throws {
      let log = EventLog(node: try #require(NodeID("n-0123456789abcdef")))
      let acme = try #require(TenantID("acme"))
      log.record(.nodeJoined, [:], shownTo: .everybody)
      log.record(.listenerConnected, [:], shownTo: .tenant(acme))
      log.record(.listenerConnected, [:], shownTo: .tenant(.default))
      log.record(.operatorAction, [:], shownTo: .whoeverSees(.all))
      log.record(.operatorAction, [:], shownTo: .whoeverSees(.only(acme)))
      #expect(log.events(after: 0).map(\.number) == [1, 2, 3, 4, 5])
      #expect(log.events(after: 0, .only(acme)).map(\.number) == [1, 2, 5])
      #expect(log.events(after: 1, .only(.default)).map(\.number) == [3])
    }

    // MARK: Issuers

    /// A key set of one key in a file, and tokens of it.
    private struct IssuerKey {
      let key = P256.Signing.PrivateKey()
      let directory: TemporaryDirectory
      let path: String

      init(_ name: String, in directory: TemporaryDirectory) throws {
        self.directory = directory
        let numbers = key.publicKey.rawRepresentation
        path = directory.path(name)
        try directory.write(
          name,
          "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\(Base64URL.encode(numbers.prefix(32)))\","
            + "\"y\":\"\(Base64URL.encode(numbers.suffix(32)))\"}]}")
      }

      func token(_ claims: String) throws -> String {
        let signed =
          Base64URL.encode(Array("{\"alg\":\"ES256\"}".utf8)) + "."
          + Base64URL.encode(Array("{\"exp\":\(WallClock.seconds() + 600),\(claims)}".utf8))
        return signed + "." + Base64URL.encode(try key.signature(for: Array(signed.utf8)).rawRepresentation)
      }
    }

    private static let acme = TenantID("acme") ?? .default
    private static let beta = TenantID("beta") ?? .default

    @Test func `an issuer's keys sign for its own tenants and its own name alone`() async throws {
      let directory = try TemporaryDirectory()
      let (one, two) = (try IssuerKey("one", in: directory), try IssuerKey("two", in: directory))
      let keys = try MadeKeys()
      func issuer(_ name: String, _ key: IssuerKey, _ grant: TenantGrant) -> ServerConfiguration.Issuer {
        var issuer = ServerConfiguration.Issuer()
        issuer.issuer = name
        issuer.jwks = .file(key.path)
        issuer.tenants.grant = grant
        return issuer
      }
      try await RunningNode.with {
        $0.upstream.auth.hmacSecretFiles = [keys.secretFile]
        $0.proxy.auth.issuers = [issuer("one", one, .only([Self.acme])), issuer("two", two, .only([Self.acme, Self.beta]))]
      } _: { node in
        for tenant in ["", "acme", "beta"] { try await connect(node, tenant, "web") }
        for (key, claims, expected) in [
          (one, "\"iss\":\"one\"", "acme web"), (one, "\"iss\":\"one\",\"pico\":{\"tenant\":\"acme\"}", "acme web"),
          (one, "\"iss\":\"one\",\"pico\":{\"tenant\":\"beta\"}", nil), (two, "\"iss\":\"two\"", nil),
          (two, "\"iss\":\"two\",\"pico\":{\"tenant\":\"beta\"}", "beta web"), (two, "\"iss\":\"one\",\"pico\":{\"tenant\":\"acme\"}", nil),
          (one, "\"iss\":\"two\",\"pico\":{\"tenant\":\"beta\"}", nil), (one, "\"iss\":\"three\"", nil), (one, "\"sub\":\"x\"", nil),
        ] as [(IssuerKey, String, String?)] {
          let response = try await get(node, "x-pico-endpoint: web\r\nx-pico-authorization: \(try key.token(claims))\r\n")
          #expect(response.status == (expected == nil ? 401 : 200), "\(claims)")
          #expect(response.body == expected ?? "{\"error\":\"invalid token\"}\n", "\(claims)")
        }
      }
    }

    @Test func `listeners end with the keys of their own issuer`() async throws {
      let directory = try TemporaryDirectory()
      let (one, two) = (try IssuerKey("one", in: directory), try IssuerKey("two", in: directory))
      try await RunningNode.with { configuration in
        configuration.upstream.auth.issuers = [("one", one), ("two", two)].map { name, key in
          var issuer = ServerConfiguration.Issuer()
          issuer.issuer = name
          issuer.jwks = .file(key.path)
          issuer.tenants.grant = .only([name == "one" ? Self.acme : Self.beta])
          return issuer
        }
      } _: { node in
        let leaving = try await ScriptedAgent.connect(to: node, token: try one.token("\"iss\":\"one\""), answers("one"))
        _ = try await ScriptedAgent.connect(to: node, token: try two.token("\"iss\":\"two\""), answers("two"))
        #expect(Set(node.node?.registry.all.map { "\($0.endpoint)" } ?? []) == ["acme/e", "beta/e"])
        // The first issuer's set now has the second one's key: good for nobody of the first.
        try directory.write("one", readFile(two.path))
        try await leaving.ends()
        #expect(node.node?.registry.all.map { "\($0.endpoint)" } == ["beta/e"])
      }
    }
  }
}
