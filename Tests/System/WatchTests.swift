import Glibc
import Support
import Testing

extension SystemTests {
  /// The status WebSocket of the real server.
  @Suite struct Watch {
    @Test func `a watcher on another library sees and does what the protocol says`() async throws {
      let deployment = try await Deployment()
      try await deployment.agent("seen", "127.0.0.1:\(deployment.upstream())")
      let result = try await deployment.stage.run(
        "watch", [Stage.python, client("watch.py"), "\(deployment.admin)", "\(deployment.port)", "seen"], within: 90)
      #expect(result.code == 0, "\(result.error.suffix(1500))")
    }

    @Test func `a watcher is told that the node ends`() async throws {
      let deployment = try await Deployment()
      let socket = try LoopbackSocket(port: deployment.admin)
      try await socket.send(
        "GET /status/v1/watch HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
          + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
      _ = try await socket.receive { String(decoding: $0, as: UTF8.self).contains("\"hello\"") }
      deployment.server.send(SIGTERM)
      // A Close frame with 1001.
      let (bytes, isClosed) = try await socket.receive(within: 20) { _ in false }
      #expect(isClosed)
      #expect(bytes.suffix(4) == [0x88, 0x02, 0x03, 0xE9])
    }
  }
}
