import COpenSSL
import PicoServer
import Support
import Testing

extension OpenSSLTests {
  /// What is agreed on with OpenSSL, and what is refused.
  @Suite struct HandshakeTests {
    @Test(arguments: [(TLS1_2_VERSION, "TLSv1.2"), (TLS1_3_VERSION, "TLSv1.3")])
    func `TLS 1 2 and 1 3 are taken`(version: Int32, name: String) async throws {
      try await EncryptedNode.with { node in
        let client = try node.client { $0.versions = (version, version) }
        try await client.handshake()
        for _ in 0..<3 { try await client.get() }
        #expect(client.version == name)
        #expect(node.service.seen.first?.text.contains("X-Forwarded-Proto: https\r\n") == true)
      }
    }

    @Test(arguments: [TLS1_VERSION, TLS1_1_VERSION])
    func `TLS 1 0 and 1 1 are refused, by the node`(version: Int32) async throws {
      try await EncryptedNode.with { node in
        let client = try node.client { $0.versions = (version, version) }
        #expect(try await client.refusal() == "tlsv1 alert protocol version")
      }
    }

    @Test(arguments: [true, false], ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"])
    func `suites of TLS 1 2 with forward secrecy and authenticated encryption are taken`(isRSA: Bool, suite: String) async throws {
      let suite = "ECDHE-\(isRSA ? "RSA" : "ECDSA")-\(suite)"
      try await EncryptedNode.with(isRSA: isRSA) { node in
        let client = try node.client {
          $0.versions.1 = TLS1_2_VERSION
          $0.ciphers = suite
        }
        try await client.handshake()
        try await client.get()
        #expect(client.cipher == suite)
      }
    }

    /// CBC, key exchange by RSA, finite fields, CCM, no encryption.
    @Test func `every other suite of TLS 1 2 is refused, by the node`() async throws {
      let suites = [
        "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA384", "AES128-GCM-SHA256", "AES256-GCM-SHA384",
        "AES128-SHA", "AES256-SHA256",
        "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-CHACHA20-POLY1305", "AES128-CCM", "AECDH-AES128-SHA", "ECDHE-RSA-NULL-SHA",
      ]
      try await EncryptedNode.with(isRSA: true) { node in
        for suite in suites {
          let client = try node.client {
            $0.versions.1 = TLS1_2_VERSION
            $0.ciphers = suite
          }
          #expect(try await client.refusal() == "sslv3 alert handshake failure", "\(suite)")
        }
        try await node.client { $0.versions.1 = TLS1_2_VERSION }.handshake()
      }
    }

    @Test(
      arguments: [
        (true, ["http/1.1"], "http/1.1"), (true, [], ""), (true, ["h2", "http/1.1"], "h2"), (true, ["http/1.1", "h2"], "h2"),
        (true, ["h2"], "h2"), (false, ["http/1.1"], "http/1.1"), (false, ["h2", "http/1.1"], "http/1.1"), (false, ["h2"], ""),
        (false, [], ""),
      ])
    func `the protocol behind is what the client offers and the node speaks, else HTTP 1 1`(
      http2: Bool, offered: [String], agreed: String
    ) async throws {
      try await EncryptedNode.with({ configuration, _, _ in configuration.proxy.http2 = http2 }) { node in
        let client = try node.client { $0.protocols = offered }
        try await client.handshake()
        #expect(client.negotiated == agreed)
        if agreed != "h2" { try await client.get() }
      }
    }

    @Test func `the name that is asked for decides which certificate is shown`() async throws {
      try await EncryptedNode.with({ configuration, authority, _ in
        let others = [try authority.issue("one", for: "DNS:one.test"), try authority.issue("wild", for: "DNS:*.wild.test")]
        configuration.proxy.tls.certificates = others.map { TLSFiles.Pair(certificate: $0.certificate, key: $0.key) }
      }) { node in
        for (name, subject) in [
          ("one.test", "/CN=one"), ("a.wild.test", "/CN=wild"), ("a.b.wild.test", "/CN=node"), ("unknown.test", "/CN=node"),
          (nil, "/CN=node"),
        ] as [(String?, String)] {
          for version in [TLS1_2_VERSION, TLS1_3_VERSION] {
            let client = try node.client {
              $0.versions.1 = version
              $0.name = name
            }
            try await client.handshake()
            #expect(client.subject == subject, "\(name ?? "no name")")
          }
        }
      }
    }

    /// What a client shows, and whether it is refused.
    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], ["good", "none", "stranger", "expired", "server-only"])
    func `only a good certificate of the clients' authority comes in`(version: Int32, kind: String) async throws {
      try await EncryptedNode.with({ configuration, _, clients in configuration.proxy.tls.clientCA = clients.file }) { node in
        let shown: TestAuthority.Credentials? =
          switch kind {
          case "none": nil
          case "stranger": try node.authority.issue("stranger")
          case "expired": try node.clients.issue("expired", days: -1)
          case "server-only": try node.clients.issue("server-only", purpose: "serverAuth")
          default: try node.clients.issue("good", purpose: "clientAuth")
          }
        let client = try node.client {
          $0.versions = (version, version)
          $0.shown = shown
        }
        let refusal = try await client.refusal()
        if kind == "good" {
          #expect(refusal == nil)
          #expect(client.text.hasPrefix("HTTP/1.1 200 "))
        } else {
          #expect(refusal?.contains("alert") == true, "\(refusal ?? "it came in")")
          #expect(client.text == "")
        }
      }
    }

    @Test func `a handshake that stops half way ends when the time for a head is over`() async throws {
      try await EncryptedNode.with({ configuration, _, _ in configuration.proxy.headTimeout = .milliseconds(400) }) { node in
        let began = ContinuousClock.now
        let client = try node.client()
        try client.startHandshake()
        try await eventually("the end") { client.isSocketEnded() }
        #expect(ContinuousClock.now - began >= .milliseconds(350))
      }
    }

    @Test func `open connections outlive a certificate, and old tickets are not taken for the new one`() async throws {
      try await EncryptedNode.with { node in
        let open = try node.client()
        try await open.handshake()
        try await open.get()
        let session = try #require(open.session)
        let next = try node.authority.issue("next")
        try node.directory.write(from: next, to: node.files)
        node.server.readCertificatesAgain()
        let fresh = try node.client { $0.resumes = session }
        try await fresh.handshake()
        #expect(!fresh.isResumed)
        #expect(fresh.subject == "/CN=next")
        try await fresh.get()
        try await open.get()
        #expect(open.subject == "/CN=node")
      }
    }
  }
}

extension TemporaryDirectory {
  fileprivate func write(from new: TestAuthority.Credentials, to old: TestAuthority.Credentials) throws {
    for (from, to) in [(new.certificate, old.certificate), (new.key, old.key)] {
      try write(String(to.split(separator: "/").last ?? ""), readFile(from))
    }
  }
}
