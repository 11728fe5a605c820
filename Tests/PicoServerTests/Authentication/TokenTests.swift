import PicoCore
import PicoStatus
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// Who comes in at which port with which token.
  @Suite(.timeLimit(.minutes(2))) struct TokenTests {
    enum Place: String, CaseIterable {
      case request, dial, registration, pikoRegistration, status, watch, disconnect, unknownAdminPath

      var isAdmin: Bool { [.status, .watch, .disconnect, .unknownAdminPath].contains(self) }

      /// A request whose header lines follow.
      var start: String {
        let upgrade =
          "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        return switch self {
        case .request: "GET / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\n"
        case .dial: "GET /pico/v1/tcp/e HTTP/1.1\r\nHost: a\r\n\(upgrade)"
        case .registration: "GET /pico/v1/listener/e HTTP/1.1\r\nHost: a\r\n\(upgrade)"
        case .pikoRegistration: "GET /piko/v1/upstream/e HTTP/1.1\r\nHost: a\r\n\(upgrade)"
        case .status: "GET /status/v1 HTTP/1.1\r\nHost: localhost\r\n"
        case .watch: "GET /status/v1/watch HTTP/1.1\r\nHost: localhost\r\n\(upgrade)"
        case .disconnect:
          "POST /status/v1/listeners/l-0/disconnect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        case .unknownAdminPath: "GET /nothing HTTP/1.1\r\nHost: localhost\r\n"
        }
      }

      var body: String { self == .disconnect ? "{}" : "" }

      /// Of whoever is let in.
      var good: Int {
        switch self {
        case .request, .dial: 502
        case .registration, .pikoRegistration, .watch: 101
        case .status: 200
        case .disconnect, .unknownAdminPath: 404
        }
      }
    }

    enum Kind: String, CaseIterable {
      case none, good, bare, twin, otherScheme, garbage, otherSecret, algorithmNone, otherAlgorithm, otherAudience, expired, lately,
        notYet, withoutExpiry, duplicate, critical, huge, twice, bothBad, bothGood

      /// Header lines.
      func lines(audience: String) async throws -> String {
        let claims = "\"aud\":\"\(audience)\",\"pico\":{\"role\":\"operator\"}"
        func bearer(_ token: String) -> String { "Authorization: Bearer \(token)\r\n" }
        let now = WallClock.seconds()
        switch self {
        case .none: return ""
        case .good: return bearer(try await MadeKeys.token(claims))
        case .bare: return "x-pico-authorization: \(try await MadeKeys.token(claims))\r\n"
        case .twin: return "X-Piko-Authorization: Bearer \(try await MadeKeys.token(claims))\r\n"
        case .otherScheme: return "Authorization: Basic dTpw\r\n"
        case .garbage: return bearer("abc")
        case .otherSecret: return bearer(try await MadeKeys.token(claims, secret: MadeKeys.otherSecret))
        case .algorithmNone: return bearer(try await MadeKeys.token(claims, header: "\"alg\":\"none\""))
        case .otherAlgorithm: return bearer(try await MadeKeys.token(claims, header: "\"alg\":\"HS384\""))
        case .otherAudience: return bearer(try await MadeKeys.token("\"aud\":\"x\",\"pico\":{\"role\":\"operator\"}"))
        case .expired: return bearer(try await MadeKeys.token(claims, expiresIn: -60))
        case .lately: return bearer(try await MadeKeys.token(claims, expiresIn: -10))
        case .notYet: return bearer(try await MadeKeys.token("\(claims),\"nbf\":\(now + 600)"))
        case .withoutExpiry:
          return bearer(try await MadeKeys.sign(header: "{\"alg\":\"HS256\"}", claims: "{\(claims)}", secret: MadeKeys.secret))
        case .duplicate: return bearer(try await MadeKeys.token("\(claims),\"aud\":\"\(audience)\""))
        case .critical: return bearer(try await MadeKeys.token(claims, header: "\"alg\":\"HS256\",\"crit\":[\"exp\"]"))
        case .huge: return bearer(try await MadeKeys.token("\(claims),\"x\":\"\(String(repeating: "x", count: 7000))\""))
        case .twice: return bearer(try await MadeKeys.token(claims)) + bearer(try await MadeKeys.token(claims))
        case .bothBad: return bearer(try await MadeKeys.token(claims)) + "x-pico-authorization: abc\r\n"
        case .bothGood: return bearer("abc") + "x-pico-authorization: \(try await MadeKeys.token(claims))\r\n"
        }
      }

      /// nil for whoever comes in.
      var error: String? {
        switch self {
        case .good, .bare, .twin, .lately, .bothGood: nil
        case .none, .otherScheme: "missing token"
        case .expired: "expired token"
        default: "invalid token"
        }
      }
    }

    /// All ports with the same secret and audiences of their own.
    private func withNode(
      _ change: (inout ServerConfiguration) -> Void = { _ in }, _ body: (RunningNode, MadeKeys) async throws -> Void
    ) async throws {
      let keys = try MadeKeys()
      try await RunningNode.with {
        $0.proxy.auth.hmacSecretFiles = [keys.secretFile]
        $0.proxy.auth.audiences = ["proxy"]
        $0.upstream.auth.hmacSecretFiles = [keys.secretFile]
        $0.upstream.auth.audiences = ["upstream"]
        $0.admin.auth.hmacSecretFiles = [keys.secretFile]
        $0.admin.auth.audiences = ["admin"]
        change(&$0)
      } _: {
        try await body($0, keys)
      }
    }

    private func audience(_ place: Place) -> String {
      switch place {
      case .request, .dial: "proxy"
      case .registration, .pikoRegistration: "upstream"
      default: "admin"
      }
    }

    private func answer(_ node: RunningNode, _ place: Place, _ lines: String) async throws -> RawClient.Response {
      let client = try RawClient(port: place.isAdmin ? node.adminPort : node.port)
      try await client.send("\(place.start)\(lines)\r\n\(place.body)")
      return try await client.response()
    }

    @Test(arguments: Place.allCases)
    func `each kind of token has its answer at each port`(place: Place) async throws {
      try await withNode { node, _ in
        for kind in Kind.allCases {
          let response = try await answer(node, place, try await kind.lines(audience: audience(place)))
          guard let error = kind.error else {
            #expect(response.status == place.good, "\(kind): \(response)")
            continue
          }
          #expect(response.status == 401 && response.body == "{\"error\":\"\(error)\"}\n", "\(kind): \(response)")
          #expect(response.field("x-pico-error") == error.replacing(" ", with: "-"), "\(kind)")
          #expect(response.field("www-authenticate") == "Bearer", "\(kind)")
        }
        let client = try RawClient(port: node.port)
        try await client.send("GET /pico/v1/ready HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await client.response().status == 200)
      }
    }

    /// What a token of one port is worth at the others.
    @Test(arguments: ["proxy", "upstream", "admin"])
    func `a token is good at its own port alone`(audience: String) async throws {
      try await withNode { node, _ in
        let lines = "Authorization: Bearer \(try await MadeKeys.token("\"aud\":\"\(audience)\",\"pico\":{\"role\":\"viewer\"}"))\r\n"
        for place in [Place.request, .dial, .registration, .status, .watch] {
          let response = try await answer(node, place, lines)
          #expect(response.status == (self.audience(place) == audience ? place.good : 401), "\(place)")
        }
      }
    }

    /// One connection, one socket for both: what was verified for requests is no permission to register.
    @Test func `a connection's token for requests does not register`() async throws {
      try await withNode { node, _ in
        let client = try node.client()
        let proxy = "Authorization: Bearer \(try await MadeKeys.token("\"aud\":\"proxy\""))\r\n"
        let upstream = "Authorization: Bearer \(try await MadeKeys.token("\"aud\":\"upstream\""))\r\n"
        for (place, lines, status) in [
          (Place.request, proxy, 502), (.registration, proxy, 401), (.request, upstream, 401), (.request, proxy, 502),
          (.registration, upstream, 101),
        ] {
          try await client.send("\(place.start)\(lines)\r\n")
          #expect(try await client.response().status == status, "\(place)")
        }
      }
    }

    static let endpoints: [(claims: String, statuses: [Int])] = [
      ("{}", [502, 502]), ("{\"endpoints\":[\"e\"]}", [502, 403]), ("{\"endpoints\":[\"E*\"]}", [502, 502]),
      ("{\"endpoints\":[\"ef\"]}", [403, 502]), ("{\"endpoints\":[\"*\"]}", [502, 502]), ("{\"endpoints\":[]}", [403, 403]),
      ("{\"endpoints\":\"e\"}", [403, 403]), ("{\"endpoints\":[\"e\",1]}", [403, 403]), ("[]", [403, 403]),
    ]

    @Test(arguments: endpoints)
    func `endpoints of a token are the only ones that it reaches and registers`(claims: String, statuses: [Int]) async throws {
      try await withNode { node, _ in
        let proxy = "Authorization: Bearer \(try await MadeKeys.token("\"aud\":\"proxy\",\"pico\":\(claims)"))\r\n"
        let upstream = "Authorization: Bearer \(try await MadeKeys.token("\"aud\":\"upstream\",\"pico\":\(claims)"))\r\n"
        for (endpoint, status) in zip(["e", "EF"], statuses) {
          for (place, lines, good) in [(Place.request, proxy, 502), (.dial, proxy, 502), (.registration, upstream, 101)] {
            let client = try node.client()
            let start = place.start.replacing("endpoint: e", with: "endpoint: \(endpoint)").replacing("/e HTTP", with: "/\(endpoint) HTTP")
            try await client.send("\(start)\(lines)\r\n")
            let response = try await client.response()
            #expect(response.status == (status == 403 ? 403 : good), "\(endpoint) \(place)")
            if status == 403 { #expect(response.body == "{\"error\":\"endpoint not permitted\"}\n") }
            client.socket.finish()
            try await eventually("gone") { node.server.listenerCount == 0 }
          }
        }
      }
    }

    static let roles: [(claims: String, look: Int, act: Int)] = [
      ("{}", 403, 403), ("{\"role\":\"viewer\"}", 200, 403), ("{\"role\":\"operator\"}", 200, 404), ("{\"role\":\"root\"}", 403, 403),
      ("{\"role\":[\"operator\"]}", 403, 403), ("5", 403, 403),
    ]

    @Test(arguments: roles)
    func `the admin port wants a role`(claims: String, look: Int, act: Int) async throws {
      try await withNode { node, _ in
        let lines = "Authorization: Bearer \(try await MadeKeys.token("\"aud\":\"admin\",\"pico\":\(claims)"))\r\n"
        #expect(try await answer(node, .status, lines).status == look)
        #expect(try await answer(node, .disconnect, lines).status == act)
        #expect(try await answer(node, .watch, lines).status == (look == 200 ? 101 : 403))
        let block = try RawClient(port: node.adminPort)
        try await block.send("DELETE /status/v1/blocks/b-0 HTTP/1.1\r\nHost: localhost\r\n\(lines)\r\n")
        #expect(try await block.response().status == act)
      }
    }

    @Test func `a viewer's WebSocket looks and does nothing`() async throws {
      try await withNode { node, _ in
        for role in [StatusRole.viewer, .operator] {
          let token = try await MadeKeys.token("\"aud\":\"admin\",\"sub\":\"bob\",\"pico\":{\"role\":\"\(role.rawValue)\"}")
          let (client, hello) = try await WatchClient.open(node, fields: "x-pico-authorization: \(token)\r\n")
          #expect(hello.role == role)
          try await client.send("{\"type\":\"disconnect\",\"id\":\"c\",\"listeners\":[\"l-0\"],\"mode\":\"now\"}")
          try await client.send("{\"type\":\"tail\",\"id\":\"t\",\"endpoint\":\"e\"}")
          try await client.send("{\"type\":\"untail\",\"id\":\"none\"}")
          if role == .viewer {
            #expect(try await client.error().code == .forbidden)
            #expect(try await client.error().code == .forbidden)
          }
          #expect(try await client.error().code == .notFound)
        }
      }
    }

    @Test(arguments: [false, true])
    func `probes and metrics want a token only when told`(protects: Bool) async throws {
      try await withNode({ $0.admin.protectsHealth = protects }) { node, _ in
        let lines = "Authorization: Bearer \(try await MadeKeys.token("\"aud\":\"admin\",\"pico\":{\"role\":\"viewer\"}"))\r\n"
        for path in ["/health", "/ready", "/metrics"] {
          let client = try RawClient(port: node.adminPort)
          try await client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
          #expect(try await client.response().status == (protects ? 401 : 200))
          try await client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(lines)\r\n")
          #expect(try await client.response().status == 200)
        }
      }
    }

    @Test func `with a token an operator is one from anywhere, and known by name`() async throws {
      try await withNode { node, _ in
        let agent = try await ScriptedAgent.connect(
          to: node, token: try await MadeKeys.token("\"aud\":\"upstream\",\"sub\":\"agent-7\""), ScriptedAgent.ok)
        #expect(node.node?.registry.all.first?.identity == "agent-7")
        let id = try #require(node.node?.registry.all.first?.id)
        let token = try await MadeKeys.token("\"aud\":\"admin\",\"sub\":\"alice\",\"pico\":{\"role\":\"operator\"}")
        let client = try RawClient(port: node.adminPort)
        let body = "{\"mode\":\"now\",\"scope\":\"identity\",\"block_seconds\":600}"
        try await client.send(
          "POST /status/v1/listeners/\(id)/disconnect HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n"
            + "Authorization: Bearer \(token)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        let response = try await client.response()
        #expect(response.status == 200, "\(response)")
        try await agent.ends()
        let blocks = node.server.actions?.blocks() ?? []
        #expect(blocks.first?.by == "alice" && blocks.first?.match == "agent-7", "\(blocks)")
        await #expect(throws: WebSocketAnswer.Refusal.self) {
          try await ScriptedAgent.connect(
            to: node, endpoint: "other", agentID: "a-9", token: try await MadeKeys.token("\"aud\":\"upstream\",\"sub\":\"agent-7\""),
            ScriptedAgent.ok)
        }
        _ = try await ScriptedAgent.connect(
          to: node, token: try await MadeKeys.token("\"aud\":\"upstream\",\"sub\":\"agent-8\""), ScriptedAgent.ok)
      }
    }

    // MARK: What goes on to the service

    @Test func `a token that Pico used is not passed on`() async throws {
      let keys = try MadeKeys()
      try await RunningNode.with({ $0.proxy.auth.hmacSecretFiles = [keys.secretFile] }) { node in
        let agent = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try node.client()
        let token = try await MadeKeys.token()
        let cases: [(lines: String, isPassedOn: [String], isKept: [String])] = [
          ("Authorization: Bearer \(token)\r\nX-A: b\r\n", ["X-A: b"], ["uthorization"]),
          (
            "x-pico-authorization: \(token)\r\nAuthorization: Basic dTpw\r\n", ["Authorization: Basic dTpw"],
            ["pico-authorization", token]
          ),
          ("x-piko-authorization: Bearer \(token)\r\nAuthorization: Bearer other\r\n", ["Authorization: Bearer other"], ["piko-", token]),
        ]
        for (index, (lines, passed, kept)) in cases.enumerated() {
          try await client.send("GET / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\n\(lines)\r\n")
          #expect(try await client.response().status == 200)
          let seen = try await agent.streams(index + 1).text
          for text in passed { #expect(seen.contains(text), "\(seen)") }
          for text in kept { #expect(!seen.contains(text), "\(seen)") }
        }
      }
    }

    @Test func `without authentication a token is the service's own`() async throws {
      let keys = try MadeKeys()
      try await RunningNode.with({ $0.upstream.auth.hmacSecretFiles = [keys.secretFile] }) { node in
        let token = try await MadeKeys.token()
        let agent = try await ScriptedAgent.connect(to: node, token: token, ScriptedAgent.ok)
        let client = try node.client()
        // A registration that is refused before does not change what becomes of the next request's header.
        try await client.send("\(Place.registration.start)Authorization: Bearer x.y.z\r\n\r\n")
        #expect(try await client.response().status == 401)
        try await client.send("\(Place.request.start)Authorization: Bearer mine\r\nx-pico-authorization: a\r\n\r\n")
        #expect(try await client.response().status == 200)
        let seen = try await agent.streams(1).text
        #expect(seen.contains("Authorization: Bearer mine\r\n") && !seen.contains("x-pico-authorization"), "\(seen)")
      }
    }

    // MARK: The cache

    /// Many tokens on one connection and one token on many: what is remembered is never another's.
    @Test(arguments: [1, 2])
    func `what is remembered of tokens is each one's own`(threads: Int) async throws {
      try await withNode({ $0.server.threads = threads }) { node, _ in
        let good = try await MadeKeys.token("\"aud\":\"proxy\",\"pico\":{\"endpoints\":[\"e\"]}")
        let other = try await MadeKeys.token("\"aud\":\"proxy\",\"pico\":{\"endpoints\":[\"f\"]}")
        let bad = String(good.dropLast(2)) + (good.hasSuffix("AA") ? "BB" : "AA")
        for _ in 0..<4 {
          let client = try node.client()
          for _ in 0..<3 {
            for (token, status) in [(good, 502), (good, 502), (bad, 401), (other, 403), (bad, 401), (good, 502), ("", 401)] {
              try await client.send("\(Place.request.start)Authorization: Bearer \(token)\r\n\r\n")
              #expect(try await client.response().status == status)
            }
          }
        }
      }
    }

    @Test func `a token that is remembered ends all the same`() async throws {
      try await withNode({ $0.proxy.auth.clockSkew = .zero }) { node, _ in
        let token = try await MadeKeys.token("\"aud\":\"proxy\"", expiresIn: 1.5)
        let client = try node.client()
        func status() async throws -> RawClient.Response {
          try await client.send("\(Place.request.start)Authorization: Bearer \(token)\r\n\r\n")
          return try await client.response()
        }
        #expect(try await status().status == 502)
        try await eventually("it expires", within: 20) { try await status().status == 401 }
        #expect(try await status().body == "{\"error\":\"expired token\"}\n")
      }
    }
  }
}
