import COpenSSL
import Glibc
import PicoServer
import Support
import Testing

extension OpenSSLTests {
  /// Connections that begin with a ticket of an earlier one.
  @Suite struct ResumptionTests {
    private static let versions = [TLS1_2_VERSION, TLS1_3_VERSION]

    @Test(arguments: versions) func `a session is resumed by its ticket`(version: Int32) async throws {
      try await EncryptedNode.with { node in
        let first = try node.client { $0.versions = (version, version) }
        try await first.handshake()
        try await first.get()
        #expect(!first.isResumed)
        let session = try #require(first.session)
        #expect(session.isResumable)
        let second = try node.client {
          $0.versions = (version, version)
          $0.resumes = session
        }
        try await second.handshake()
        try await second.get()
        #expect(second.isResumed)
      }
    }

    private static let registration =
      "GET /pico/v1/listener/mine HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

    @Test(arguments: versions) func `who resumes is still who its certificate said`(version: Int32) async throws {
      try await EncryptedNode.with({ configuration, _, clients in
        configuration.upstream.listen = nil
        configuration.proxy.tls.clientCA = clients.file
      }) { node in
        let shown = try node.clients.issue("agent-7", for: nil)
        let first = try node.client {
          $0.versions = (version, version)
          $0.shown = shown
        }
        #expect(try await first.refusal() == nil)
        let session = try #require(first.session)
        let second = try node.client {
          $0.versions = (version, version)
          $0.resumes = session
        }
        try await second.handshake()
        #expect(second.isResumed)
        try await second.send(Self.registration)
        try await second.receive("the tunnel") { $0.hasPrefix("HTTP/1.1 101 ") }
        #expect(try await node.admin("/status/v1").contains("\"identity\":\"agent-7\""))
      }
    }

    @Test(arguments: versions) func `a session whose client's certificate has ended is resumed no more`(version: Int32) async throws {
      try await EncryptedNode.with({ configuration, _, clients in configuration.proxy.tls.clientCA = clients.file }) { node in
        let shown = try node.clients.issue("short", for: nil)
        let end = time(nil) + 5
        #expect(unsafe pico_end_certificate(shown.certificate, node.clients.keyFile, end) == 1)
        let options: (inout OpenSSLClient.Options) -> Void = {
          $0.versions = (version, version)
          $0.shown = shown
        }
        let first = try node.client(options)
        #expect(try await first.refusal() == nil)
        // OpenSSL resumes no session of a connection that it gave up.
        var open = [first]
        for isOver in [false, true] {
          let session = try #require(first.session)
          if isOver { try await eventually("the certificate's end") { time(nil) > end } }
          let second = try node.client {
            options(&$0)
            $0.resumes = session
          }
          open.append(second)
          try await second.handshake()
          #expect(second.isResumed)
          if isOver {
            let served = node.service.seen.count
            try? await second.send("GET / HTTP/1.1\r\nHost: e.example\r\n\r\n")
            #expect(try await second.receiveEnd() != .whole)
            #expect(second.text == "")
            #expect(node.service.seen.count == served)
          } else {
            try await second.get()
          }
        }
        #expect(
          try await node.admin("/metrics").contains("failures_total{port=\"proxy\",reason=\"client-certificate\"} 1\n"))
        // Nothing is resumed any more, and the certificate is refused as any other that has ended.
        #expect(try await node.client(options).refusal()?.contains("alert") == true)
      }
    }
  }
}
