import PicoCore
import PicoStatus
import Testing

@testable import PicoTopCore

@Suite struct OrderedTableTests {
  private static let now = Timestamp(seconds: 1000)

  private static func table(_ sort: String = "-rate", _ filter: String = "") throws -> OrderedTable<EndpointRow> {
    OrderedTable(order: try #require(RowOrder(sort)), filter: try FilterExpression(filter))
  }

  private static func shown(_ table: OrderedTable<EndpointRow>) -> [String] { (0..<table.count).map { table.row(at: $0).id } }

  private static func change(_ id: String, _ rate: Double) -> RowChange<EndpointRow> { RowChange(EndpointRow(id: id, requestRate: rate)) }

  @Test func `rows come, move and go`() throws {
    var table = try Self.table()
    table.apply(changed: [Self.change("a", 1), Self.change("b", 3), Self.change("c", 2)], now: Self.now)
    #expect(Self.shown(table) == ["b", "c", "a"])
    table.apply(changed: [Self.change("a", 9)], removed: ["c"], now: Self.now)
    #expect(Self.shown(table) == ["a", "b"])
    #expect(table.position(of: RowKey(server: 0, key: "b")) == 1)
    #expect(table.position(of: RowKey(server: 0, key: "c")) == nil)
    #expect(table[RowKey(server: 0, key: "c")] == nil)
    table.apply(changed: [Self.change("c", 5)], removed: ["c", "a"], now: Self.now)
    #expect(Self.shown(table) == ["c", "b"])
    table.apply(changed: [Self.change("d", 4), Self.change("d", 6), Self.change("d", 1)], now: Self.now)
    #expect(Self.shown(table) == ["c", "b", "d"])
  }

  @Test func `a change brings only its members`() throws {
    var table = try Self.table()
    table.apply(changed: [RowChange(EndpointRow(id: "a", listeners: 4, requestRate: 1))], now: Self.now)
    let index = try #require(EndpointRow.members.firstIndex { $0.name == "request_rate" })
    var members = MemberSet()
    members.insert(index)
    table.apply(changed: [RowChange(EndpointRow(id: "a", requestRate: 7), members: members)], now: Self.now)
    #expect(table.row(at: 0).listeners == 4)
    #expect(table.row(at: 0).requestRate == 7)
  }

  @Test func `servers do not disturb each other`() throws {
    var table = try Self.table("name")
    table.apply(changed: [Self.change("a", 1), Self.change("b", 1)], server: 1, now: Self.now)
    table.apply(changed: [Self.change("a", 2), Self.change("c", 1)], server: 0, now: Self.now)
    #expect((0..<4).map { table.key(at: $0) } == [("a", 0), ("a", 1), ("b", 1), ("c", 0)].map { RowKey(server: $1, key: $0) })
    table.replace(with: [Self.change("c", 5)], server: 0, now: Self.now)
    #expect(Self.shown(table) == ["a", "b", "c"])
    #expect(table[RowKey(server: 1, key: "a")]?.requestRate == 1)
    #expect(table[RowKey(server: 0, key: "c")]?.requestRate == 5)
  }

  @Test func `a filter hides rows and they stay in order`() throws {
    var table = try Self.table("-rate", "rate>2")
    table.apply(changed: [Self.change("a", 1), Self.change("b", 3), Self.change("c", 5)], now: Self.now)
    #expect(Self.shown(table) == ["c", "b"])
    #expect(table.totalCount == 3)
    #expect(table.position(of: RowKey(server: 0, key: "a")) == nil)
    #expect(table[RowKey(server: 0, key: "a")] != nil)
    table.apply(changed: [Self.change("a", 4), Self.change("c", 0)], now: Self.now)
    #expect(Self.shown(table) == ["a", "b"])
    table.setFilter(try FilterExpression("name~^[bc]"), now: Self.now)
    #expect(Self.shown(table) == ["b", "c"])
    #expect(table.all.map(\.row.id) == ["a", "b", "c"])
  }

  @Test func `a filter by age is taken again at a later time`() throws {
    var table = OrderedTable<NodeRow>(order: try #require(RowOrder("name")), filter: try FilterExpression("age>10s"))
    let row = NodeRow(id: "n", address: "", version: "", state: .active, startedAt: Self.now)
    table.apply(changed: [RowChange(row)], now: Self.now)
    #expect(table.count == 0)
    table.setFilter(table.filter, now: Timestamp(seconds: 1011))
    #expect(table.count == 1)
  }

  /// Against sorting everything anew, with changes of all kinds.
  @Test(arguments: 0..<6) func `it agrees with a plain sort`(seed: Int) throws {
    var random = SplitMixGenerator(seed: UInt64(seed))
    let sorts = ["-rate", "rate", "name", "-listeners", "p99"]
    let filters = ["", "rate>5", "name~^e1", "listeners==1 or not rate<3"]
    var table = try Self.table()
    var reference: [RowKey: EndpointRow] = [:]
    for step in 0..<60 {
      let server = Int.random(in: 0...1, using: &random)
      if step % 7 == 6 { table.setOrder(try #require(RowOrder(sorts.randomElement(using: &random) ?? ""))) }
      if step % 5 == 4 { table.setFilter(try FilterExpression(filters.randomElement(using: &random) ?? ""), now: Self.now) }
      let changed = (0..<Int.random(in: 0...40, using: &random)).map { _ in
        RowChange(
          EndpointRow(
            id: "e\(Int.random(in: 0..<60, using: &random))", listeners: Int.random(in: 0...3, using: &random),
            requestRate: Double(Int.random(in: 0...9, using: &random)), latency: LatencySummary(p99: Double(step))))
      }
      let removed = (0..<Int.random(in: 0...10, using: &random)).map { _ in "e\(Int.random(in: 0..<60, using: &random))" }
      if step % 11 == 10 {
        reference = reference.filter { $0.key.server != server }
        table.replace(with: changed, server: server, now: Self.now)
      } else {
        for key in removed { reference[RowKey(server: server, key: key)] = nil }
        table.apply(changed: changed, removed: removed, server: server, now: Self.now)
      }
      for change in changed { reference[RowKey(server: server, key: change.key)] = change.row }
      let order = table.order
      let expected = reference.filter { table.filter.matches($0.value, now: Self.now) }.sorted { left, right in
        order.precedes(left.value, right.value)
          || (!order.precedes(right.value, left.value) && left.key.server < right.key.server)
      }
      #expect((0..<table.count).map { table.key(at: $0) } == expected.map(\.key))
      #expect((0..<table.count).map { table.row(at: $0) } == expected.map(\.value))
      #expect((0..<table.count).allSatisfy { table.position(of: table.key(at: $0)) == $0 })
      #expect(table.totalCount == reference.count)
    }
  }
}
