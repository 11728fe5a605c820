import NIOSSL
import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// TLS in front of requests and listeners.
  @Suite(.timeLimit(.minutes(2))) struct TLSPortTests {
    private let directory: TemporaryDirectory
    private let authority: TestAuthority
    private let credentials: TestAuthority.Credentials

    init() throws {
      directory = try TemporaryDirectory()
      authority = try TestAuthority(in: directory)
      credentials = try authority.issue("node")
    }

    /// A node that takes requests over TLS, and listeners in the clear.
    private func node(
      threads: Int = 1, _ change: (inout ServerConfiguration) -> Void = { _ in }, _ body: (RunningNode) async throws -> Void
    ) async throws {
      try await RunningNode.with(
        threads: threads,
        {
          $0.proxy.tls.certificate = credentials.certificate
          $0.proxy.tls.key = credentials.key
          $0.upstream.listen = HostPort(host: "127.0.0.1", port: 0)
          change(&$0)
        }, body)
    }

    private func client(_ node: RunningNode, _ change: (inout TLSConfiguration) -> Void = { _ in }) async throws -> TLSClient {
      try await TLSClient(port: node.port, authority: authority, change)
    }

    @Test(arguments: [TLSVersion.tlsv12, .tlsv13])
    func `requests come over TLS, and the service hears of it`(version: TLSVersion) async throws {
      try await node { node in
        let agent = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try await client(node) { $0.maximumTLSVersion = version }
        for _ in 0..<3 { #expect(try await client.get("X-Forwarded-Proto: gopher\r\n").hasSuffix("\r\n\r\nok")) }
        #expect(client.seen.version == version)
        #expect(client.seen.negotiated == "http/1.1")
        let seen = try await agent.streams(3)
        #expect(seen.text.contains("X-Forwarded-Proto: https\r\n"))
        #expect(!seen.text.contains("gopher"))
        try await client.finish()
        try await client.wait("the end") { $0.isClosed && $0.fault == nil }
      }
    }

    @Test func `TLS before 1 2 is refused`() async throws {
      try await node { node in
        let client = try await client(node) {
          $0.minimumTLSVersion = .tlsv1
          $0.maximumTLSVersion = .tlsv11
        }
        try await client.wait("a refusal") { $0.isClosed && !$0.isEstablished && $0.fault != nil }
      }
    }

    @Test func `a client that knows only other protocols is served all the same`() async throws {
      try await node { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try await client(node) { $0.applicationProtocols = ["spdy/3.1"] }
        _ = try await client.get()
        #expect(client.seen.negotiated == nil)
      }
    }

    @Test(arguments: [
      "GET / HTTP/1.1\r\nHost: e.example\r\n\r\n", "\u{16}\u{3}\u{1}\u{ff}\u{ff}garbage", String(repeating: "x", count: 70_000),
    ])
    func `what is no TLS ends its own connection alone`(bytes: String) async throws {
      try await node { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let other = try await client(node)
        _ = try await other.get()
        let plain = try node.client()
        try await plain.send(bytes)
        #expect(!(try await plain.rest(within: 5)).contains("HTTP/1"))
        _ = try await other.get()
        try await eventually("one connection besides the listener's") { node.openConnections == 2 }
      }
    }

    @Test(arguments: ["", "\u{16}\u{3}\u{1}"])
    func `a handshake that stalls ends after the time for a head`(bytes: String) async throws {
      try await node({ $0.proxy.headTimeout = .milliseconds(300) }) { node in
        let plain = try node.client()
        try await plain.send(bytes)
        #expect(try await plain.rest(within: 5) == "")
        try await eventually("no connection") { node.openConnections == 0 }
      }
    }

    @Test(arguments: [1, 2])
    func `an encrypted connection stays on its loop, and its requests reach listeners of others`(threads: Int) async throws {
      try await node(threads: threads) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        for _ in 0..<3 {
          let client = try await client(node)
          for _ in 0..<20 { _ = try await client.get() }
          #expect(client.seen.text.components(of: "HTTP/1.1 200") == 20)
        }
      }
    }

    // MARK: Ends

    private static let upgrade = "GET / HTTP/1.1\r\nHost: e.example\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    private static let switching: ScriptedAgent.Script = { stream, event in
      if event == .head { stream.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello") }
    }

    @Test(arguments: [TLSVersion.tlsv12, .tlsv13], [true, false])
    func `an upgraded connection ends on each side alone`(version: TLSVersion, upstreamEndsFirst: Bool) async throws {
      try await node { node in
        let agent = try await ScriptedAgent.connect(to: node, Self.switching)
        let client = try await client(node) { $0.maximumTLSVersion = version }
        try await client.send(Self.upgrade)
        try await client.wait("the switch") { $0.text.hasSuffix("hello") }
        if upstreamEndsFirst {
          try await agent.act(0) { $0.send("bye", end: true) }
          try await client.wait("the node's end") { $0.text.hasSuffix("bye") && $0.isEnded && $0.fault == nil }
          try await client.send(" last")
          try await client.finish()
          try await agent.streams(1) { $0.text.hasSuffix("last") && $0.isEnded && $0.reset == nil }
        } else {
          try await client.send(" last")
          try await client.finish()
          try await agent.streams(1) { $0.text.hasSuffix(" last") && $0.isEnded }
          try await agent.act(0) { $0.send("bye", end: true) }
          try await client.wait("the answer") { $0.text.hasSuffix("bye") && $0.fault == nil }
        }
        try await eventually("the end") { node.openConnections == 1 }
      }
    }

    @Test func `a client whose connection is cut did not end its stream`() async throws {
      try await node { node in
        let agent = try await ScriptedAgent.connect(to: node, Self.switching)
        let client = try await client(node)
        try await client.send(Self.upgrade)
        try await client.wait("the switch") { $0.text.hasSuffix("hello") }
        client.cut()
        try await agent.streams(1) { $0.reset != nil && !$0.isEnded }
        try await eventually("the end") { node.openConnections == 1 }
      }
    }

    /// What a client asks for, and what the agent sends before it breaks off.
    private static let cuts = [
      (upgrade, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello"),
      ("GET / HTTP/1.0\r\nHost: e.example\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"),
    ]

    @Test(arguments: cuts)
    func `a stream that only its end closes is cut without the last word of TLS`(request: String, response: String) async throws {
      try await node { node in
        let agent = try await ScriptedAgent.connect(to: node) { stream, event in if event == .head { stream.send(response) } }
        let client = try await client(node)
        try await client.send(request)
        try await client.wait("the beginning") { $0.text.hasSuffix("hello") }
        try await agent.act(0) { $0.reset(.resetAfterSend) }
        try await client.wait("the cut") { $0.isClosed && $0.fault != nil && !$0.isEnded }
      }
    }

    @Test func `a close-delimited response that is whole ends with the last word of TLS`() async throws {
      try await node { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.answering("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"))
        let client = try await client(node)
        try await client.send("GET / HTTP/1.0\r\nHost: e.example\r\n\r\n")
        try await client.wait("the end") { $0.text.hasSuffix("hello") && $0.isEnded && $0.fault == nil }
      }
    }

    @Test func `a client that reads nothing for the time of an idle body is cut`() async throws {
      try await node({ $0.proxy.bodyIdleTimeout = .milliseconds(800) }) { node in
        let chunk = [UInt8](repeating: 0x61, count: 64 << 10)
        let agent = try await ScriptedAgent.connect(to: node) { stream, event in
          guard event == .head else { return }
          stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(64 << 20)\r\n\r\n")
          stream.send(chunk, times: 1024)
        }
        let client = try await client(node)
        try await client.wait("the handshake") { $0.isEstablished }
        try await client.stopReading()
        try await client.send("GET / HTTP/1.1\r\nHost: e.example\r\n\r\n")
        try await agent.streams(1) { $0.reset != nil }
        try await eventually("the end") { node.openConnections == 1 }
      }
    }

    @Test func `a node that ends closes encrypted connections too`() async throws {
      var left: TLSClient?
      try await node { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let client = try await client(node)
        _ = try await client.get()
        left = client
      }
      try await left?.wait("the end") { $0.isEnded && $0.fault == nil }
    }

    // MARK: Files

    @Test(arguments: ["cert-missing", "cert-wrong", "key-missing", "key-wrong", "key-other"])
    func `files that cannot be used end the start with the key and the file`(fault: String) async throws {
      var files = (credentials.certificate, credentials.key)
      let missing = directory.path("none.pem")
      let wrong = try directory.write("wrong.pem", "no PEM\n")
      let other = try authority.issue("other").key
      let message: String
      switch fault {
      case "cert-missing":
        files.0 = missing
        message = "proxy.tls.cert: \(missing) cannot be read: No such file or directory"
      case "cert-wrong":
        files.0 = wrong
        message = "proxy.tls.cert: \(wrong) holds no certificate that can be read"
      case "key-missing":
        files.1 = missing
        message = "proxy.tls.key: \(missing) cannot be read: No such file or directory"
      case "key-wrong":
        files.1 = wrong
        message = "proxy.tls.key: \(wrong) holds no key that can be read (one with a passphrase cannot)"
      default:
        files.1 = other
        message = "proxy.tls.key: \(other) is not the key of the certificate in \(files.0)"
      }
      let error = await #expect(throws: PicoError.self) {
        try await node({
          $0.proxy.tls.certificate = files.0
          $0.proxy.tls.key = files.1
        }) { _ in }
      }
      #expect(error?.description == message)
      #expect(error?.exit == .configuration)
    }
  }
}
