import COpenSSL
import PicoServer
import Support
import Testing

extension OpenSSLTests {
  /// How connections end, and what each side makes of it.
  @Suite struct EndTests {
    private static let versions = [TLS1_2_VERSION, TLS1_3_VERSION]
    private static let upgrade = "GET / HTTP/1.1\r\nHost: e.example\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    private static let chunked = "POST / HTTP/1.1\r\nHost: e.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"

    @Test(arguments: versions) func `a client that ends its side of an upgraded connection hears the rest`(version: Int32) async throws {
      try await EncryptedNode.with { node in
        let client = try node.client { $0.versions = (version, version) }
        try await client.handshake()
        try await client.send(Self.upgrade)
        try await client.receive("the switch") { $0.hasSuffix("hello") }
        try await client.send("last")
        client.finish()
        #expect(try await client.receiveEnd() == .whole)
        #expect(client.text.hasSuffix("hellobye"))
        #expect(node.service.seen.first.map { $0.text.hasSuffix("last") && $0.isEnded } == true)
      }
    }

    @Test(arguments: versions) func `a client that is cut off an upgraded connection did not end it`(version: Int32) async throws {
      try await EncryptedNode.with { node in
        let client = try node.client { $0.versions = (version, version) }
        try await client.handshake()
        try await client.send(Self.upgrade)
        try await client.receive("the switch") { $0.hasSuffix("hello") }
        client.cut()
        try await eventually("the service's end") { node.service.seen.first?.isClosed == true }
        #expect(node.service.seen.first?.isEnded == false)
      }
    }

    /// The end of the socket alone may be anybody's doing: what came so far is no whole request.
    @Test(arguments: versions, [true, false])
    func `a request body whose connection ends is never taken as complete`(version: Int32, isCut: Bool) async throws {
      try await EncryptedNode.with { node in
        let client = try node.client { $0.versions = (version, version) }
        try await client.handshake()
        try await client.send(Self.chunked)
        try await eventually("the beginning") { node.service.seen.first?.text.hasSuffix("5\r\nhello\r\n") == true }
        if isCut { client.cut() } else { client.finish() }
        _ = try await client.receiveEnd()
        #expect(client.text == "")
        try await eventually("the service's end") { node.service.seen.first?.isClosed == true }
        #expect(node.service.seen.first?.text.hasSuffix("hello\r\n") == true)
        #expect(node.service.seen.count == 1)
      }
    }

    @Test(arguments: versions) func `a response whose client asked for the end is whole`(version: Int32) async throws {
      try await EncryptedNode.with { node in
        let client = try node.client { $0.versions = (version, version) }
        try await client.handshake()
        try await client.send("GET / HTTP/1.1\r\nHost: e.example\r\nConnection: close\r\n\r\n")
        #expect(try await client.receiveEnd() == .whole)
        #expect(client.text.hasSuffix("\r\n\r\nok"))
      }
    }
  }
}
