import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// What a node's metrics say before it is too late.
  @Suite(.timeLimit(.minutes(1))) struct HealthMetricsTests {
    @Test func `the certificate that ends first is told, and a new one is told too`() async throws {
      let directory = try TemporaryDirectory()
      let authority = try TestAuthority(in: directory)
      let soon = try authority.issue("soon", days: 3)
      let later = try authority.issue("later", days: 90)
      let files = (try directory.write("live.pem", readFile(soon.certificate)), try directory.write("live.key", readFile(soon.key)))
      let name = "pico_tls_certificate_expiry_timestamp_seconds"
      try await RunningNode.with({
        $0.proxy.tls.certificate = files.0
        $0.proxy.tls.key = files.1
        $0.proxy.tls.certificates = [.init(certificate: later.certificate, key: later.key)]
      }) { node in
        /// Whole days that are left.
        func days(_ certificate: String) async throws -> Double? {
          let expiry = try await node.metric("\(name){certificate=\"\(certificate)\"}")
          return expiry.map { (($0 - WallClock.seconds()) / 86_400).rounded() }
        }
        #expect(try await days("proxy.tls") == 3)
        #expect(try await days("proxy.tls.certificates[0]") == 90)
        try directory.write("live.pem", readFile(later.certificate))
        try directory.write("live.key", readFile(later.key))
        node.server.readCertificatesAgain()
        #expect(try await days("proxy.tls") == 90)
      }
    }

    @Test func `a chain ends with the first of its certificates`() async throws {
      let directory = try TemporaryDirectory()
      let leaf = try TestAuthority(in: directory).issue("leaf", days: 90)
      let other = try TestAuthority(in: directory).issue("other", days: 5)
      let chain = try directory.write("chain.pem", readFile(leaf.certificate) + readFile(other.certificate))
      var files = TLSFiles()
      files.certificate = chain
      files.key = leaf.key
      let certificates = try files.read(key: "admin.tls").certificates
      #expect(certificates.map(\.key) == ["admin.tls"])
      #expect(((Double(certificates[0].expiry) - WallClock.seconds()) / 86_400).rounded() == 5)
    }

    @Test func `a key file that cannot be read is told until it can`() async throws {
      let keys = try MadeKeys()
      try await RunningNode.with({ $0.upstream.auth.hmacSecretFiles = [keys.secretFile] }) { node in
        func failing() async throws -> Double? { try await node.metric("pico_auth_key_source_failing{source=\"upstream.auth\"}") }
        #expect(try await failing() == 0)
        #expect(try await node.metric("pico_auth_keys{source=\"upstream.auth\"}") == 1)
        try keys.directory.write("secret", "short")
        await node.server.readKeysAgain()
        #expect(try await failing() == 1)
        #expect(try await node.metric("pico_auth_keys{source=\"upstream.auth\"}") == 1)
        try keys.directory.write("secret", MadeKeys.otherSecret)
        await node.server.readKeysAgain()
        #expect(try await failing() == 0)
      }
    }

    @Test func `a key set that does not answer is told`() async throws {
      let place = try KeySetLocation(configurationText: "http://127.0.0.1:\(freePort())/keys")
      try await RunningNode.with({ $0.proxy.auth.jwks = place }) { node in
        try await eventually("the failure") { try await node.metric("pico_auth_key_source_failing{source=\"proxy.auth\"}") == 1 }
        #expect(try await node.metric("pico_auth_keys{source=\"proxy.auth\"}") == 0)
      }
    }

    @Test func `connections and their limit are told`() async throws {
      try await RunningNode.with({ $0.proxy.maxConnections = 10 }) { node in
        #expect(try await node.metric("pico_connections") == 0)
        let client = try node.client()
        #expect(try await node.ready(on: client) == 200)
        #expect(try await node.metric("pico_connections") == 1)
        #expect(try await node.metric("pico_connections_limit") == 10)
        var configuration = node.server.configuration
        configuration.proxy.maxConnections = 20
        configuration.memory.maxBuffered = ByteSize(bytes: 12_345_678)
        await node.server.apply(configuration)
        #expect(try await node.metric("pico_connections_limit") == 20)
        #expect(try await node.metric("pico_tunnel_buffered_limit_bytes") == 12_345_678)
        let memory = try await node.metric("pico_memory_limit_bytes")
        #expect(memory ?? 0 > 1_000_000)
      }
    }

    @Test func `a node that leaves is not ready`() async throws {
      try await RunningNode.with { node in
        let before = try await node.metric("pico_ready")
        node.node?.startLeaving()
        let after = try await node.metric("pico_ready")
        #expect(before == 1 && after == 0)
      }
    }

    /// Each request may have reached the service, is repeated once, and fails again; a hundred of ten seconds are repeated whatever the traffic.
    @Test func `retries that the budget does not allow are counted`() async throws {
      try await RunningNode.with { node in
        for _ in 0..<2 { _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.refusing(.resetAfterSend)) }
        let client = try node.client()
        for _ in 0..<200 {
          try await client.send(NodeTests.ExchangeTests.get)
          #expect(try await client.response().status == 502)
        }
        let (done, refused) = (try await node.metric("pico_proxy_retries_total"), try await node.metric("pico_proxy_retries_refused_total"))
        #expect(done ?? 0 >= 100)
        #expect(refused ?? 0 > 0)
        #expect((done ?? 0) + (refused ?? 0) == 200)
      }
    }
  }
}
