import FoundationEssentials
import PicoTopCore
import Testing

@Suite struct KeyDocumentTests {
  private var table: String {
    var text = "<!-- keys -->\n"
    for group in KeyGroup.allCases {
      text += "\n### \(group.rawValue)\n\n| key | action | |\n|---|---|---|\n"
      for entry in KeyEntry.all where entry.group == group {
        let keys = entry.keys.map { "`\($0.name)`" }.joined(separator: " ")
        text += "| \(keys) | `\(entry.action.rawValue)` | \(entry.help) |\n"
      }
    }
    return text + "\n"
  }

  @Test func `the committed key table is the program's`() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/pico-top.md").standardized.path
    var text = try String(contentsOfFile: path, encoding: .utf8)
    let start = try #require(text.firstRange(of: "<!-- keys -->")).lowerBound
    let end = try #require(text.firstRange(of: "<!-- /keys -->")).lowerBound
    if ProcessInfo.processInfo.environment["PICO_WRITE_DOCS"] == "1" {
      text.replaceSubrange(start..<end, with: table)
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      return
    }
    #expect(String(text[start..<end]) == table, "write it with PICO_WRITE_DOCS=1")
  }
}
