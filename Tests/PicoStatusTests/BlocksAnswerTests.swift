import PicoCore
import Testing

@testable import PicoStatus

struct BlocksAnswerTests {
  private static let rows = [
    BlockRow(
      id: "b-1", scope: .agent, match: "a-1 at e", endpoint: "e", by: "127.0.0.1:1", reason: "too \u{1B}[31mloud",
      since: Timestamp(seconds: 100), until: Timestamp(seconds: 190)),
    BlockRow(
      id: "b-2", scope: .identity, match: "id", by: "x", since: Timestamp(seconds: 0), until: Timestamp(seconds: 100)),
  ]

  @Test func `it is read as it was written`() throws {
    #expect(try BlocksAnswer(json: BlocksAnswer(blocks: Self.rows).json).blocks == Self.rows)
    #expect(try BlocksAnswer(json: Array(#"{"blocks":[],"later":1}"#.utf8)).blocks.isEmpty)
  }

  @Test(arguments: ["{}", "[]", "", #"{"blocks":{}}"#, #"{"blocks":[]}x"#])
  func `anything else is no answer`(text: String) {
    #expect(throws: JSONError.self) { try BlocksAnswer(json: Array(text.utf8)) }
  }

  @Test func `a table shows what is left, and nothing that moves a cursor`() {
    let table = BlocksAnswer(blocks: Self.rows).table(now: Timestamp(seconds: 100))
    let lines = table.split(separator: "\n").map { $0.split(separator: "  ").map { $0.drop { $0 == " " } } }
    #expect(lines[0] == ["BLOCK", "SCOPE", "REFUSES", "LEFT", "BY", "REASON"])
    #expect(lines[1] == ["b-1", "agent", "a-1 at e", "1m30s", "127.0.0.1:1", "too \\u{1b}[31mloud"])
    #expect(lines[2].prefix(5) == ["b-2", "identity", "id", "0", "x"])
  }
}
