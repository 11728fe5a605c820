import Support
import Testing

extension SystemTests {
  @Suite struct TLSPage {
    @Test func `its commands do what it says, in their order`() async throws {
      let script = PageScript(page: "tls.md")
      for command in ["openssl", "python3", "pico server", "pico agent", "curl", "pico status", "pico-top", "pico bench"] {
        #expect(script.lines.contains { $0.hasPrefix(command) || $0.hasPrefix("in_terminal '\(command)") }, "\(command)")
      }
      let result = try await script.run()
      let error = "\(result.error)"
      #expect(!error.contains("never:") && !error.contains("pico: ") && !error.contains("curl: "), "\(error)")
      // Once with each of the two servers.
      for part in ["hello from the site", "my-endpoint-123 on https://localhost:8080", "pico server: requests and listeners on https"] {
        #expect(result.output.count(of: part) == 2, "\(part): \(result)")
      }
      for part in ["in the terminal: exit code 0", "agent-7", "2xx"] {
        #expect(result.output.contains(part), "\(part): \(result)")
      }
    }
  }
}

extension String {
  /// How often a part is there.
  fileprivate func count(of part: String) -> Int { ranges(of: part).count }
}
