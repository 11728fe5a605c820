import Logging
import NIOSSL
@testable import PicoAgent
@testable import PicoClient
import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// Which certificates are shown, asked for and believed.
  @Suite(.timeLimit(.minutes(2))) struct CertificateTests {
    private let directory: TemporaryDirectory
    private let authority: TestAuthority
    private let clients: TestAuthority
    private let credentials: TestAuthority.Credentials
    private let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws {
      directory = try TemporaryDirectory()
      authority = try TestAuthority(in: directory)
      clients = try TestAuthority("Pico test clients", in: directory)
      credentials = try authority.issue("node")
    }

    private func files(clientCA: String? = nil) -> TLSFiles {
      var files = TLSFiles()
      files.certificate = credentials.certificate
      files.key = credentials.key
      files.clientCA = clientCA
      return files
    }

    private static func show(_ shown: TestAuthority.Credentials, _ configuration: inout TLSConfiguration) {
      configuration.certificateChain = (try? NIOSSLCertificate.fromPEMFile(shown.certificate))?.map { .certificate($0) } ?? []
      configuration.privateKey = (try? NIOSSLPrivateKey(file: shown.key, format: .pem)).map { .privateKey($0) }
    }

    // MARK: Client certificates

    @Test(arguments: [TLSVersion.tlsv12, .tlsv13])
    func `only clients with a certificate of the port's authorities come in`(version: TLSVersion) async throws {
      let files = files(clientCA: clients.file)
      try await RunningNode.with({
        $0.proxy.tls = files
        $0.upstream.listen = HostPort(host: "127.0.0.1", port: 0)
      }) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let good = try clients.issue("good", for: nil)
        let stranger = try authority.issue("stranger", for: nil)
        let old = try clients.issue("old", for: nil, days: -1)
        let client = try await TLSClient(port: node.port, authority: authority) {
          $0.maximumTLSVersion = version
          Self.show(good, &$0)
        }
        _ = try await client.get()
        for shown in [nil, stranger, old] {
          let refused = try await TLSClient(port: node.port, authority: authority) {
            $0.maximumTLSVersion = version
            if let shown { Self.show(shown, &$0) }
          }
          try await refused.wait("a refusal") { $0.isClosed && $0.fault != nil && $0.bytes.isEmpty }
        }
      }
    }

    @Test(
      arguments: [
        ("common", nil, "common"), ("common", "DNS:a.test,DNS:b.test", "a.test"),
        ("common", "DNS:a.test,URI:spiffe://pico/agent", "spiffe://pico/agent"),
        ("common", "IP:127.0.0.1", "common"),
      ] as [(String, String?, String)])
    func `an agent is who its certificate says`(name: String, names: String?, identity: String) async throws {
      let files = files(clientCA: clients.file)
      try await RunningNode.with({ $0.proxy.tls = files }) { node in
        let shown = try clients.issue(name, for: names)
        let agent = Agent(
          configuration: agentConfiguration(node) {
            $0.ca = authority.file
            $0.certificate = shown.certificate
            $0.key = shown.key
          }, logger: silent)
        try await agent.start()
        try await eventually("the listener") { node.server.listenerCount == 1 }
        #expect(try await node.admin("/status/v1").contains("\"identity\":\"\(identity)\""))
        await agent.shutdown(graceful: true)
      }
    }

    // MARK: Agents

    /// What the agent is given, and how it says that it does not come in.
    @Test(arguments: [
      ("nothing", "the certificate is not of a trusted authority or not valid now"), ("name", "the certificate is not for other.test"),
      ("expired", "the certificate is not of a trusted authority or not valid now"),
      ("plain", "what answers speaks no TLS"),
    ])
    func `an agent says why it does not trust a server`(fault: String, reason: String) async throws {
      var files = files()
      if fault == "expired" {
        let old = try authority.issue("node", days: -1)
        files.certificate = old.certificate
        files.key = old.key
      }
      if fault == "plain" { files = TLSFiles() }
      try await RunningNode.with({ [files] in $0.proxy.tls = files }) { node in
        let agent = Agent(
          configuration: agentConfiguration(node) {
            if fault != "nothing" { $0.ca = authority.file }
            if fault == "name" { $0.serverName = "other.test" }
          }, logger: silent)
        try await agent.start()
        try await eventually("the failure", within: 10) {
          "\(await agent.report().listeners[0].tunnels.lastFailure.map { "\($0)" } ?? "")".contains(reason)
        }
        await agent.shutdown(graceful: false)
        #expect(node.server.listenerCount == 0)
      }
    }

    @Test(arguments: [true, false]) func `an agent says that its certificate is not enough`(hasOne: Bool) async throws {
      let files = files(clientCA: clients.file)
      let stranger = try authority.issue("stranger")
      try await RunningNode.with({ $0.proxy.tls = files }) { node in
        let agent = Agent(
          configuration: agentConfiguration(node) {
            $0.ca = authority.file
            if hasOne {
              $0.certificate = stranger.certificate
              $0.key = stranger.key
            }
          }, logger: silent)
        try await agent.start()
        let reason = hasOne ? "the other side does not accept our certificate" : "the other side wants a certificate of ours"
        try await eventually("the failure", within: 10) {
          "\(await agent.report().listeners[0].tunnels.lastFailure.map { "\($0)" } ?? "")".contains(reason)
        }
        await agent.shutdown(graceful: false)
      }
    }

    @Test func `an agent whose certificate cannot be used does not start`() async throws {
      try await RunningNode.with { node in
        let (one, other) = (try clients.issue("one"), try clients.issue("other"))
        let agent = Agent(
          configuration: agentConfiguration(node) {
            $0.certificate = one.certificate
            $0.key = other.key
          }, logger: silent)
        let error = await #expect(throws: PicoError.self) { try await agent.start() }
        #expect(error?.description == "server.tls.key: \(other.key) is not the key of the certificate in \(one.certificate)")
      }
    }

    // MARK: Names

    @Test func `the name that a client asks for decides which certificate it is shown`() async throws {
      let (one, wild, second) = (
        try authority.issue("one", for: "DNS:one.test"), try authority.issue("wild", for: "DNS:*.wild.test,DNS:one.test"),
        try authority.issue("second", for: "DNS:a.wild.test")
      )
      var files = files()
      files.certificates = [one, wild, second].map { TLSFiles.Pair(certificate: $0.certificate, key: $0.key) }
      try await RunningNode.with({ [files] in $0.proxy.tls = files }) { node in
        for (asked, shown) in [
          ("one.test", one), ("ONE.test", one), ("b.wild.test", wild), ("a.wild.test", second), ("b.a.wild.test", credentials),
          ("unknown.test", credentials), ("localhost", credentials), (nil, credentials),
        ] {
          let client = try await TLSClient(port: node.port, authority: authority, name: asked) {
            $0.certificateVerification = .noHostnameVerification
          }
          let seen = try await client.wait("the handshake") { $0.isEstablished }
          let expected = try #require(try NIOSSLCertificate.fromPEMFile(shown.certificate).first)
          #expect(seen.certificate == (try expected.toDERBytes()), "\(asked ?? "no name")")
        }
      }
    }

    // MARK: Files that change

    @Test func `a new certificate is for new connections, and a broken one changes nothing`() async throws {
      let own = (
        try directory.write("live.pem", readFile(credentials.certificate)), try directory.write("live.key", readFile(credentials.key))
      )
      let next = try authority.issue("next", for: "DNS:localhost,DNS:next.test")
      try await RunningNode.with({
        $0.proxy.tls.certificate = own.0
        $0.proxy.tls.key = own.1
        $0.upstream.listen = HostPort(host: "127.0.0.1", port: 0)
      }) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let first = try await TLSClient(port: node.port, authority: authority)
        _ = try await first.get()
        // The key alone does not fit: the certificate that it belongs to comes later.
        try directory.write("live.key", readFile(next.key))
        node.server.readCertificatesAgain()
        let second = try await TLSClient(port: node.port, authority: authority)
        _ = try await second.get()
        #expect(second.seen.certificate == first.seen.certificate)
        // Nobody asks for it: the node looks by itself.
        try directory.write("live.pem", readFile(next.certificate))
        try await eventually("the new certificate") {
          let third = try await TLSClient(port: node.port, authority: authority)
          return try await third.wait("the handshake") { $0.isEstablished }.certificate != first.seen.certificate
        }
        _ = try await first.get()
        _ = try await second.get()
        try directory.write("live.pem", "nothing\n")
        node.server.readCertificatesAgain()
        let fourth = try await TLSClient(port: node.port, authority: authority)
        _ = try await fourth.get()
        #expect(fourth.seen.certificate != first.seen.certificate)
      }
    }

    @Test func `authorities of clients that change are those of new connections`() async throws {
      let file = try directory.write("clients.pem", readFile(clients.file))
      let files = files(clientCA: file)
      try await RunningNode.with({ $0.proxy.tls = files }) { node in
        let shown = try clients.issue("a", for: nil)
        func client() async throws -> TLSClient { try await TLSClient(port: node.port, authority: authority) { Self.show(shown, &$0) } }
        let before = try await client()
        try await before.send("GET /pico/v1/ready HTTP/1.1\r\nHost: a\r\n\r\n")
        try await before.wait("the answer") { $0.text.hasSuffix("ready\n") }
        try directory.write("clients.pem", readFile(authority.file))
        node.server.readCertificatesAgain()
        try await client().wait("a refusal") { $0.isClosed && $0.fault != nil }
        try await before.send("GET /pico/v1/ready HTTP/1.1\r\nHost: a\r\n\r\n")
        try await before.wait("another answer") { $0.text.components(of: "ready\n") == 2 }
      }
    }

    // MARK: Admin

    @Test func `the admin port speaks TLS with the same rules`() async throws {
      let files = files(clientCA: clients.file)
      try await RunningNode.with({ $0.admin.tls = files }) { node in
        let shown = try clients.issue("operator", for: nil)
        let client = try await TLSClient(port: node.adminPort, authority: authority) { Self.show(shown, &$0) }
        try await client.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try await client.wait("the answer") { $0.text.hasSuffix("{\"status\":\"ok\"}\n") }
        #expect(client.seen.text.hasPrefix("HTTP/1.1 200 "))
        let refused = try await TLSClient(port: node.adminPort, authority: authority)
        try await refused.wait("a refusal") { $0.isClosed && $0.fault != nil && $0.bytes.isEmpty }
        let plain = try LoopbackSocket(port: node.adminPort)
        try await plain.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(!(try await plain.receiveAll()).contains("HTTP/1"))
        try await client.send("GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        try await client.wait("the end") { $0.isEnded && $0.fault == nil }
      }
    }

    // MARK: -

    private func agentConfiguration(_ node: RunningNode, _ change: (inout AgentConfiguration.TLS) -> Void) -> AgentConfiguration {
      var configuration = AgentConfiguration()
      configuration.server.url = BaseURL(isTLS: true, address: HostPort(host: "localhost", port: node.upstreamPort))
      change(&configuration.server.tls)
      if let endpoint = EndpointID("e") {
        configuration.listeners = [ListenerConfiguration(endpoint: endpoint, upstream: .http(HostPort(host: "localhost", port: 1)))]
      }
      return configuration
    }
  }
}

struct SubjectNameTests {
  @Test(arguments: 0..<64)
  func `what is no certificate has no name, however it is cut`(length: Int) {
    let bytes: [UInt8] = [0x30, 0x82, 0x01, 0x00, 0x30, 0x80, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x02, 0x01, 0x30, 0x00, 0x31]
    #expect(SubjectName.commonName(ofCertificate: Array((bytes + bytes + bytes + bytes).prefix(length))) == nil)
  }
}
