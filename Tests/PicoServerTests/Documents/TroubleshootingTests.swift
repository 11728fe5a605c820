import PicoCore
import PicoHTTP
import Support
import Testing

/// docs/troubleshooting.md knows whatever clients, commands and logs say when something is wrong.
@Suite struct TroubleshootingTests {
  private static let page = readFile("\(Stage.root)/docs/troubleshooting.md")

  @Test(arguments: ErrorCode.allCases) func `every error that a client may be told has a row`(code: ErrorCode) {
    #expect(Self.page.contains("\n| \(code.status) `\(code.text)` |"))
    #expect(code.kebab == "\(code.text)".replacing(" ", with: "-"))
  }

  @Test func `what the admin port answers has a row too`() {
    #expect(Self.page.contains("\n| 403 `\(PicoError.Code.forbidden.words)` |"))
    #expect(Self.page.contains("\n| 415 `\(PicoError.Code.unsupportedMediaType.words)` |"))
  }

  @Test(arguments: SysExit.allCases) func `every exit code is explained`(code: SysExit) {
    #expect(Self.page.contains("\n| \(code.rawValue) | "))
  }

  @Test func `every line that a command may end with is there`() async throws {
    let messages = try await Self.messages(#/PicoError\(\s*[^"]*?"(?<text>(?:[^"\\]|\\\(.*?\)|\\.)+)"/#)
    #expect(messages.count > 60)
    for message in messages { Self.expect(message) }
  }

  @Test func `every warning and error of the logs is there`() async throws {
    let messages = try await Self.messages(#/log(?:ger)?\.(?:warning|error|critical)\(\s*"(?<text>(?:[^"\\]|\\.)+)"/#)
    #expect(messages.count > 20)
    for message in messages { Self.expect(message) }
  }

  private struct Message: Hashable {
    var file: String
    var text: String

    /// What stands between interpolations, without what is too short to be found by.
    var fragments: [String] {
      let plain = text.replacing("\\\"", with: "\"").replacing(#/\\\((?:[^()]|\([^()]*\))*\)/#, with: "\u{0}")
      return plain.split(separator: "\u{0}").map(String.init).filter { $0.count { $0.isLetter } >= 6 }
    }
  }

  /// All fragments stand on one line of the page.
  private static func expect(_ message: Message) {
    let lines = page.split(separator: "\n")
    let isThere = lines.contains { line in message.fragments.allSatisfy { line.contains($0) } }
    #expect(isThere, "\(message.file): \(message.text)")
  }

  private static func messages(_ pattern: Regex<(Substring, text: Substring)>) async throws -> Set<Message> {
    let stage = try Stage()
    let files = try await stage.run("find", ["find", "\(Stage.root)/Sources", "-name", "*.swift"]).output.split(separator: "\n")
    var messages: Set<Message> = []
    for file in files.map(String.init) {
      let name = String(file.split(separator: "/").last ?? "")
      for match in readFile(file).matches(of: pattern) { messages.insert(Message(file: name, text: String(match.output.text))) }
    }
    return messages
  }
}
