import Glibc
import NIOSSL
import PicoClient
import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoAgent

/// Files that change under an agent that runs.
@Suite(.timeLimit(.minutes(2)))
struct CertificateReloadTests {
  private let directory: TemporaryDirectory
  private let authority: TestAuthority
  private let stranger: TestAuthority
  /// The authorities that the agent was given.
  private let file: String

  init() throws {
    directory = try TemporaryDirectory()
    authority = try TestAuthority(in: directory)
    stranger = try TestAuthority("Somebody else", in: directory)
    file = try directory.write("ca.pem", readFile(authority.file))
  }

  /// Whole from one moment to the next.
  private func replace(_ text: String) throws {
    let next = try directory.write("ca.new", text)
    // Both strings live through the call.
    guard unsafe rename(next, file) == 0 else { throw SystemCallFailed(call: "rename") }
  }

  private var server: NIOSSLContext {
    get throws {
      let own = try authority.issue("server")
      return try NIOSSLContext(
        configuration: .makeServerConfiguration(
          certificateChain: try NIOSSLCertificate.fromPEMFile(own.certificate).map { .certificate($0) },
          privateKey: .privateKey(try NIOSSLPrivateKey(file: own.key, format: .pem))))
    }
  }

  @Test func `authorities are read again for the next tunnel, the open one stays, and a bad file changes nothing`() async throws {
    let upstream = try await ScriptedUpstream.start(answer(ok))
    let node = try await TestNode.start(tls: try server)
    var configuration = try agentConfiguration(node, .http(HostPort(host: "127.0.0.1", port: upstream.port)))
    configuration.server.url = BaseURL(isTLS: true, address: HostPort(host: "localhost", port: node.port))
    configuration.server.tls.ca = file
    let lines = LogLines()
    let agent = Agent(configuration: configuration, logger: lines.logger)
    try await agent.start()
    try await eventually("the tunnel") { node.sessionCount == 1 && agent.isConnected }
    try replace(readFile(stranger.file))
    await node.expect(get, gives: ok)
    #expect(node.sessionCount == 1 && agent.isConnected)
    try await node.with { $0.tunnel.close() }
    try await eventually("the certificate is no longer trusted") { lines.all.contains { $0.contains("is not of a trusted authority") } }
    // What cannot be used is told once, however often it is tried, and the authority of before goes on counting.
    try replace("nothing")
    let warning =
      "new certificates cannot be used, the former ones stay reason=server.tls.ca: \(file) holds no certificate that can be read"
    try await eventually("the warning") { lines.all.contains(warning) }
    let failures = await agent.report().listeners[0].tunnels.failures
    try await eventually("more attempts") { await agent.report().listeners[0].tunnels.failures > failures + 1 }
    #expect(lines.all.filter { $0.hasPrefix("new certificates") } == [warning])
    #expect(node.sessionCount == 1)
    try replace(readFile(authority.file))
    try await eventually("the tunnel is back") { node.sessionCount == 2 && agent.isConnected }
    await node.expect(get, gives: ok)
    await agent.shutdown(graceful: false)
    try await node.stop()
    try await upstream.stop()
  }

  @Test func `those for a service are read again too`() async throws {
    let upstream = try await ScriptedUpstream.start(tls: try server, answer(ok))
    let lines = LogLines()
    try await withAgent(
      upstream: .https(HostPort(host: "localhost", port: upstream.port)), { _ in nil },
      configure: {
        $0.listeners[0].tls.ca = file
        $0.listeners[0].poolSize = 0
      }, logger: lines.logger
    ) { node, _, _ in
      await node.expect(get, gives: ok)
      try replace(readFile(stranger.file))
      try await eventually("the service is no longer trusted") { (try? await node.open(get).outcome()) == "reset notSent" }
      try replace(readFile(authority.file))
      try await eventually("it is again") { (try? await node.open(get).outcome()) == ok }
    }
    #expect(lines.all.allSatisfy { !$0.hasPrefix("new certificates") })
    try await upstream.stop()
  }
}
