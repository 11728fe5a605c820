import PicoConfiguration
import Testing

@testable import PicoServer

/// docs/limits.md knows every limit.
@Suite struct LimitsDocumentTests {
  private static func page() throws -> String {
    let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
    return String(decoding: try TextFile.readBytes(path: root + "/docs/limits.md", maximumSize: 1 << 20), as: UTF8.self)
  }

  @Test func `every limit that is answered with 429 is there under its key`() throws {
    let page = try Self.page()
    let keys = Set(ServerConfiguration.schema.descriptions.map(\.name))
    for limit in NodeLimit.allCases {
      #expect(page.contains("`\(limit.key)`"), "\(limit.key)")
      #expect(keys.contains("\(limit.key)"), "\(limit.key)")
    }
  }

  @Test func `what it says of a default is the default`() throws {
    let rows = try Self.page().split(separator: "\n").filter { $0.hasPrefix("| `") }
    for key in ServerConfiguration.schema.descriptions where key.kind == "integer" {
      guard let row = rows.first(where: { $0.contains("`\(key.name)`") }), !key.defaultText.contains("%") else { continue }
      let cell = row.split(separator: "|")[1].filter { $0 != "," && $0 != " " }
      #expect(cell.prefix { $0.isNumber } == key.defaultText, "\(key.name): \(row)")
    }
    for key in ServerConfiguration.schema.descriptions {
      guard let row = rows.first(where: { $0.contains("`\(key.name)`") }) else { continue }
      #expect(row.contains("*r*") == key.isReloadable, "\(key.name)")
    }
  }
}
