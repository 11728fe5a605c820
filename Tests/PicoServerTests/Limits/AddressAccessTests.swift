import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// `*.allow` and `*.deny`.
  @Suite(.timeLimit(.minutes(1))) struct AddressAccessTests {
    private static let loopback = [try? AddressRange(text: "127.0.0.0/8")].compactMap { $0 }
    private static let elsewhere = [try? AddressRange(text: "192.0.2.0/24")].compactMap { $0 }
    private static func get(_ fields: String = "") -> String { "GET / HTTP/1.1\r\nHost: e.example\r\n\(fields)\r\n" }
    private static let registration = "GET /pico/v1/listener/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)\r\n"

    private static func status(_ client: RawClient, _ text: String) async throws -> Int {
      try await client.send(text)
      return try await client.response().status
    }

    /// On a connection of its own.
    private static func status(_ node: RunningNode, _ text: String) async throws -> Int { try await status(try node.client(), text) }

    /// What a connection gets that says nothing.
    private static func rest(of port: Int) async throws -> String { try await RawClient(port: port).rest(within: 10) }

    @Test(arguments: ["allow", "deny"])
    func `a connection to the proxy port from elsewhere is closed without a word`(list: String) async throws {
      try await RunningNode.with({
        if list == "allow" { $0.proxy.access.allow = Self.elsewhere } else { $0.proxy.access.deny = Self.loopback }
        $0.upstream.listen = HostPort(host: "127.0.0.1", port: 0)
      }) { node in
        // Listeners have a port of their own, whose lists are empty.
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        for _ in 0..<3 { #expect(try await Self.rest(of: node.port) == "") }
        #expect(try await node.metric("pico_connections_refused_total{port=\"proxy\",reason=\"address-not-permitted\"}") == 3)
        #expect(node.openConnections == 1)
      }
    }

    @Test func `a port of listeners with lists closes connections too`() async throws {
      try await RunningNode.with({
        $0.upstream.access.deny = Self.loopback
        $0.upstream.listen = HostPort(host: "127.0.0.1", port: 0)
      }) { node in
        let rest = try await Self.rest(of: node.upstreamPort)
        #expect(rest == "")
        #expect(try await node.metric("pico_connections_refused_total{port=\"upstream\",reason=\"address-not-permitted\"}") == 1)
        #expect(try await Self.status(node, Self.get()) == 502)
      }
    }

    /// With one socket for both, whoever may do one of the two comes in, and is told 403 for the other.
    @Test(arguments: [true, false])
    func `one socket for both ports tells requests and registrations apart`(mayRegister: Bool) async throws {
      try await RunningNode.with({
        if mayRegister { $0.proxy.access.deny = Self.loopback } else { $0.upstream.access.deny = Self.loopback }
        if mayRegister { $0.upstream.access.allow = Self.loopback }
      }) { node in
        #expect(try await Self.status(node, Self.registration) == (mayRegister ? 101 : 403))
        let client = try node.client()
        try await client.send(Self.get())
        let response = try await client.response()
        #expect(response.status == (mayRegister ? 403 : 502))
        if mayRegister {
          #expect(response.body == "{\"error\":\"address not permitted\"}\n" && response.field("x-pico-error") == "address-not-permitted")
          #expect(try await node.metric("pico_proxy_errors_total{code=\"address-not-permitted\"}") == 1)
          #expect(try await Self.status(client, "GET /pico/v1/tcp/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)\r\n") == 403)
        }
        #expect(try await node.ready(on: try node.client()) == 200)
      }
    }

    @Test func `with one socket lists of the proxy port alone hold for registrations`() async throws {
      try await RunningNode.with({ $0.proxy.access.allow = Self.elsewhere }) { node in
        await #expect(throws: (any Error).self) { try await ScriptedAgent.connect(to: node, ScriptedAgent.ok) }
        let refused = try await node.metric("pico_connections_refused_total{port=\"proxy\",reason=\"address-not-permitted\"}")
        #expect(refused == 1)
      }
    }

    @Test(arguments: [
      ("X-Forwarded-For: 192.0.2.7\r\n", 200), ("X-Forwarded-For: 198.51.100.7\r\n", 403),
      ("X-Forwarded-For: 192.0.2.7, 198.51.100.7\r\n", 403), ("X-Forwarded-For: 198.51.100.7, 192.0.2.7, 127.0.0.3\r\n", 200),
      ("X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-For: 192.0.2.7\r\n", 200), ("", 403), ("X-Forwarded-For: junk\r\n", 403),
    ])
    func `behind a trusted proxy the client that it names is held against the lists`(fields: String, status: Int) async throws {
      try await RunningNode.with({
        $0.proxy.trustedProxies = Self.loopback
        $0.proxy.access.allow = Self.elsewhere
        $0.upstream.access.allow = Self.loopback
      }) { node in
        // No client is named: it is the proxy itself that registers.
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try node.client()
        #expect(try await Self.status(client, Self.get(fields)) == status)
        #expect(try await Self.status(client, Self.get("X-Forwarded-For: 192.0.2.9\r\n")) == 200)
        let registration = Self.registration.replacing("Host: a\r\n", with: "Host: a\r\nX-Forwarded-For: 192.0.2.7\r\n")
        #expect(try await Self.status(node, registration) == 403)
      }
    }

    @Test func `the address of a PROXY protocol header is held against the lists, not the load balancer's`() async throws {
      try await RunningNode.with({
        $0.proxy.proxyProtocol = true
        $0.proxy.access.allow = Self.elsewhere
      }) { node in
        let client = try node.client()
        #expect(try await Self.status(client, "PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n" + Self.get()) == 502)
        let refused = try node.client()
        try await refused.send("PROXY TCP4 198.51.100.1 10.0.0.1 4711 80\r\n" + Self.get())
        #expect(try await refused.rest(within: 10) == "")
        #expect(try await node.metric("pico_connections_refused_total{port=\"proxy\",reason=\"address-not-permitted\"}") == 1)
      }
    }

    @Test func `the admin port closes connections from elsewhere, the port of probes none`() async throws {
      try await RunningNode.with({
        $0.admin.access.deny = Self.loopback
        $0.admin.probeListen = HostPort(host: "127.0.0.1", port: 0)
      }) { node in
        for path in ["/health", "/metrics", "/status/v1"] { #expect(try await node.admin(path) == "") }
        let refused = try #require(node.node).limits.refusedConnections.all.filter { $0.count > 0 }
        #expect(refused.map(\.count) == [3])
        #expect(refused.first?.port == .admin)
        #expect(try await Self.status(node, Self.get()) == 502)
        var configuration = try #require(node.node?.configuration)
        configuration.admin.access.deny = []
        await node.server.apply(configuration)
        #expect(try await node.metric("pico_connections_refused_total{port=\"admin\",reason=\"address-not-permitted\"}") == 3)
      }
    }

    @Test(arguments: [1, 2])
    func `a reload ends what is not permitted any more`(threads: Int) async throws {
      try await RunningNode.with(threads: threads) { node in
        let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
        let (idle, busy, raw) = (try node.client(), try node.client(), try node.client())
        #expect(try await node.ready(on: idle) == 200)
        try await busy.send(Self.get())
        #expect(try await Self.status(raw, "GET /pico/v1/tcp/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)\r\n") == 101)
        try await agent.streams(2)
        let (watcher, _) = try await WatchClient.open(node)
        var configuration = try #require(node.node?.configuration)
        configuration.proxy.access.deny = Self.loopback
        configuration.admin.access.deny = Self.loopback
        await node.server.apply(configuration)
        for client in [idle, busy, raw] { _ = try await client.rest(within: 10) }
        #expect(try await watcher.frame() == .end)
        try await agent.ends()
        #expect(try await Self.rest(of: node.port) == "")
        configuration.proxy.access.deny = []
        await node.server.apply(configuration)
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        #expect(try await Self.status(node, Self.get()) == 200)
      }
    }
  }
}
