import Glibc
import Support
import Testing

extension SystemTests {
  /// TCP through an endpoint: tcp.py as client, `pico forward`, the node, an agent, tcp.py as service.
  @Suite struct Forward {
    /// A deployment with a service behind the endpoint `db`, and a forward to it.
    private struct Path {
      let deployment: Deployment
      let service: ChildProcess
      let forward: ChildProcess
      let port: Int

      init(_ flags: [String] = []) async throws {
        deployment = try await Deployment()
        let servicePort = freePort()
        service = try await deployment.stage.serve(
          "service", [Stage.python, client("tcp.py"), "serve", "\(servicePort)"], port: servicePort)
        try await deployment.agent("db", "tcp://127.0.0.1:\(servicePort)")
        (forward, port) = try await Forward.forward(deployment, flags)
      }

      func check(_ name: String, location: SourceLocation = #_sourceLocation) async throws -> String {
        let result = try await deployment.stage.run("check", [Stage.python, client("tcp.py"), name, "\(port)"])
        #expect(result.code == 0, "\(name): \(result.error.suffix(1500)) \(forward.errorOutput)", sourceLocation: location)
        return result.output
      }
    }

    private static func forward(_ deployment: Deployment, _ flags: [String] = []) async throws -> (ChildProcess, Int) {
      let port = freePort()
      let forward = try await deployment.stage.serve(
        "forward", [Stage.pico, "forward", "127.0.0.1:\(port)", "db", "--server", "http://127.0.0.1:\(deployment.port)"] + flags, port: port
      )
      return (forward, port)
    }

    /// The lines of failed connections.
    private static func failures(_ forward: ChildProcess) -> [Substring] {
      forward.errorOutput.split(separator: "\n").filter { $0.contains("connection failed") }
    }

    @Test func `ten megabytes go both ways at once unchanged, and each side ends by itself`() async throws {
      let path = try await Path()
      _ = try await path.check("echo")
      let sent = try await path.check("upstream_ends")
      let digest = try #require(sent.split(separator: " ").last?.split(separator: "\n").first)
      try await eventually("what was sent last: \(path.service.output)") { path.service.output.contains("received \(digest)") }
      #expect(Self.failures(path.forward).isEmpty, "\(path.forward.errorOutput)")
    }

    @Test func `many connections at a time are kept apart`() async throws {
      _ = try await Path().check("many")
    }

    @Test func `a reader that waits holds the service up, and loses nothing`() async throws {
      let path = try await Path()
      let gate = path.deployment.stage.directory.path("go")
      let reader = try path.deployment.stage.start("reader", [Stage.python, client("tcp.py"), "flood", "\(path.port)", gate])
      try await eventually("the reader's connection") { reader.output.contains("connected") }
      var blocks = 0
      try await eventually("the service is held up", within: 60, every: 700) {
        let now = path.service.output.split(separator: "\n").count
        defer { blocks = now }
        return now > 0 && now == blocks
      }
      // Windows, sockets and buffers on the way hold a part of it only.
      #expect(blocks < 96 << 4, "\(blocks) of 3072 blocks")
      _ = try path.deployment.stage.directory.write("go", "")
      #expect(try await reader.wait(within: 60) == 0, "\(reader.errorOutput) \(path.forward.errorOutput)")
    }

    @Test func `a service that breaks off resets the connection, with a line that says so`() async throws {
      let path = try await Path()
      _ = try await path.check("reset")
      try await eventually("one line") { Self.failures(path.forward).count == 1 }
      _ = try await path.check("echo")
    }

    @Test func `a service that is down, then no listener, then no server: a reset and a line each`() async throws {
      let path = try await Path()
      path.service.end()
      _ = try await path.check("refused")
      try await eventually("the line: \(path.forward.errorOutput)") {
        Self.failures(path.forward).last?.contains("upstream cannot be reached") == true
      }
      let deployment = try await Deployment()
      let (forward, port) = try await Self.forward(deployment)
      // The first line is for the look whether it listens.
      try await eventually("a line") { Self.failures(forward).count == 1 }
      for (reason, count) in [("no available upstreams", 2), ("Connection refused", 3)] {
        let result = try await deployment.stage.run("check", [Stage.python, client("tcp.py"), "refused", "\(port)"])
        #expect(result.code == 0, "\(result.error)")
        try await eventually("the line: \(forward.errorOutput)") {
          Self.failures(forward).count == count && Self.failures(forward).last?.contains(reason) == true
        }
        deployment.server.end()
      }
      #expect(forward.isRunning)
    }

    @Test func `a server that speaks Piko's protocol is dialled at its path`() async throws {
      let path = try await Path(["--server-protocol", "piko"])
      _ = try await path.check("piko")
      #expect(Self.failures(path.forward).isEmpty, "\(path.forward.errorOutput)")
    }

    @Test func `it says once where it goes, and SIGTERM ends it with what is open`() async throws {
      let path = try await Path()
      // It says so once the port is open.
      let line = "pico forward: 127.0.0.1:\(path.port) goes to db on http://127.0.0.1:\(path.deployment.port)\n"
      try await eventually("its line") { !path.forward.output.isEmpty }
      #expect(path.forward.output == line)
      let link = try LoopbackSocket(port: path.port)
      _ = try await link.receive { String(decoding: $0, as: UTF8.self) == "220 ready\n" }
      path.forward.send(SIGTERM)
      #expect(try await path.forward.wait(within: 5) == 0)
      #expect(try await link.receiveAll().isEmpty)
      #expect(link.wasReset)
    }

    @Test func `both addresses of localhost are listened on, and a port in use is named`() async throws {
      let deployment = try await Deployment.shared.value
      let port = freePort()
      let forward = try await deployment.stage.serve(
        "forward", [Stage.pico, "forward", "\(port)", "db", "--server", "http://127.0.0.1:\(deployment.port)"], port: port)
      try await eventually("its line") { forward.output.hasPrefix("pico forward: localhost:\(port) goes to db on ") }
      // Nobody serves `db` here: connected and reset, perhaps before the client looks.
      let connect = "import socket\ntry: socket.create_connection(('::1', \(port)), 5)\nexcept ConnectionResetError: pass"
      let six = try await deployment.stage.run("python", [Stage.python, "-c", connect])
      #expect(six.code == 0, "\(six)")
      let again = try await deployment.stage.run("pico", [Stage.pico, "forward", "127.0.0.1:\(port)", "db"], within: 10)
      #expect(again.code == 78 && again.output.isEmpty, "\(again)")
      #expect(again.error == "pico: LOCAL_ADDRESS: 127.0.0.1:\(port) is in use\n")
    }
  }
}
