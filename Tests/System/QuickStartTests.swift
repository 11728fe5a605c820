import Support
import Testing

extension SystemTests {
  @Suite struct QuickStart {
    @Test func `the quick start works word for word and stands so in the README`() async throws {
      let script = readFile(client("quick_start.sh"))
      let lines = script.split(separator: "\n").filter { $0.hasSuffix(" &") || $0.hasPrefix("curl ") }
        .map { $0.hasSuffix(" &") ? String($0.dropLast(2)) : String($0) }
      #expect(lines.count == 4)
      let readme = readFile("\(Stage.root)/README.md")
      for line in lines {
        #expect(readme.contains(line), "the README lacks: \(line)")
      }
      let stage = try Stage()
      // A network of its own: the ports are those of the text, whatever else runs here.
      let folder = Stage.pico.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
      let path = "\(folder):\(environmentVariable("PATH") ?? "/usr/bin:/bin")"
      let result = try await stage.run(
        "quick-start", ["unshare", "--net", "sh", client("quick_start.sh")], within: 60, environment: ["PATH": path])
      #expect(result.code == 0, "\(result.error)")
      #expect(result.output.contains("Directory listing for /"), "\(result.output) \(result.error)")
    }
  }
}
