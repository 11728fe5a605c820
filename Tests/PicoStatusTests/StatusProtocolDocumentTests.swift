import Glibc
import PicoStatus
import Testing

/// The messages that docs/status-protocol.md shows are messages, and nothing in them is lost.
@Suite struct StatusProtocolDocumentTests {
  /// The lines of the fenced blocks of a kind.
  private static func examples(_ kind: String) throws -> [String] {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    guard let file = unsafe fopen(root + "/docs/status-protocol.md", "r") else {
      Issue.record("docs/status-protocol.md cannot be read")
      return []
    }
    defer { unsafe fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    // The array has room for what is asked for.
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, file) }
    var examples: [String] = []
    var isInside = false
    for line in String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isInside = line == "```" + kind
      } else if isInside {
        examples.append(String(line))
      }
    }
    return examples
  }

  /// All names and texts at any depth, sorted.
  private static func names(_ json: String) -> [Substring] {
    json.split(separator: "\"").enumerated().compactMap { index, part in index % 2 == 1 ? part : nil }.sorted()
  }

  @Test func `every message of a client reads, and is written with the same members`() throws {
    let examples = try Self.examples("client")
    #expect(examples.count == 11)
    for example in examples {
      let message = try ClientMessage(json: Array(example.utf8))
      #expect(try ClientMessage(json: message.json) == message)
      #expect(String(decoding: message.json, as: UTF8.self) == example)
    }
  }

  @Test func `every message of a server reads, and is written with the same members`() throws {
    let examples = try Self.examples("server")
    let types = Set(examples.compactMap { $0.split(separator: "\"").dropFirst(3).first.map(String.init) })
    #expect(types == ["hello", "snapshot", "update", "history", "errors", "request", "event", "result", "error"])
    for example in examples {
      let message = try ServerMessage(json: Array(example.utf8))
      if case .unknown = message { Issue.record("\(example)") }
      #expect(try ServerMessage(json: message.json) == message)
      // A single part is written without its number.
      let written = String(decoding: message.json, as: UTF8.self)
      #expect(Self.names(written) == Self.names(example.replacing(#""part":1,"parts":1,"#, with: "")))
    }
  }
}
