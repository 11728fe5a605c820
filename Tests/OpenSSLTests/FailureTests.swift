import COpenSSL
import PicoServer
import Support
import Testing

extension OpenSSLTests {
  /// What `/metrics` says of handshakes that come to nothing.
  @Suite struct FailureTests {
    /// What goes wrong, and its reason where that is another word.
    @Test(
      arguments: [
        ("timeout", nil), ("closed", nil), ("not-tls", nil), ("version", nil), ("cipher", nil), ("client-certificate", nil),
        ("stranger", "client-certificate"), ("refused", nil), ("refused-1.2", "refused"), ("other", nil),
      ] as [(String, String?)])
    func `a failed handshake is counted once, by its port and its reason`(fault: String, word: String?) async throws {
      let reason = word ?? fault
      try await EncryptedNode.with({ configuration, _, clients in
        if reason == "timeout" { configuration.proxy.headTimeout = .milliseconds(400) }
        if reason == "client-certificate" { configuration.proxy.tls.clientCA = clients.file }
      }) { node in
        try await Self.fail(fault, node)
        let name = "pico_tls_handshake_failures_total"
        try await eventually("the count") {
          try await node.admin("/metrics").contains("\(name){port=\"proxy\",reason=\"\(reason)\"} 1\n")
        }
        let samples = try await node.admin("/metrics").split(whereSeparator: \.isNewline).filter { $0.hasPrefix("\(name){") }
        #expect(samples.count == 8)
        #expect(samples.count { $0.hasSuffix(" 0") } == 7)
      }
    }

    private static func fail(_ fault: String, _ node: EncryptedNode) async throws {
      switch fault {
      case "not-tls", "other":
        let socket = try LoopbackSocket(port: node.port)
        // A record of a kind that TLS does not know, or what people send who forget the s of https.
        try await socket.send(fault == "other" ? "\u{1}\u{3}\u{3}\0\u{1}x" : "GET / HTTP/1.1\r\nHost: e.example\r\n\r\n")
        _ = try await socket.receiveAll()
      case "timeout", "closed":
        let client = try node.client()
        try client.startHandshake()
        if fault == "closed" { client.cut() }
        try await eventually("the end") { client.isSocketEnded() }
      case "version", "cipher", "client-certificate", "stranger":
        let stranger = try node.authority.issue("stranger")
        let client = try node.client {
          if fault == "stranger" { $0.shown = stranger }
          if fault == "version" { $0.versions = (TLS1_1_VERSION, TLS1_1_VERSION) }
          if fault == "cipher" {
            $0.versions.1 = TLS1_2_VERSION
            $0.ciphers = "ECDHE-ECDSA-AES128-SHA"
          }
        }
        #expect(try await client.refusal() != nil)
      default:
        let client = try node.client {
          $0.authority = node.clients.file
          if fault == "refused-1.2" { $0.versions.1 = TLS1_2_VERSION }
        }
        await #expect(throws: OpenSSLClient.Fault.self) { try await client.handshake() }
      }
    }
  }
}
