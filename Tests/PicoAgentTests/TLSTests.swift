import Logging
import NIOSSL
import PicoCore
import PicoTransport
import Testing

@testable import PicoAgent
@testable import PicoClient

@Suite(.timeLimit(.minutes(2)))
struct TLSTests {
  private let authorityFile = "/tmp/pico-agent-test-\(UInt32.random(in: 0 ... .max)).pem"

  init() throws {
    try #require(FileText.write(TestCertificates.authority, to: authorityFile))
  }

  private var server: NIOSSLContext {
    get throws {
      let chain = try NIOSSLCertificate.fromPEMBytes(Array(TestCertificates.certificate.utf8)).map {
        NIOSSLCertificateSource.certificate($0)
      }
      let key = try NIOSSLPrivateKey(bytes: Array(TestCertificates.key.utf8), format: .pem)
      return try NIOSSLContext(configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
    }
  }

  /// The name that the certificate must have (nil: the host of the upstream), and the host.
  @Test(arguments: [(nil, "localhost"), (nil, "127.0.0.1"), ("service.test", "127.0.0.1")] as [(String?, String)])
  func `a service with a certificate of the given authority answers`(name: String?, host: String) async throws {
    let upstream = try await ScriptedUpstream.start(tls: try server, answer(ok))
    try await withAgent(
      upstream: .https(HostPort(host: host, port: upstream.port)), { _ in nil },
      configure: { $0.listeners[0].tls = .init(ca: authorityFile, serverName: name) }
    ) { node, _, _ in
      await node.expect(get, gives: ok)
      await node.expect(get, gives: ok)
    }
    #expect(upstream.connections == 1)
    try await upstream.stop()
  }

  @Test(
    arguments: [
      ("other.test", true, "the certificate is not for other.test"),
      (nil, false, "the certificate is not of a trusted authority or not valid now"),
    ] as [(String?, Bool, String)])
  func `a certificate that does not match is one log line, and nothing is sent`(
    name: String?, hasAuthority: Bool, reason: String
  ) async throws {
    let upstream = try await ScriptedUpstream.start(tls: try server, answer(ok))
    let lines = LogLines()
    try await withAgent(
      upstream: .https(HostPort(host: "localhost", port: upstream.port)), { _ in nil },
      configure: { $0.listeners[0].tls = .init(ca: hasAuthority ? authorityFile : nil, serverName: name) }, logger: lines.logger
    ) { node, _, _ in
      await node.expect(get, gives: "reset notSent")
      await node.expect(get, gives: "reset notSent")
    }
    #expect(
      lines.all.filter { $0.hasPrefix("TLS") } == [
        "TLS with the upstream failed endpoint=a reason=\(reason) upstream=https://localhost:\(upstream.port)"
      ])
    #expect(upstream.requests.isEmpty)
    try await upstream.stop()
  }

  @Test func `a tunnel runs over TLS`() async throws {
    let upstream = try await ScriptedUpstream.start(answer(ok))
    let node = try await TestNode.start(tls: try server)
    var configuration = try agentConfiguration(node, .http(HostPort(host: "127.0.0.1", port: upstream.port)))
    configuration.server.url = BaseURL(isTLS: true, address: HostPort(host: "localhost", port: node.port))
    configuration.server.tls.ca = authorityFile
    let agent = Agent(configuration: configuration, logger: silent)
    try await agent.start()
    await eventually("the tunnel") { node.sessionCount == 1 && agent.isConnected }
    await node.expect(get, gives: ok)
    await agent.shutdown(graceful: true)
    try await node.stop()
    try await upstream.stop()
  }

  @Test func `a server with a certificate that does not match is a failure that says so`() async throws {
    let node = try await TestNode.start(tls: try server)
    var configuration = try agentConfiguration(node, .http(HostPort(host: "localhost", port: 1)))
    configuration.server.url = BaseURL(isTLS: true, address: HostPort(host: "localhost", port: node.port))
    let lines = LogLines()
    let agent = Agent(configuration: configuration, logger: lines.logger)
    try await agent.start()
    await eventually("the failure") {
      if case .tls = await agent.report().listeners[0].tunnels.lastFailure { true } else { false }
    }
    await agent.shutdown(graceful: false)
    #expect(
      lines.all.first?.hasPrefix(
        "cannot connect to the server endpoint=a reason=TLS failed: the certificate is not of a trusted authority or not valid now ")
        ?? false)
    #expect(node.requests.isEmpty)
    try await node.stop()
  }

  @Test(
    arguments: [
      ("/nonexistent/ca.pem", "cannot be read: No such file or directory"), ("/etc/passwd", "holds no certificate that can be read"),
    ])
  func `authorities that cannot be read end the start with the key and the file`(file: String, reason: String) async throws {
    let node = try await TestNode.start()
    var configuration = try agentConfiguration(node, .https(HostPort(host: "localhost", port: 1)))
    configuration.listeners[0].tls.ca = file
    let agent = Agent(configuration: configuration, logger: silent)
    let error = await #expect(throws: PicoError.self) { try await agent.start() }
    #expect(error?.description == "listeners: a: tls.ca: \(file) \(reason)")
    try await node.stop()
  }
}

struct TLSIdentityTests {
  @Test(
    arguments: [
      ("a.test", "a.test", true), ("A.Test.", "a.test", true), ("a.test", "A.TEST.", true), ("a.test", "b.test", false),
      ("x.a.test", "*.a.test", true), ("y.x.a.test", "*.a.test", false), ("a.test", "*.a.test", false), ("a.test", "*.test", false),
      ("a.test", "*", false), ("x.a.test", "x*.a.test", false), ("x.a.test", "*.*.test", false), ("127.0.0.1", "127.0.0.1", false),
      ("a.test", "a.test\0", false), (".a.test", "*.a.test", false),
    ])
  func `a name matches itself, and a wildcard one label`(expected: String, certificate: String, matches: Bool) {
    #expect(TLSIdentity(expected).matches(dnsName: Array(certificate.utf8)) == matches)
  }

  @Test(
    arguments: [
      ("127.0.0.1", [127, 0, 0, 1], true), ("127.0.0.1", [127, 0, 0, 2], false), ("a.test", [127, 0, 0, 1], false),
      ("::1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], true), ("127.0.0.1", [127, 0, 0, 1, 0], false),
    ] as [(String, [UInt8], Bool)])
  func `an address matches its bytes`(expected: String, certificate: [UInt8], matches: Bool) {
    #expect(TLSIdentity(expected).matches(addressBytes: certificate) == matches)
  }
}
