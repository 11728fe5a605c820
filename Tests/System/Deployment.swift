import Support
import Testing

/// A node, with agents and upstreams as a test asks for them.
struct Deployment: Sendable {
  let stage: Stage
  let port: Int
  let admin: Int
  let server: ChildProcess

  /// Starts `pico server` on free ports with these flags besides.
  init(_ flags: [String] = [], stage: Stage? = nil, port: Int? = nil) async throws {
    self.stage = try stage ?? Stage()
    self.port = port ?? freePort()
    admin = freePort()
    server = try await self.stage.serve(
      "server", [Stage.pico, "server", "--proxy.listen", "127.0.0.1:\(self.port)", "--admin.listen", "127.0.0.1:\(admin)"] + flags,
      port: self.port)
    let admin = admin
    try await eventually("the admin port") { accepts(admin) }
  }

  /// Starts upstream.py and returns its port.
  func upstream(_ name: String = "upstream") async throws -> Int {
    let upstream = freePort()
    try await startUpstream(name, port: upstream)
    return upstream
  }

  @discardableResult
  func startUpstream(_ name: String, port: Int) async throws -> ChildProcess {
    try await stage.serve(name, [Stage.python, client("upstream.py"), "\(port)", name], port: port)
  }

  /// Starts an agent and waits until the node counts one listener more.
  @discardableResult
  func agent(_ endpoint: String, _ upstream: String, _ flags: [String] = []) async throws -> ChildProcess {
    let before = try await listeners()
    let agent = try stage.start("agent", [Stage.pico, "agent", endpoint, upstream, "--server", "http://127.0.0.1:\(port)"] + flags)
    try await eventually("a listener of \(endpoint): \(agent.errorOutput)") {
      let now = try await listeners()
      return now > before || !agent.isRunning
    }
    guard agent.isRunning else { throw ProgramEnded(name: "agent", code: agent.exitCode ?? -1, said: agent.errorOutput) }
    return agent
  }

  /// The number of listeners in the node's metrics.
  func listeners() async throws -> Int {
    let link = try LoopbackSocket(port: admin)
    try await link.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    let text = try await link.receiveAll()
    return text.split(separator: "\n").filter { $0.hasPrefix("pico_listeners ") || $0.hasPrefix("pico_listeners{") }
      .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0) { $0 + Int($1) }
  }

  /// Sends these bytes and returns all that comes until the connection is closed.
  func exchange(_ bytes: String) async throws -> String {
    let link = try LoopbackSocket(port: port)
    try await link.send(bytes)
    return try await link.receiveAll()
  }

  /// One request by our own bytes; the connection is not kept.
  func get(_ path: String, endpoint: String = "test", method: String = "GET", _ lines: [String] = []) async throws -> String {
    try await exchange(
      (["\(method) \(path) HTTP/1.1", "Host: h", "x-pico-endpoint: \(endpoint)", "Connection: close"] + lines + ["", ""])
        .joined(separator: "\r\n"))
  }

  /// Runs one check of checks.py and fails the test with what it says.
  func check(_ name: String, endpoint: String = "test", location: SourceLocation = #_sourceLocation) async throws {
    let result = try await stage.run("check", [Stage.python, client("checks.py"), name, "\(port)", endpoint], within: 90)
    #expect(result.code == 0, "\(name): \(result.error.suffix(1500))", sourceLocation: location)
  }

  /// With one agent for the endpoint `test` in front of upstream.py: shared by the tests that leave it as they found it.
  static let shared = Task { () throws -> Deployment in
    let deployment = try await Deployment()
    try await deployment.agent("test", "127.0.0.1:\(deployment.upstream())")
    return deployment
  }
}

/// The path of a program in Tests/System/Clients.
func client(_ name: String) -> String { "\(Stage.root)/Tests/System/Clients/\(name)" }
