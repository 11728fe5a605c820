import Support
import Testing

extension SystemTests {
  @Suite struct SecurityPage {
    @Test func `its commands do what it says, in their order`() async throws {
      let script = PageScript(page: "security.md")
      #expect(script.lines.count > 40)
      let result = try await script.run()
      for part in [
        "good: signed with a key of agents.pem", "Directory listing for /", "my-endpoint-123", "{\"error\":\"missing token\"}",
        "exit code 77",
      ] {
        #expect(result.output.contains(part), "\(part): \(result)")
      }
      #expect(result.error.contains("it wants a token (--token-file)") && !result.error.contains("never:"), "\(result.error)")
    }
  }
}
