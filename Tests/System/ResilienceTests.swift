import Glibc
import Support
import Testing

extension SystemTests {
  @Suite struct Resilience {
    @Test func `an agent killed in mid-response truncates visibly, and others do not notice`() async throws {
      let deployment = try await Deployment()
      let upstream = try await deployment.upstream()
      let agent = try await deployment.agent("killed", "\(upstream)")
      try await deployment.agent("test", "\(upstream)")
      let link = try LoopbackSocket(port: deployment.port)
      try await link.send("GET /half/1 HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: killed\r\n\r\n")
      let half = try await link.receive { String(decoding: $0, as: UTF8.self).hasSuffix("half") }
      #expect(!half.closed)
      agent.send(SIGKILL)
      let rest = try await link.receive { _ in false }
      #expect(rest.closed && rest.bytes.isEmpty)
      #expect(try await deployment.get("/name").hasSuffix("upstream"))
      try await eventually("the listener's end") { try await deployment.listeners() == 1 }
      expectError(try await deployment.get("/", endpoint: "killed"), 502, "no available upstreams", "no-available-upstreams")
    }

    @Test func `a stalled reader of a large download costs little memory`() async throws {
      let deployment = try await Deployment()
      let agent = try await deployment.agent("test", "\(deployment.upstream())")
      try await deployment.check("large response")
      let before = (residentBytes(deployment.server), residentBytes(agent))
      let link = try LoopbackSocket(port: deployment.port)
      try await link.send("GET /large/2000000000 HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\n\r\n")
      _ = try await link.receive { $0.count > 1000 }
      // Until nothing moves any more: the same figures ten times over.
      var (last, same) = ((0, 0), 0)
      try await eventually("a standstill", within: 20, every: 50) {
        let now = (residentBytes(deployment.server), residentBytes(agent))
        same = now == last ? same + 1 : 0
        last = now
        return same >= 10
      }
      #expect(last.0 - before.0 < 40_000_000 && last.1 - before.1 < 40_000_000, "server +\(last.0 - before.0), agent +\(last.1 - before.1)")
      link.reset()
      #expect(try await deployment.get("/name").hasSuffix("upstream"))
    }

    @Test func `SIGTERM finishes what is in flight, and then the server ends with 0`() async throws {
      let deployment = try await Deployment()
      let agent = try await deployment.agent("test", "\(deployment.upstream())")
      let waiting = try LoopbackSocket(port: deployment.port)
      try await waiting.send("GET /half/1 HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\n\r\n")
      _ = try await waiting.receive { String(decoding: $0, as: UTF8.self).hasSuffix("half") }
      deployment.server.send(SIGTERM)
      // While it drains it still accepts, and answers.
      let release = try await deployment.get("/release/1")
      #expect(release.hasSuffix("released"), "\(release)")
      let rest = try await waiting.receive { $0.count >= 4 }
      #expect(String(decoding: rest.bytes, as: UTF8.self) == "rest")
      #expect(try await deployment.server.wait(within: 30) == 0)
      #expect(agent.isRunning)
    }

    @Test func `a second SIGTERM ends at once`() async throws {
      let deployment = try await Deployment()
      try await deployment.agent("test", "\(deployment.upstream())")
      let waiting = try LoopbackSocket(port: deployment.port)
      try await waiting.send("GET /half/1 HTTP/1.1\r\nHost: h\r\nx-pico-endpoint: test\r\n\r\n")
      _ = try await waiting.receive { String(decoding: $0, as: UTF8.self).hasSuffix("half") }
      deployment.server.send(SIGTERM)
      try await eventually("not ready") {
        guard let link = try? LoopbackSocket(port: deployment.admin) else { return true }
        try await link.send("GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return try await link.receiveAll().hasPrefix("HTTP/1.1 503")
      }
      #expect(deployment.server.isRunning)
      deployment.server.send(SIGTERM)
      _ = try await deployment.server.wait(within: 3)
    }

    @Test(arguments: ["agent", "upstream"]) func `one of two that restarts under load costs no error`(_ what: String) async throws {
      let deployment = try await Deployment()
      let (first, second) = (freePort(), freePort())
      try await deployment.startUpstream("first", port: first)
      var restarted = try await deployment.startUpstream("second", port: second)
      try await deployment.agent("test", "\(first)")
      let agent = try await deployment.agent("test", "\(second)")
      let load = try deployment.stage.start("load", [Stage.python, client("load.py"), "\(deployment.port)", "test", "4"])
      if what == "agent" {
        try await eventually("some load") { load.output.contains("started") }
        agent.send(SIGTERM)
        #expect(try await agent.wait() == 0)
        try await deployment.agent("test", "\(second)")
      } else {
        for _ in 0..<3 {
          try await eventually("some load") { load.output.contains("started") }
          restarted.send(SIGKILL)
          _ = try await restarted.wait()
          restarted = try await deployment.startUpstream("second", port: second)
        }
      }
      #expect(try await load.wait(within: 30) == 0, "\(load.output) \(load.errorOutput)")
    }

    @Test(arguments: [SIGKILL, SIGTERM]) func `an agent comes back after its server was restarted`(_ signal: Int32) async throws {
      let deployment = try await Deployment()
      try await deployment.agent("test", "\(deployment.upstream())")
      deployment.server.send(signal)
      _ = try await deployment.server.wait(within: 30)
      let again = try await Deployment(stage: deployment.stage, port: deployment.port)
      try await eventually("the listener", within: 20) { try await again.listeners() == 1 }
      #expect(try await again.get("/name").hasSuffix("upstream"))
    }
  }
}

/// The resident set of a process in bytes.
private func residentBytes(_ process: ChildProcess) -> Int {
  let pages = readFile("/proc/\(process.pid)/statm").split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
  return pages * sysconf(Int32(_SC_PAGESIZE))
}
