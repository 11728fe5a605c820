import NIOCore
import NIOPosix
import PicoCore
import PicoStatus
import Synchronization
import Testing

@testable import PicoServer

/// What the admin port shows in these tests.
private final class ScriptedSource: AdminSource {
  private let current = Locked(Readiness.ready)

  var readiness: Readiness {
    get { current.withLock { $0 } }
    set { current.withLock { $0 = newValue } }
  }

  func statusSnapshot(_ scope: TenantScope, of extent: Subscription.Scope) async -> StatusSnapshot {
    StatusSnapshot(now: Timestamp(milliseconds: 0), node: "n-1", version: "0.1.0")
  }

  func metrics(_ scope: TenantScope) async -> MetricsReport {
    var report = MetricsReport()
    report.listeners = 3
    return report
  }

  func perform(_ action: OperatorAction, by: Operator) async -> ActionResult { ActionResult(id: "", ok: true) }

  func blocks(_ scope: TenantScope) async -> [BlockRow] { [] }

  func route(_ question: RouteQuestion, _ scope: TenantScope) async -> RouteAnswer? { nil }
}

@Suite(.timeLimit(.minutes(1))) struct AdminServerTests {
  /// Starts an admin port, hands it to the body and stops it.
  private func withServer(
    _ change: (inout AdminServer.Settings) -> Void = { _ in }, _ body: (AdminServer, ScriptedSource) async throws -> Void
  ) async throws {
    var settings = AdminServer.Settings(addresses: [try SocketAddress(ipAddress: "127.0.0.1", port: 0)])
    change(&settings)
    let source = ScriptedSource()
    let server = try await AdminServer.start(settings: settings, source: source, group: .singletonMultiThreadedEventLoopGroup)
    do { try await body(server, source) } catch {
      await server.shutdown()
      throw error
    }
    await server.shutdown()
  }

  /// Sends the bytes and gives everything that comes until the server closes.
  private func exchange(_ server: AdminServer, _ bytes: String) async throws -> String {
    let address = try #require(server.addresses.first)
    let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup).connect(to: address) { channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
      }
    }
    return try await channel.executeThenClose { inbound, outbound in
      var answer = ByteBuffer()
      do {
        try await outbound.write(ByteBuffer(string: bytes))
        for try await var part in inbound { answer.writeBuffer(&part) }
      } catch  where error is IOError || error is ChannelError {
        // The server closed while bytes of ours were unwritten or unread.
      }
      return String(buffer: answer)
    }
  }

  @Test(
    arguments: [
      ("GET /health", "", 200, #"{"status":"ok"}"#),
      ("GET /health?probe=1", "", 200, #"{"status":"ok"}"#),
      ("GET /ready", "", 200, #"{"status":"ready"}"#),
      ("GET /metrics", "", 200, "\npico_listeners 3\n"),
      ("GET /metrics", "", 200, "content-type: text/plain; version=0.0.4"),
      ("GET /status/v1", "", 200, #""node":"n-1""#),
      ("GET /", "", 404, #"{"error":"not found"}"#),
      ("GET /", "", 404, "x-pico-error: not-found"),
      ("POST /metrics", "content-length: 0\r\n", 405, "allow: GET, HEAD"),
      ("GET /metrics", "origin: https://evil.example\r\n", 403, #"{"error":"forbidden"}"#),
      ("GET /nowhere", "x-request-id: abc.1\r\n", 404, "x-request-id: abc.1\r\n"),
      ("GET /metrics", "content-length: 1, 2\r\n", 400, #"{"error":"malformed request"}"#),
      ("GET /metrics", "bad name: 1\r\n", 400, "x-pico-error: malformed-request"),
    ] as [(String, String, Int, String)])
  func `a request has its answer`(request: String, headers: String, status: Int, part: String) async throws {
    try await withServer { server, _ in
      let answer = try await exchange(server, "\(request) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(headers)\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
      #expect(answer.contains(part), "\(answer)")
      #expect(!answer.lowercased().contains("access-control"))
    }
  }

  @Test func `several requests on one connection are answered in order`() async throws {
    try await withServer { server, source in
      source.readiness = .notReady(reason: "shutting down")
      let answer = try await exchange(
        server,
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\nGET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
          + "HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.0\r\n\r\n")
      let metrics = try #require(answer.firstRange(of: "pico_listeners 3"))
      let ready = try #require(answer.firstRange(of: #"{"error":"shutting down"}"#))
      let health = try #require(answer.firstRange(of: #"{"status":"ok"}"#))
      #expect(metrics.upperBound < ready.lowerBound && ready.upperBound < health.lowerBound)
      #expect(answer.contains("HTTP/1.1 503 "))
      #expect(answer.ranges(of: "content-length: 16").count == 2, "HEAD has the length and not the body: \(answer)")
      #expect(answer.ranges(of: #"{"status":"ok"}"#).count == 1)
    }
  }

  @Test func `a head past the limit is refused`() async throws {
    try await withServer { server, _ in
      let answer = try await exchange(server, "GET /health HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "x", count: 70_000))")
      #expect(answer.hasPrefix("HTTP/1.1 431 "), "\(answer.prefix(200))")
    }
  }

  @Test func `a body past the limit is refused`() async throws {
    try await withServer { server, _ in
      let body = String(repeating: "x", count: 100_000)
      let answer = try await exchange(server, "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n\(body)")
      #expect(answer.hasPrefix("HTTP/1.1 413 "), "\(answer)")
    }
  }

  @Test func `a request that does not come whole in time is refused`() async throws {
    // Long enough for the first bytes of a busy machine: a connection that says nothing at all is closed without a word.
    try await withServer({ $0.requestTimeout = .seconds(1) }) { server, _ in
      let answer = try await exchange(server, "GET /health HTTP/1.1\r\nHost:")
      #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(answer)")
      #expect(answer.contains(#"{"error":"request timeout"}"#))
    }
  }

  @Test(arguments: ["", "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"])
  func `an idle connection is closed`(bytes: String) async throws {
    // One that never said anything has no more time than a request.
    try await withServer({ if bytes.isEmpty { $0.requestTimeout = .seconds(1) } else { $0.idleTimeout = .seconds(1) } }) { server, _ in
      let answer = try await exchange(server, bytes)
      #expect(answer.isEmpty == bytes.isEmpty)
    }
  }

  @Test func `a connection past the limit is closed at once`() async throws {
    try await withServer({ $0.maximumConnections = 0 }) { server, _ in
      // The client may learn of it while it writes.
      let answer = try? await exchange(server, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(answer?.isEmpty != false)
    }
  }

  @Test func `both families share a port that the system chose`() async throws {
    let addresses = [try SocketAddress(ipAddress: "127.0.0.1", port: 0), try SocketAddress(ipAddress: "::1", port: 0)]
    try await withServer({ $0.addresses = addresses }) { server, _ in
      #expect(Set(server.addresses.map(\.port)).count == 1)
      #expect(server.addresses.first?.port != 0)
    }
  }

  @Test func `one socket of all IPv6 addresses takes IPv4 too`() async throws {
    let addresses = [try SocketAddress(ipAddress: "::", port: 0), try SocketAddress(ipAddress: "0.0.0.0", port: 0)]
    try await withServer({ $0.addresses = addresses }) { server, _ in
      #expect(server.addresses.map(\.ipAddress) == ["::"])
    }
  }

  @Test func `a port in use is named with its key`() async throws {
    try await withServer { server, source in
      let port = try #require(server.addresses.first?.port)
      let error = try await #require(throws: PicoError.self) {
        try await AdminServer.start(
          settings: AdminServer.Settings(addresses: server.addresses), source: source, group: .singletonMultiThreadedEventLoopGroup)
      }
      #expect(error.code == .addressInUse)
      #expect(error.description == "admin.listen: 127.0.0.1:\(port) is in use")
    }
  }
}
