import Support
import Testing

extension SystemTests {
  @Suite struct ClusterPage {
    @Test func `its commands make a cluster`() async throws {
      let result = try await PageScript(page: "cluster.md", isCluster: true).run()
      #expect(result.output.contains("Directory listing for /") && !result.error.contains("never:"), "\(result)")
    }
  }
}
