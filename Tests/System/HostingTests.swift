import Support
import Testing

extension SystemTests {
  /// Everything of docs/hosting, as it stands there; `Tests/Hosting` says what each program looks at.
  @Suite struct Hosting {
    @Test(arguments: ["charts.py", "page.py", "units.py"])
    func `charts, manifests, units and the commands of the page are good`(_ program: String) async throws {
      try await run(program, [])
    }

    @Test(arguments: ["haproxy", "nginx", "caddy", "envoy"])
    func `behind each load balancer nothing is lost by a reload or a rolling restart`(_ front: String) async throws {
      try await run("fronts.py", [front])
    }

    @Test func `the section on machines leads from nothing to three nodes, a load balancer and an agent`() async throws {
      try await run("machines.py", [Stage.picoTop])
    }

    @Test func `the demonstration with compose runs, in the image of the Dockerfile`() async throws {
      try await run("compose.py", [Stage.picoTop])
    }

    private func run(_ program: String, _ words: [String]) async throws {
      let stage = try Stage()
      let done = try await stage.run(program, [Stage.python, "\(Stage.root)/Tests/Hosting/\(program)", Stage.pico] + words, within: 240)
      #expect(done.code == 0 && done.output.contains("0 faults"), "\(done.output.suffix(6000)) \(done.error.suffix(2000))")
    }
  }
}
