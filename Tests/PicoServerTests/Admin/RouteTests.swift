import NIOCore
import PicoCluster
import PicoConfiguration
import PicoCore
import PicoStatus
import PicoTunnel
import Support
import Synchronization
import Testing

@testable import PicoServer

@Suite struct RouteQuestionTests {
  @Test(
    arguments: [
      ("host=a.b", RouteQuestion(host: "a.b")), ("endpoint=e&host=a", RouteQuestion(host: "a", endpoint: "e")),
      ("host=a.b%3A80&path=%2Fx%3Fy", RouteQuestion(host: "a.b:80", path: "/x?y")), ("endpoint=", RouteQuestion(endpoint: "")),
      ("host=a&tenant=acme", RouteQuestion(host: "a", tenant: TenantID("acme"))),
    ])
  func `a question is read`(query: String, question: RouteQuestion) {
    #expect(RouteQuestion(query: query) == question)
  }

  @Test(
    arguments: [
      "", "path=/", "tenant=a", "host", "host=a&host=b", "host=a&other=b", "host=%", "host=%2", "host=%zz", "host=a%0d%0aX:%201",
      "host=a%00",
      "host=%ff", "host=a&tenant=..", "host=\(String(repeating: "a", count: 9000))",
    ])
  func `anything else is none`(query: String) {
    #expect(RouteQuestion(query: query) == nil)
  }
}

extension NodeTests {
  @Suite(.timeLimit(.minutes(2))) struct RouteTests {
    private func ask(_ node: RunningNode, _ query: String) async throws -> RouteAnswer {
      let text = try await node.admin("/status/v1/route?\(query)")
      #expect(text.hasPrefix("HTTP/1.1 200 "), "\(text)")
      let start = try #require(text.firstRange(of: "\r\n\r\n")).upperBound
      return try RouteAnswer(json: Array(text[start...].utf8))
    }

    /// What the proxy answers to the same.
    private func send(_ node: RunningNode, host: String, endpoint: String? = nil, path: String = "/") async throws -> (Int, String?) {
      let client = try node.client()
      try await client.send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(endpoint.map { "x-pico-endpoint: \($0)\r\n" } ?? "")\r\n")
      let response = try await client.response()
      return (response.status, response.field("x-pico-error"))
    }

    @Test(
      arguments: [
        ("e.example", nil, "/", .host, nil), ("localhost", "E", "/", .header, nil), ("other.example", "e", "/", .header, nil),
        ("localhost", nil, "/", nil, "missing-endpoint-id"), ("10.0.0.1", nil, "/", nil, "missing-endpoint-id"),
        ("none.example", nil, "/", .host, "no-available-upstreams"), ("e.example", "a b", "/", nil, "malformed-request"),
        ("e.example", "..", "/", nil, "malformed-request"), ("e.example", nil, "/a b", nil, "malformed-request"),
        ("a,b", "e", "/", nil, "malformed-request"), ("e.example", nil, "x", nil, "malformed-request"),
      ] as [(String, String?, String, RouteRule?, String?)])
    func `it says what the proxy does`(host: String, endpoint: String?, path: String, rule: RouteRule?, error: String?) async throws {
      try await RunningNode.with { node in
        let agent = try await ScriptedAgent.connect(to: node, agentID: "a-1", ScriptedAgent.ok)
        var query = "host=\(host)&path=\(path.replacing(" ", with: "%20"))"
        if let endpoint { query += "&endpoint=\(endpoint.replacing(" ", with: "%20"))" }
        let answer = try await ask(node, query)
        let (status, code) = try await send(node, host: host, endpoint: endpoint, path: path)
        #expect(answer.status == (error == nil ? nil : status) && answer.error == error && code == error)
        #expect(answer.endpointFrom == rule && answer.id == node.server.nodeID?.text && !answer.why.isEmpty)
        #expect(answer.candidates.map(\.agent) == (error == nil ? ["a-1"] : []))
        #expect(!answer.wantsToken && answer.blocks.isEmpty)
        withExtendedLifetime(agent) {}
      }
    }

    @Test func `which domain and which tenant it was is said`() async throws {
      let domains = try [("acme.example", "acme"), ("example.org", nil)].map { domain, tenant in
        ProxyDomain(domain: try DomainSuffix(configurationText: domain), tenant: tenant.flatMap { TenantID($0) })
      }
      try await RunningNode.with {
        $0.proxy.domains = domains
      } _: { node in
        let acme = try await ask(node, "host=e.acme.example")
        #expect(acme.tenant == "acme" && acme.tenantFrom == .domain && acme.domain == "acme.example" && acme.endpoint == "e")
        let other = try await ask(node, "host=e.example.org")
        #expect(other.tenant.isEmpty && other.tenantFrom == nil && other.domain == "example.org")
        let below = try await ask(node, "host=e.example.net")
        #expect(below.error == "missing-endpoint-id" && below.why.contains("proxy.domains"))
        let wrong = try await ask(node, "host=e.acme.example&tenant=other")
        #expect(wrong.status == 403 && wrong.error == "tenant-not-permitted")
        let named = try await ask(node, "endpoint=e&host=localhost&tenant=other")
        #expect(named.tenant == "other" && named.tenantFrom == .token && named.error == "no-available-upstreams")
      }
    }

    @Test func `why a listener gets nothing, or only the rest, is said`() async throws {
      try await RunningNode.with { node in
        let one = try await ScriptedAgent.connect(to: node, agentID: "a-1", ScriptedAgent.ok)
        let two = try await ScriptedAgent.connect(to: node, agentID: "a-2", ScriptedAgent.ok)
        let three = try await ScriptedAgent.connect(to: node, agentID: "a-3", ScriptedAgent.ok)
        let all = node.node?.registry.all ?? []
        func listener(_ agent: String) throws -> Listener { try #require(all.first { $0.agent.withLock { $0.id } == agent }) }
        #expect(try await ask(node, "endpoint=e").candidates.allSatisfy { $0.takes == .share && $0.reason == nil })
        let now = NIODeadline.now().uptimeNanoseconds
        for _ in 0..<5 { _ = try listener("a-1").recordConnectFailure(isHalfFailing: false, now: now) }
        try listener("a-2").state = .unhealthy
        var answer = try await ask(node, "endpoint=e")
        func row(_ agent: String) throws -> RouteCandidate { try #require(answer.candidates.first { $0.agent == agent }) }
        #expect(answer.candidates.count == 3 && answer.status == nil)
        let (first, second, third) = (try row("a-1"), try row("a-2"), try row("a-3"))
        #expect(first.reason == .connectFailures && (1...1000).contains(first.leftOutMilliseconds ?? 0))
        // One of two that are up: not more than half.
        #expect(first.takes == .rest && second.takes == .rest && second.reason == .unhealthy)
        #expect(third.takes == .share && third.reason == nil)
        node.node?.routes.remove(try listener("a-3"))
        answer = try await ask(node, "endpoint=e")
        let leaving = try row("a-3")
        #expect(leaving.reason == .draining && leaving.takes == .nothing)
        for agent in ["a-1", "a-2"] { node.node?.routes.remove(try listener(agent)) }
        answer = try await ask(node, "endpoint=e")
        #expect(answer.status == 502 && answer.error == "no-available-upstreams")
        withExtendedLifetime((one, two, three)) {}
      }
    }

    @Test func `limits of the endpoint are looked at and not used up`() async throws {
      try await RunningNode.with {
        $0.proxy.maxRequestsPerEndpoint = 1
        $0.proxy.rateLimit = 2
      } _: { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        for _ in 0..<5 { #expect(try await ask(node, "endpoint=e").status == nil) }
        let client = try node.client()
        try await client.send("GET / HTTP/1.1\r\nHost: e.example\r\n\r\n")
        try await agent.streams(1)
        let answer = try await ask(node, "endpoint=e")
        #expect(answer.status == 429 && answer.error == "too-many-requests" && answer.candidates.map(\.inFlight) == [1])
      }
    }

    @Test func `listeners of other nodes are candidates, and why they are left out is said`() async throws {
      let directory = try TemporaryDirectory()
      try directory.write("secret", String(repeating: "s3cret-", count: 9))
      let routes = MemoryRoutes()
      let store: Server.StoreMaker = { (node, _) throws(PicoError) -> any RouteStore in MemoryRouteStore(routes, node: node) }
      func configure(_ configuration: inout ServerConfiguration) {
        configuration.cluster.name = "tests"
        configuration.cluster.listen = HostPort(host: "127.0.0.1", port: 0)
        configuration.cluster.secretFile = directory.path("secret")
      }
      try await RunningNode.member(of: store, threads: 1, configure) { one in
        try await RunningNode.member(of: store, threads: 1, configure) { two in
          let agents = [
            try await ScriptedAgent.connect(to: two, ScriptedAgent.ok), try await ScriptedAgent.connect(to: two, ScriptedAgent.ok),
          ]
          let id = try #require(EndpointID("e"))
          try await eventually("both listeners, and a link") {
            one.node?.routes.routes(of: id)?.elsewhere.first?.weight == 2 && one.node?.membership?.others == 1
          }
          let answer = try await ask(one, "endpoint=e")
          let other = try #require(two.server.nodeID?.text)
          #expect(answer.status == nil && answer.candidates == [RouteCandidate(id: other, node: other, weight: 2)])
          let remote = try #require(one.node?.routes.routes(of: id)?.elsewhere.first?.remote)
          remote.isDraining = true
          #expect(try await ask(one, "endpoint=e").candidates.first?.reason == .nodeDraining)
          withExtendedLifetime(agents) {}
        }
        let id = try #require(EndpointID("e"))
        try await eventually("the node left") { one.node?.routes.routes(of: id) == nil }
        #expect(try await ask(one, "endpoint=e").error == "no-available-upstreams")
      }
    }

    @Test func `a question that is none is malformed`() async throws {
      try await RunningNode.with { node in
        for query in ["", "?host=a%0aB"] {
          let answer = try await node.admin("/status/v1/route\(query)")
          #expect(answer.hasPrefix("HTTP/1.1 400 "))
        }
      }
    }
  }
}
