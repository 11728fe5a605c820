import PicoCore
import Testing

@testable import PicoStatus

@Suite struct RowOrderTests {
  static let rows = [
    EndpointRow(id: "b", listeners: 1, requestRate: 10), EndpointRow(id: "a", tenant: "t", listeners: 2, requestRate: 10),
    EndpointRow(id: "a", listeners: 3, requestRate: 2), EndpointRow(id: "c", listeners: 3, requestRate: 30),
  ]

  @Test(
    arguments: [
      ("name", ["a", "t/a", "b", "c"]), ("-name", ["c", "b", "a", "t/a"]), ("request_rate", ["a", "b", "t/a", "c"]),
      ("-rate", ["c", "b", "t/a", "a"]), ("+listeners", ["b", "t/a", "a", "c"]), ("-LISTENERS", ["a", "c", "t/a", "b"]),
    ] as [(String, [String])])
  func `rows follow their field, then their key`(sort: String, keys: [String]) throws {
    let order = try #require(RowOrder<EndpointRow>(sort))
    #expect(Self.rows.sorted(by: order.precedes).map(\.key) == keys)
  }

  @Test(arguments: ["", "-", "foo", "--rate", "agent", "rate "]) func `an unknown field is no order`(sort: String) {
    #expect(RowOrder<EndpointRow>(sort) == nil)
  }

  @Test(arguments: ["name", "-rate"]) func `an order is read back from its text`(sort: String) {
    #expect(RowOrder<EndpointRow>(sort)?.text == sort)
  }

  @Test(arguments: ["rtt", "-rtt"]) func `what is absent comes last in either direction`(sort: String) throws {
    let order = try #require(RowOrder<ListenerRow>(sort))
    let rows = [("l-1", nil), ("l-2", 5.0), ("l-3", nil)].map { id, roundTrip in
      ListenerRow(id: id, endpoint: "e", node: "n", remoteAddress: "", connectedAt: Timestamp(seconds: 0), roundTrip: roundTrip)
    }
    #expect(rows.sorted(by: order.precedes).map(\.id) == ["l-2", "l-1", "l-3"])
  }

  @Test func `the youngest has the least age`() throws {
    let order = try #require(RowOrder<NodeRow>("age"))
    let rows = [10, 30, 20].map { NodeRow(id: "n-\($0)", address: "", version: "", state: .active, startedAt: Timestamp(seconds: $0)) }
    #expect(rows.sorted(by: order.precedes).map(\.id) == ["n-30", "n-20", "n-10"])
  }

  @Test func `a rank says what the order says of numbers`() throws {
    var random = SplitMixGenerator(seed: 5)
    let bits = (0..<200).map { _ in Double(bitPattern: UInt64.random(in: .min ... .max, using: &random)) }
    let numbers = ([0, -0.0, 1, -1, .infinity, -.infinity, .leastNonzeroMagnitude, 1e300] + bits).filter { !$0.isNaN }
    let values = numbers.map(FieldValue.number) + [.absent]
    for order in [RowOrder<ListenerRow>(.roundTrip), RowOrder(.roundTrip, isDescending: true)] {
      for (left, right) in values.flatMap({ left in values.map { (left, $0) } }) {
        let (one, other) = (order.rank(of: left), order.rank(of: right))
        #expect(order.precedes(left, right) == (one == other ? nil : one < other), "\(left) \(right)")
      }
    }
    #expect(RowOrder<EndpointRow>("name")?.value(of: EndpointRow(id: "a", requestRate: .nan)) == .text("a"))
    #expect(RowOrder<EndpointRow>("rate")?.value(of: EndpointRow(id: "a", requestRate: .nan)) == .absent)
  }

  @Test func `every field of a table has a value in it`() throws {
    let now = Timestamp(seconds: 1000)
    for field in EndpointRow.fields where field != .asOf { #expect(EndpointRow(id: "a").value(of: field, now: now) != .absent, "\(field)") }
    for field in ListenerRow.fields where field != .roundTrip && field != .asOf {
      #expect(ListenerRow(blank: "l").value(of: field, now: now) != .absent, "\(field)")
    }
    for field in NodeRow.fields where field != .asOf { #expect(NodeRow(blank: "n").value(of: field, now: now) != .absent, "\(field)") }
    for field in BlockRow.fields { #expect(BlockRow(blank: "b").value(of: field, now: now) != .absent, "\(field)") }
  }

  @Test func `every member of the wire that is one value has a field of its name`() {
    let shapes = ["status", "latency_ms", "latency_buckets"]
    for name in EndpointRow.members.map(\.name) where !shapes.contains(name) { #expect(RowOrder<EndpointRow>(name) != nil, "\(name)") }
    for name in ListenerRow.members.map(\.name) where !shapes.contains(name) { #expect(RowOrder<ListenerRow>(name) != nil, "\(name)") }
    for name in NodeRow.members.map(\.name) { #expect(RowOrder<NodeRow>(name) != nil, "\(name)") }
    for name in BlockRow.members.map(\.name) { #expect(RowOrder<BlockRow>(name) != nil, "\(name)") }
  }
}
