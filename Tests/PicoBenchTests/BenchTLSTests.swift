import NIOSSL
import PicoCore
import PicoTransport
import Support
import Testing

@testable import PicoBench

@Suite(.serialized, .timeLimit(.minutes(2))) struct BenchTLSTests {
  private let authority: TestAuthority
  private let clients: TestAuthority
  private let own: TestAuthority.Credentials

  init() throws {
    let directory = try TemporaryDirectory()
    authority = try TestAuthority(in: directory)
    clients = try TestAuthority("Clients", in: directory)
    own = try authority.issue("server")
  }

  /// With a server that wants a certificate of `clients`, and that shakes no hands from connection `silentFrom` on.
  private func measure(
    _ script: @escaping @Sendable (Int) -> ScriptedServer.Action = { _ in .reply(ScriptedServer.ok) }, silentFrom: Int = .max,
    _ change: (inout BenchConfiguration) throws -> Void
  ) async throws -> (report: BenchReport, server: ScriptedServer) {
    var tls = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMFile(own.certificate).map { .certificate($0) },
      privateKey: .privateKey(try NIOSSLPrivateKey(file: own.key, format: .pem)))
    tls.trustRoots = .file(clients.file)
    tls.certificateVerification = .noHostnameVerification
    let context = try NIOSSLContext(configuration: tls)
    let server = try await ScriptedServer(tls: { $0 < silentFrom ? context : nil }, script)
    var configuration = BenchConfiguration()
    let isURL = configuration.setURL("https://127.0.0.1:\(server.port)/a")
    try #require(isURL)
    configuration.caFile = authority.file
    try change(&configuration)
    let ready = configuration
    let result = await Task { try await Bench.run(ready) }.result
    try await server.close()
    return (try result.get(), server)
  }

  private func showCertificate(_ configuration: inout BenchConfiguration) throws {
    let shown = try clients.issue("client")
    configuration.credentials = TLSContext.Credentials(certificateFile: shown.certificate, keyFile: shown.key)
  }

  @Test(arguments: [nil, 200.0]) func `requests go over TLS, each connection with a handshake of its own`(rate: Double?) async throws {
    let (report, server) = try await measure {
      try showCertificate(&$0)
      $0.connections = 4
      $0.threads = 2
      $0.requests = 40
      $0.rate = rate
      $0.bodyBytes = 100_000
      $0.method = "POST"
    }
    #expect(report.counts.responses == 40 && report.counts.errors.total == 0, "\(report.counts)")
    // One more is the probe.
    #expect(server.connections == 5 && server.heads.count == 41)
    #expect(server.heads.allSatisfy { $0.hasPrefix("POST /a HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n") })
    #expect(report.table.contains(" https://127.0.0.1:\(server.port)/a: "))
  }

  @Test func `a connection whose handshake does not end is none, and holds nothing up`() async throws {
    let (report, _) = try await measure(silentFrom: 3) {
      try showCertificate(&$0)
      $0.connections = 4
      $0.duration = .seconds(1)
      $0.timeout = .milliseconds(400)
    }
    #expect(report.counts.errors.connect >= 2 && report.counts.errors.timeout == 0, "\(report.counts)")
    #expect(report.counts.statusClasses[2] > 0)
  }

  /// Whether the authority is given, whether a certificate is shown, and what is said.
  @Test(
    arguments: [
      (false, true, "TLS failed: the certificate is not of a trusted authority or not valid now"),
      (true, false, "TLS failed: the other side wants a certificate of ours"),
    ])
  func `what TLS refuses is said before the first request`(hasAuthority: Bool, shows: Bool, words: String) async throws {
    let error = await #expect(throws: PicoError.self) {
      _ = try await measure {
        if !hasAuthority { $0.caFile = nil }
        if shows { try showCertificate(&$0) }
        $0.requests = 1
      }
    }
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    #expect(error?.exit == .unavailable)
  }

  @Test func `files that cannot be used are named`() async throws {
    let error = await #expect(throws: PicoError.self) { _ = try await measure { $0.caFile = "/nonexistent/ca.pem" } }
    #expect(error?.description == "--ca: /nonexistent/ca.pem cannot be read: No such file or directory")
    #expect(error?.exit == .configuration)
  }

  @Test(arguments: [("missing-token", "wants a token: --token-file"), ("expired-token", "does not accept the token: expired token")])
  func `a server that wants a token is said before the first request`(code: String, words: String) async throws {
    let error = await #expect(throws: PicoError.self) {
      _ = try await measure({ _ in .reply("HTTP/1.1 401 No\r\nx-pico-error: \(code)\r\nContent-Length: 0\r\n\r\n") }) {
        try showCertificate(&$0)
        $0.requests = 1
      }
    }
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    #expect(error?.exit == .noPermission)
  }
}
