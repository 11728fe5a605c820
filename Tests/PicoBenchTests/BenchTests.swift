import Glibc
import NIOCore
import PicoCore
import Testing

@testable import PicoBench

@Suite(.serialized, .timeLimit(.minutes(2))) struct BenchTests {
  /// Runs a measurement against a script and stops the server.
  private func measure(
    _ change: (inout BenchConfiguration) -> Void, _ script: @escaping @Sendable (Int) -> ScriptedServer.Action
  ) async throws -> (report: BenchReport, server: ScriptedServer) {
    let server = try await ScriptedServer(script)
    var configuration = BenchConfiguration()
    configuration.host = "127.0.0.1"
    configuration.port = server.port
    change(&configuration)
    do {
      let report = try await Bench.run(configuration)
      try await server.close()
      return (report, server)
    } catch {
      try await server.close()
      throw error
    }
  }

  /// Everything that comes within a stall of half a second is answered at its end; the rest at once.
  private func stalling(start: ContinuousClock.Instant) -> @Sendable (Int) -> ScriptedServer.Action {
    { _ in
      let at = ContinuousClock.now - start
      guard at > .milliseconds(500), at < .milliseconds(1000) else { return .reply(ScriptedServer.ok) }
      return .replyAfter(.nanoseconds((Duration.milliseconds(1000) - at).nanoseconds), ScriptedServer.ok)
    }
  }

  @Test func `a stall is seen at a constant rate and hidden from a closed loop`() async throws {
    let paced = try await measure(
      {
        $0.connections = 2
        $0.rate = 200
        $0.duration = .seconds(2)
      }, stalling(start: .now))
    // A quarter of the requests was due within the stall and waited 250 ms in the mean.
    #expect(paced.report.counts.latency.percentile(90) > .milliseconds(150))
    #expect(paced.report.counts.latency.percentile(99) > .milliseconds(350))
    #expect(paced.report.counts.responses == 400)
    let closed = try await measure(
      {
        $0.connections = 2
        $0.duration = .seconds(2)
      }, stalling(start: .now))
    // Two requests of thousands.
    #expect(closed.report.counts.responses > 400)
    #expect(closed.report.counts.latency.percentile(99) < .milliseconds(150))
    #expect(closed.report.counts.latency.max > .milliseconds(350))
  }

  @Test func `a constant rate is kept and ends with the duration`() async throws {
    let (report, _) = try await measure(
      {
        $0.connections = 4
        $0.threads = 2
        $0.rate = 500
        $0.duration = .seconds(1)
      }, { _ in .reply(ScriptedServer.ok) })
    #expect(report.counts.requests == 500)
    #expect(report.counts.responses == 500)
    #expect(report.counts.errors.total == 0)
    #expect(report.requestsPerSecond > 400)
    #expect(report.requestsPerSecond <= 500)
  }

  @Test func `what was due and never went out counts with its wait`() async throws {
    let (report, _) = try await measure(
      {
        $0.connections = 1
        $0.rate = 100
        $0.duration = .milliseconds(500)
        $0.timeout = .milliseconds(300)
      }, { $0 == 0 ? .reply(ScriptedServer.ok) : .silence })
    #expect(report.counts.errors.timeout >= 1)
    #expect(report.counts.errors.unsent > 0)
    #expect(report.counts.requests + report.counts.errors.unsent == 50)
    #expect(report.counts.latency.count >= report.counts.errors.unsent)
    #expect(report.counts.latency.max >= .milliseconds(290))
  }

  @Test(arguments: [1, 3])
  func `a number of requests is sent, no more and no less`(threads: Int) async throws {
    let (report, server) = try await measure(
      {
        $0.connections = 7
        $0.threads = threads
        $0.requests = 100
        $0.endpoint = "a"
        $0.headers = [BenchConfiguration.Header(name: "X-Test", value: "1")].compactMap(\.self)
      }, { _ in .reply(ScriptedServer.ok) })
    #expect(report.counts.responses == 100)
    #expect(report.counts.statusClasses[2] == 100)
    // One more is the probe.
    #expect(server.heads.count == 101)
    #expect(server.heads.allSatisfy { $0 == "GET / HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nX-Test: 1\r\nx-pico-endpoint: a\r\n\r\n" })
    #expect(server.connections == 8)
    #expect(report.counts.bytesReceived == UInt64(100 * ScriptedServer.ok.utf8.count))
    #expect(report.counts.bytesSent == UInt64(100 * server.heads[0].utf8.count))
  }

  @Test(arguments: [1, 65_536, 65_537, 3_000_000])
  func `a body of any size is sent whole`(bytes: Int) async throws {
    let (report, server) = try await measure(
      {
        $0.connections = 2
        $0.method = "POST"
        $0.requests = 4
        $0.bodyBytes = bytes
      }, { _ in .reply(ScriptedServer.ok) })
    #expect(report.counts.responses == 4)
    #expect(server.heads.allSatisfy { $0.contains("Content-Length: \(bytes)\r\n") })
    #expect(report.counts.bytesSent == UInt64(4 * (server.heads[0].utf8.count + bytes)))
  }

  @Test(
    arguments: [
      (.reply("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), BenchCounts.Errors(closed: 0), 5),
      (.close, BenchCounts.Errors(closed: 10), 0),
      (.replyThenClose("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), BenchCounts.Errors(truncated: 10), 0),
      (.replyThenClose("HTTP/1.1 2"), BenchCounts.Errors(truncated: 10), 0),
      (.reply("garbage and more of it\r\n\r\n"), BenchCounts.Errors(malformed: 10), 0),
      (.reply(ScriptedServer.ok + "more"), BenchCounts.Errors(malformed: 10), 0),
      (.silence, BenchCounts.Errors(timeout: 10), 0),
      (.replyThenClose("HTTP/1.1 200 OK\r\n\r\nuntil the end"), BenchCounts.Errors(truncated: 0), 2),
      (.replyThenClose("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"), BenchCounts.Errors(closed: 0), 2),
    ] as [(ScriptedServer.Action, BenchCounts.Errors, Int)])
  func `each way to fail has its own count`(
    action: ScriptedServer.Action, errors: BenchCounts.Errors, statusClass: Int
  ) async throws {
    let (report, _) = try await measure(
      {
        $0.connections = 3
        $0.requests = 10
        $0.timeout = .milliseconds(300)
      }, { $0 == 0 ? .reply(ScriptedServer.ok) : action })
    #expect(report.counts.errors == errors)
    #expect(report.counts.requests == 10)
    #expect(report.counts.statusClasses.enumerated().allSatisfy { $0.element == ($0.offset == statusClass && $0.offset > 0 ? 10 : 0) })
    #expect(report.exit == (report.counts.responses == 0 ? .unavailable : .ok))
  }

  @Test(
    arguments: [
      (
        .reply("HTTP/1.1 502 Bad\r\nX-Pico-Error: no-available-upstreams\r\nContent-Length: 0\r\n\r\n"), .noAvailableUpstreams,
        "pico agent e "
      ),
      (.reply("HTTP/1.1 400 Bad\r\nx-pico-error: missing-endpoint-id\r\nContent-Length: 0\r\n\r\n"), .usage, "--endpoint"),
      (.close, .unreachable, "closed the connection"), (.silence, .unreachable, "did not answer in 200ms"),
      (.reply("SSH-2.0-OpenSSH\r\n"), .unreachable, "does not answer in HTTP/1.1"),
    ] as [(ScriptedServer.Action, PicoError.Code, String)])
  func `what would spoil every request is said before the first`(action: ScriptedServer.Action, code: PicoError.Code, words: String)
    async throws
  {
    let error = try await #require(throws: PicoError.self) {
      _ = try await measure(
        {
          $0.endpoint = "e"
          $0.requests = 1
          $0.timeout = .milliseconds(200)
        }, { _ in action })
    }
    #expect(error.code == code)
    #expect(error.description.contains(words), "\(error.description)")
    #expect(error.description.contains("127.0.0.1:"))
  }

  @Test func `a port where nothing listens is named`() async throws {
    let server = try await ScriptedServer { _ in .close }
    try await server.close()
    var configuration = BenchConfiguration()
    configuration.host = "127.0.0.1"
    configuration.port = server.port
    configuration.requests = 1
    let ready = configuration
    let error = try await #require(throws: PicoError.self) { try await Bench.run(ready) }
    #expect(error.description == "cannot connect to 127.0.0.1:\(server.port): connection refused")
    #expect(error.exit == .unavailable)
  }

  @Test func `a cancelled measurement reports what it has`() async throws {
    let server = try await ScriptedServer { _ in .reply(ScriptedServer.ok) }
    var configuration = BenchConfiguration()
    configuration.host = "127.0.0.1"
    configuration.port = server.port
    configuration.duration = .seconds(3600)
    configuration.connections = 2
    let ready = configuration
    let run = Task { try await Bench.run(ready) }
    while server.heads.count < 100 { await Task.yield() }
    run.cancel()
    let report = try await run.value
    #expect(report.counts.responses > 50)
    #expect(report.elapsed < .seconds(60))
    try await server.close()
  }

  @Test func `processes are measured and a missing one is an error`() async throws {
    let own = try #require(ProcessUsage.current())
    let (report, _) = try await measure(
      {
        $0.requests = 2000
        $0.connections = 2
        $0.processes = [1, getpid()]
      }, { _ in .reply(ScriptedServer.ok) })
    #expect(report.usage.processes.map(\.pid) == [1, getpid()])
    #expect(try #require(report.usage.processes[1].cpu) > .zero)
    #expect(try #require(report.usage.processes[1].residentBytes) >= own.residentBytes / 2)
    #expect(report.usage.own > .zero)
    let error = try await #require(throws: PicoError.self) {
      _ = try await measure({ $0.processes = [0x3fff_ffff] }, { _ in .close })
    }
    #expect(error.description == "--pid 1073741823: there is no such process")
  }
}
