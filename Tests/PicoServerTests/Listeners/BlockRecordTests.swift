import PicoCore
import PicoStatus
import Testing

@testable import PicoServer

@Suite struct BlockRecordTests {
  private static let second: UInt64 = 1_000_000_000
  private static let wall = Timestamp(seconds: 1_000_000)

  private static func block(_ subjects: [BlockSubject] = []) -> Block {
    Block(
      scope: .agent, subjects: subjects, mode: .now, seconds: 60, by: "ops\n", reason: "too \"loud\"", since: wall, now: 5 * second)
  }

  private static func subjects() throws -> [BlockSubject] {
    let (one, two) = (try #require(EndpointID("e")), try #require(EndpointID(qualified: "t/e")))
    return [
      .agent(.identity("i"), one), .agent(.agentID("a"), two), .agent(.address("::1"), one), .identity("i", .default),
      .identity("i", two.tenant), .endpoint(two),
    ]
  }

  @Test func `what is written is read, at another node's time`() throws {
    let block = Self.block(try Self.subjects())
    let read = try #require(
      try BlockRecord.read(json: BlockRecord.holds(block).json(now: 15 * Self.second), now: 100 * Self.second, wall: Timestamp(seconds: 0)))
    var expected = block
    // 50 of its 60 seconds were left, whatever that node's clock says.
    expected.deadline = 150 * Self.second
    #expect(read == .holds(expected))
    let lifted = BlockRecord.lifted(block.id, until: block.until, deadline: block.deadline)
    #expect(
      try BlockRecord.read(json: lifted.json(now: 5 * Self.second), now: 0, wall: Self.wall)
        == .lifted(block.id, until: block.until, deadline: 60 * Self.second))
  }

  /// Of the reader's clock, against that of who wrote.
  @Test(arguments: [(0, 60), (20, 40), (-30, 60), (60, nil), (3600, nil)] as [(Int64, UInt64?)])
  func `what the store holds ends by the reader's clock, and is never longer than it was made`(ahead: Int64, left: UInt64?) throws {
    let json = BlockRecord.holds(Self.block(try Self.subjects())).json()
    let read = try BlockRecord.read(json: json, now: 0, wall: Timestamp(seconds: Self.wall.seconds + ahead))
    #expect(read?.deadline == left.map { $0 * Self.second })
  }

  @Test(
    arguments: [
      "", "{}", "[]", "{\"v\":2,\"id\":\"b\"}", "{\"v\":1}", "{\"v\":1,\"id\":\"\"}", "{\"v\":1,\"id\":\"b\",\"subjects\":[{}]}",
      "{\"v\":1,\"id\":\"b\",\"subjects\":[{\"agent\":\"a\"}]}", "{\"v\":1,\"id\":\"b\",\"subjects\":[{\"endpoint\":\"a/b/c\"}]}",
      "{\"v\":1,\"id\":\"b\",\"subjects\":[{\"agent\":\"a\",\"tenant\":\"\"}]}", "{\"v\":1,\"id\":\"b\",\"until\":\"soon\"}",
    ])
  func `what is no block is told from one that is over`(text: String) {
    #expect(throws: JSONError.self) { try BlockRecord.read(json: Array(text.utf8), now: 0, wall: Self.wall) }
  }
}
