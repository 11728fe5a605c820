import Glibc
import PicoCore
import Testing

@testable import PicoStatus

@Suite struct RouteAnswerTests {
  private static var answer: RouteAnswer {
    var answer = RouteAnswer(node: "n-1")
    answer.endpoint = "e"
    answer.tenant = "acme"
    answer.endpointFrom = .host
    answer.tenantFrom = .domain
    answer.domain = "acme.example.com"
    answer.wantsToken = true
    answer.why = "one candidate takes requests"
    answer.candidates = [
      RouteCandidate(id: "l-1", node: "n-1", agent: "a\u{1b}", remoteAddress: "127.0.0.1:9", inFlight: 3),
      RouteCandidate(id: "n-2", node: "n-2", weight: 4, takes: .rest, reason: .nodeSuspect),
      RouteCandidate(id: "l-2", node: "n-1", takes: .rest, reason: .connectFailures, leftOutMilliseconds: 1001),
    ]
    answer.blocks = ["b-1"]
    return answer
  }

  @Test func `it is read as it was written`() throws {
    #expect(try RouteAnswer(json: Self.answer.json) == Self.answer)
    let blank = RouteAnswer(node: "n-1")
    #expect(try RouteAnswer(json: blank.json) == blank)
  }

  @Test func `the example of the document is an answer`() throws {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    guard let file = unsafe fopen(root + "/docs/status-protocol.md", "r") else {
      Issue.record("docs/status-protocol.md cannot be read")
      return
    }
    defer { unsafe fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    // The array has room for what is asked for.
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, file) }
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    let start = try #require(text.firstRange(of: "```route\n")).upperBound
    let example = text[start...].prefix { $0 != "\n" }
    #expect(String(decoding: try RouteAnswer(json: Array(example.utf8)).json, as: UTF8.self) == example)
  }

  @Test func `for a terminal it says everything, and nothing that moves a cursor`() {
    let lines = Self.answer.text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "endpoint  acme/e (by its host, below acme.example.com, tenant by its domain)")
    #expect(lines[1] == "answer    from a candidate")
    #expect(lines[2] == "why       one candidate takes requests; the request needs a token")
    #expect(lines[3] == "blocks    b-1")
    let cells = lines.dropFirst(5).map { $0.split(separator: "  ").map { $0.drop { $0 == " " } } }
    #expect(cells[0] == ["CANDIDATE", "NODE", "AGENT", "REMOTE ADDRESS", "WEIGHT", "IN FLIGHT", "TAKES", "REASON"])
    #expect(cells[1] == ["l-1", "n-1", "a\\u{1b}", "127.0.0.1:9", "1", "3", "share", "-"])
    #expect(cells[2] == ["n-2", "n-2", "-", "-", "4", "0", "rest", "node-suspect"])
    #expect(cells[3].last == "connect-failures for 2s")
    var refused = RouteAnswer(node: "n-1")
    (refused.status, refused.error, refused.why) = (400, "missing-endpoint-id", "there is none")
    #expect(refused.text == "endpoint  none\nanswer    400 missing-endpoint-id\nwhy       there is none\n")
  }
}
