import PicoCore
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// The admin port, held up.
  @Suite(.timeLimit(.minutes(2))) struct CrowdedAdminTests {
    /// What each of the connections sends: nothing, a part of a head, a part of a body, a request.
    @Test(arguments: [
      "", "GET /health HT", "POST /status/v1/listeners/l-1/disconnect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
      "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ])
    func `more connections than the admin port takes do not hold up its probes`(bytes: String) async throws {
      try await RunningNode.with { node in
        var crowd: [LoopbackSocket] = []
        for _ in 0..<700 {
          let socket = try LoopbackSocket(port: node.adminPort)
          if !bytes.isEmpty { try await socket.send(bytes) }
          crowd.append(socket)
        }
        let began = ContinuousClock.now
        #expect(try await node.admin("/health").hasPrefix("HTTP/1.1 200 "))
        // A second where nothing else runs; what holds it up would take ten.
        #expect(ContinuousClock.now - began < .seconds(5))
        // What stayed is as good as before.
        let last = try #require(crowd.last)
        if bytes.hasSuffix("\r\n\r\n") {
          try await last.send(bytes)
          _ = try await last.receive { String(decoding: $0, as: UTF8.self).components(of: "HTTP/1.1 200") == 2 }
        }
        #expect(try await crowd[0].receive { _ in false }.closed)
      }
    }
  }
}
