import NIOCore
import NIOPosix
import NIOWebSocket
import PicoCore
import PicoStatus
import Support
import Synchronization
import Testing

@Suite struct StatusConnectionTests {
  /// A connection to a server on that port, and a reader of its events.
  private final class Watcher {
    private let connection: StatusConnection
    private(set) var events: [StatusConnection.Event] = []

    init(port: Int, tokenFile: String? = nil) throws {
      var access = StatusAccess(server: try StatusAccess.server("127.0.0.1:\(port)"))
      access.tokenFile = tokenFile
      connection = try StatusConnection(access, on: MultiThreadedEventLoopGroup.singleton.next()) {}
    }

    func wait(for what: String, within seconds: Double = 30, _ condition: ([StatusConnection.Event]) -> Bool) async throws {
      try await eventually("\(what), after \(events.suffix(3))", within: seconds) {
        events += connection.take()
        return condition(events)
      }
    }

    var sequences: [UInt64] {
      events.compactMap { if case .message(.update(let update)) = $0 { update.sequence } else { nil } }
    }

    var failures: [StatusFailure] { events.compactMap { if case .lost(let failure, _) = $0 { failure } else { nil } } }

    deinit { connection.end() }
  }

  @Test func `messages come in their order behind the hello`() async throws {
    let server = try await WatchServer { channel, _ in
      channel.say(WatchServer.hello())
      for sequence in 1...100 { channel.say(WatchServer.update(UInt64(sequence))) }
    }
    defer { server.end() }
    let watcher = try Watcher(port: server.port)
    try await watcher.wait(for: "all") { $0.count >= 103 }
    #expect(Array(watcher.events.prefix(3)) == [.connecting, .connected, .message(WatchServer.hello())])
    #expect(watcher.sequences == Array(1...100))
  }

  @Test func `a connection that is lost comes back, and what came before is not lost`() async throws {
    let server = try await WatchServer { channel, number in
      channel.say(WatchServer.hello())
      channel.say(WatchServer.update(UInt64(number)))
      if number < 3 { channel.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) { channel.close(promise: nil) } }
    }
    defer { server.end() }
    let watcher = try Watcher(port: server.port)
    try await watcher.wait(for: "four connections") { events in events.count { $0 == .connected } == 4 }
    try await watcher.wait(for: "its message") { _ in watcher.sequences.count == 4 }
    #expect(watcher.sequences == [0, 1, 2, 3])
    #expect(watcher.failures.allSatisfy { $0.kind == .unreachable } && watcher.failures.count == 3)
  }

  @Test func `while nobody takes messages the socket is not read`() async throws {
    let sent = Mutex(0)
    let total = 300
    let server = try await WatchServer { channel, _ in
      channel.say(WatchServer.hello())
      @Sendable func next(_ sequence: Int) {
        guard sequence <= total else { return }
        let frame = WebSocketFrame(
          fin: true, opcode: .text,
          data: ByteBuffer(bytes: WatchServer.update(UInt64(sequence)).json + [UInt8](repeating: 0x20, count: 1 << 20)))
        channel.writeAndFlush(frame).whenSuccess {
          sent.withLock { $0 = sequence }
          next(sequence + 1)
        }
      }
      next(1)
    }
    defer { server.end() }
    let watcher = try Watcher(port: server.port)
    var before = -1
    try await eventually("the server is held up", within: 60, every: 500) {
      let now = sent.withLock { $0 }
      defer { before = now }
      return now > 0 && now == before
    }
    // A few messages wait; buffers of the kernel hold some more.
    #expect(before < 60, "\(before) of \(total) MiB")
    try await watcher.wait(for: "the rest", within: 60) { _ in watcher.sequences.count == total }
    #expect(watcher.sequences == (1...UInt64(total)).map { $0 })
  }

  @Test(
    arguments: [
      ([0x81, 3, 0x7B, 0x7D, 0x7D], StatusFailure.Kind.notPico), ([0x82, 1, 0], .notPico), ([0xF1, 0], .notPico), ([0x83, 0], .notPico),
      ([0x81, 0x7F, 0x7F, 0, 0, 0, 0, 0, 0, 0], .notPico), ([0x80, 1, 0x20], .notPico), ([0x88, 2, 0x03, 0xE8], .unreachable),
      ([0x88, 2, 0x03, 0xF0], .refused),
    ] as [([UInt8], StatusFailure.Kind)]) func `bytes that are no messages end the connection and nothing else`(
      _ bytes: [UInt8], _ kind: StatusFailure.Kind
    ) async throws
  {
    let server = try await WatchServer { channel, number in
      channel.say(WatchServer.hello())
      guard number == 0 else { return channel.say(WatchServer.update(7)) }
      // Past the encoder of frames.
      try? channel.pipeline.syncOperations.context(handlerType: WebSocketFrameEncoder.self)
        .writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)), promise: nil)
    }
    defer { server.end() }
    let watcher = try Watcher(port: server.port)
    try await watcher.wait(for: "the next connection") { _ in watcher.sequences == [7] }
    #expect(watcher.failures.map(\.kind) == [kind], "\(watcher.failures)")
  }

  @Test func `nobody there is tried again`() async throws {
    let watcher = try Watcher(port: freePort())
    try await watcher.wait(for: "three attempts") { events in events.count { $0 == .connecting } >= 3 }
    #expect(watcher.failures.allSatisfy { $0.kind == .unreachable && $0.description == "Connection refused" }, "\(watcher.failures)")
  }

  @Test func `a token file that is gone is told`() async throws {
    let watcher = try Watcher(port: freePort(), tokenFile: "/nonexistent/token")
    try await watcher.wait(for: "the failure") { _ in !watcher.failures.isEmpty }
    #expect(watcher.failures[0].kind == .configuration && watcher.failures[0].description.contains("/nonexistent/token"))
  }

  @Test(arguments: [
    ("localhost", "http://localhost:8081"), ("h:1", "http://h:1"), ("ws://h:1", "http://h:1"), ("http://h:1/", "http://h:1"),
    ("wss://h", "https://h"), ("https://h:8443", "https://h:8443"), ("[::1]:5", "http://[::1]:5"), ("10.0.0.1", "http://10.0.0.1:8081"),
  ]) func `a server is named in several ways`(_ text: String, _ url: String) throws {
    #expect(try StatusAccess.server(text).description == url)
  }

  @Test(arguments: ["", ":1", "h:0", "h:x", "ftp://h", "ws://", "ws://h/path", "ws://u@h", "a b", "-h", "h:1:2"])
  func `what names no server says so`(_ text: String) {
    #expect(throws: MalformedValue.self) { try StatusAccess.server(text) }
  }
}
