import FoundationEssentials
import PicoAgent
import PicoConfiguration
import PicoServer
import Testing

@Suite struct ConfigurationDocumentTests {
  @Test func `the committed document is what the schemas say`() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/configuration.md").standardized.path
    let text = ConfigurationDocument.text(server: ServerConfiguration.schema.markdown, agent: AgentConfiguration.schema.markdown)
    if ProcessInfo.processInfo.environment["PICO_WRITE_DOCS"] == "1" {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == text, "write it with PICO_WRITE_DOCS=1")
  }
}
