import Support
import Testing

extension SystemTests {
  @Suite struct ClusterPage {
    @Test func `its commands make a cluster`() async throws {
      let result = try await PageScript(page: "cluster.md", isCluster: true).run()
      #expect(result.output.contains("Directory listing for /") && !result.error.contains("never:"), "\(result)")
      // Asked at the second node, which has no listener itself.
      #expect(result.output.contains("1 endpoint, 1 listener,"), "\(result)")
      for node in ["localhost:8080", "localhost:9080"] { #expect(result.output.contains(node), "\(result)") }
    }
  }
}
