import PicoClient
import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

/// The SDK's connection to a TCP endpoint, against a node.
@Suite(.timeLimit(.minutes(2))) struct DialTests {
  private static func dial(_ node: RunningNode) async throws -> DialedConnection {
    try await DialedConnection.dial(DialSettings(server: "http://127.0.0.1:\(node.port)", endpoint: "E"))
  }

  private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// Reads until that many bytes came.
  private static func read(_ connection: DialedConnection, _ count: Int) async throws -> [UInt8] {
    var got: [UInt8] = []
    while got.count < count, let more = try await connection.read() { got += more }
    return got
  }

  @Test func `bytes go both ways, and each side ends by itself`() async throws {
    try await RunningNode.with { node in
      let agent = try await ScriptedAgent.connect(to: node) { stream, event in
        switch event {
        case .head: stream.send("hello")
        case .bytes: break
        case .end: stream.send([UInt8](repeating: 7, count: 3 << 20), end: true)
        case .reset: break
        }
      }
      let connection = try await Self.dial(node)
      try await connection.write(Self.bytes("hi\r\n\r\n"))
      #expect(try await Self.read(connection, 5) == Self.bytes("hello"))
      for _ in 0..<64 { try await connection.write([UInt8](repeating: 120, count: 100_000)) }
      connection.finish()
      let error = await #expect(throws: DialError.self) { try await connection.write([1]) }
      #expect(error?.code == .closed)
      // Unread bytes are held up on the way, not lost.
      try await agent.streams(1) { $0.isEnded }
      #expect(try await Self.read(connection, .max) == [UInt8](repeating: 7, count: 3 << 20))
      #expect(try await connection.read() == nil)
      #expect(agent.seen.all[0].count == 6_400_006)
      #expect(agent.seen.all[0].text.hasPrefix("hi\r\n\r\nxxx"))
    }
  }

  @Test func `a stream that is reset is lost, not ended`() async throws {
    try await RunningNode.with { node in
      _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.refusing(.resetAfterSend))
      let connection = try await Self.dial(node)
      try await connection.write(Self.bytes("hi\r\n\r\n"))
      let error = await #expect(throws: DialError.self) { try await connection.read() }
      #expect(error?.code == .lost)
    }
  }

  @Test(arguments: ["cancelled", "closed", "let go"]) func `what is given up resets the stream`(_ how: String) async throws {
    try await RunningNode.with { node in
      let agent = try await ScriptedAgent.connect(to: node) { _, _ in }
      var connection: DialedConnection? = try await Self.dial(node)
      try await connection?.write(Self.bytes("hi\r\n\r\n"))
      try await agent.streams(1) { $0.count > 0 }
      switch how {
      case "cancelled":
        let reader = Task { [connection] in try await connection?.read() }
        reader.cancel()
        let error = await #expect(throws: DialError.self) { try await reader.value }
        #expect(error?.code == .closed)
      case "closed": connection?.close()
      default: connection = nil
      }
      try await agent.streams(1) { $0.reset == .cancelled }
    }
  }

  @Test func `no listener, no server and wrong settings are told apart`() async throws {
    var port = 0
    try await RunningNode.with { node in
      port = node.port
      let error = await #expect(throws: DialError.self) { try await Self.dial(node) }
      #expect(error?.code == .refused(status: 502))
      #expect(error?.description == "the server answered 502: no available upstreams")
    }
    let settings = try DialSettings(server: "http://127.0.0.1:\(port)", endpoint: "e")
    #expect(await #expect(throws: DialError.self) { try await DialedConnection.dial(settings) }?.code == .unreachable)
    var token = settings
    token.tokenFile = "/nonexistent/token"
    let wrong = token
    #expect(await #expect(throws: DialError.self) { try await DialedConnection.dial(wrong) }?.code == .invalidSettings)
    for (server, endpoint) in [("nonsense", "e"), ("http://h", "a/b")] {
      #expect(#expect(throws: DialError.self) { try DialSettings(server: server, endpoint: endpoint) }?.code == .invalidSettings)
    }
  }
}
