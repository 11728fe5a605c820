import Support
import Testing

extension SystemTests {
  @Suite struct SecurityPage {
    @Test func `its commands do what it says, in their order`() async throws {
      let script = PageScript(page: "security.md")
      #expect(script.lines.count > 40)
      let result = try await script.run()
      for part in [
        "good: signed with a key of agents.pem", "hello from the service", "my-endpoint-123", "{\"error\":\"missing token\"}",
        "exit code 77", "nobody without a certificate", "{\"error\":\"no available upstreams\"}",
      ] {
        #expect(result.output.contains(part), "\(part): \(result)")
      }
      // The last is the tenant's table, in which nothing of the other server's is.
      let table = result.output.split(separator: "\n").suffix(2).map(String.init)
      #expect(
        table.first?.hasPrefix("TENANT  ENDPOINT") == true && table.last?.contains("web") == true && table.last?.contains("acme") == true,
        "\(table)")
      #expect(result.error.contains("it wants a token (--token-file)") && !result.error.contains("never:"), "\(result.error)")
    }
  }
}
