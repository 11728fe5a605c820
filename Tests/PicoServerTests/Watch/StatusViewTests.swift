import PicoCore
import PicoStatus
import Testing

@testable import PicoServer

/// Views and their readers, without a node: what readers put together from messages is what the view was given.
@Suite struct StatusViewTests {
  private static func selection(
    _ tables: [StatusTable], endpoints: [String] = [], filter: String? = nil, sort: String? = nil, limit: Int? = nil
  ) throws -> ViewSelection {
    try ViewSelection(Subscription(id: "s", tables: tables, endpoints: endpoints, filter: filter, sort: sort, limit: limit))
  }

  /// Rows that come, change a little or much, and go, by a seed.
  private struct Truth {
    var generator: SplitMixGenerator
    var endpoints: [String: EndpointRow] = [:]
    let size: Int

    mutating func step() -> StatusView.Rows {
      var rows = StatusView.Rows()
      for _ in 0..<Int.random(in: 0...(size / 4), using: &generator) {
        let id = "e\(Int.random(in: 0..<size, using: &generator))"
        if Int.random(in: 0..<6, using: &generator) == 0 {
          endpoints[id] = nil
        } else {
          var row = endpoints[id] ?? EndpointRow(id: id, listeners: 1, nodes: 1)
          row.requestRate = max(0, row.requestRate + Double.random(in: -3...4, using: &generator))
          row.latency.p50 *= Double.random(in: 0.97...1.04, using: &generator)
          if Bool.random(using: &generator) { row.latency.p50 = Double.random(in: 0...100, using: &generator) }
          row.requestsTotal += UInt64.random(in: 0...2, using: &generator)
          // As the wire has it.
          row.requestRate = (row.requestRate * 1000).rounded() / 1000
          row.latency.p50 = (row.latency.p50 * 1000).rounded() / 1000
          endpoints[id] = row
        }
        if let row = endpoints[id] { rows.endpoints.append(row) } else { rows.goneEndpoints.append(id) }
      }
      // What was given twice counts as it was given last.
      rows.endpoints = Dictionary(rows.endpoints.map { ($0.id, $0) }) { $1 }.values.filter { endpoints[$0.id] != nil }
      rows.goneEndpoints = rows.goneEndpoints.filter { endpoints[$0] == nil }
      return rows
    }
  }

  private static func agrees(_ row: EndpointRow?, _ truth: EndpointRow) -> Bool {
    guard let row else { return false }
    return truth.members(changedFrom: row).isEmpty
  }

  private static func message(_ reader: inout ViewReader, _ view: StatusView) throws -> [UInt8] {
    let message = reader.next(view, now: Timestamp(seconds: 1))
    return try #require(message)
  }

  @Test(arguments: 0..<12)
  func `a reader has what the view was given, within the five percent that are not told`(seed: UInt64) throws {
    var truth = Truth(generator: SplitMixGenerator(seed: seed), size: seed % 6 == 0 ? 6000 : 40)
    var view = StatusView(try Self.selection([.endpoints]))
    view.refresh(truth.step())
    var readers = (0..<3).map { (reader: ViewReader(id: "r\($0)", view), tables: WatchedTables()) }
    for round in 0..<60 {
      view.refresh(truth.step())
      for index in readers.indices {
        // The first always has room, the others now and then.
        func hasRoom() -> Bool { index == 0 || Int.random(in: 0..<3 * index, using: &truth.generator) == 0 }
        var messages = readers[index].reader.advance(view, now: Timestamp(seconds: 1), hasRoom: hasRoom())
        while hasRoom() || round == 59, let message = readers[index].reader.next(view, now: Timestamp(seconds: 1)) {
          messages.append(message)
        }
        for message in messages { readers[index].tables.receive(try ServerMessage(json: message)) }
        if round == 59 {
          let last = readers[index].reader.advance(view, now: Timestamp(seconds: 1), hasRoom: true)
          for message in last { readers[index].tables.receive(try ServerMessage(json: message)) }
          while let message = readers[index].reader.next(view, now: Timestamp(seconds: 1)) {
            readers[index].tables.receive(try ServerMessage(json: message))
          }
        }
      }
      if round > 0 { #expect(readers[0].tables.endpoints.count == truth.endpoints.count) }
    }
    for (index, reader) in readers.enumerated() {
      #expect(reader.tables.faults.isEmpty, "reader \(index)")
      #expect(Set(reader.tables.endpoints.keys) == Set(truth.endpoints.keys), "reader \(index)")
      #expect(truth.endpoints.values.allSatisfy { Self.agrees(reader.tables.endpoints[$0.id], $0) }, "reader \(index)")
    }
  }

  @Test(arguments: ["-rate", "name", "p50"], [1, 7, 1000])
  func `a window holds the rows that come first, and tells of those that leave it`(sort: String, limit: Int) throws {
    var truth = Truth(generator: SplitMixGenerator(seed: UInt64(limit)), size: 60)
    var view = StatusView(try Self.selection([.endpoints], filter: "rate>2 or p50>50", sort: sort, limit: limit))
    let order = try #require(RowOrder<EndpointRow>(sort))
    let filter = try FilterExpression("rate>2 or p50>50")
    view.refresh(truth.step())
    var reader = ViewReader(id: "r", view)
    var tables = WatchedTables()
    for _ in 0..<80 {
      while let message = reader.next(view, now: Timestamp(seconds: 1)) { tables.receive(try ServerMessage(json: message)) }
      view.refresh(truth.step())
      for message in reader.advance(view, now: Timestamp(seconds: 1), hasRoom: true) { tables.receive(try ServerMessage(json: message)) }
      let matching = truth.endpoints.values.filter { filter.matches($0) }
      let expected = matching.sorted { order.precedes($0, $1) }.prefix(limit)
      #expect(Set(tables.endpoints.keys) == Set(expected.map(\.id)))
      #expect(view.total == matching.count)
    }
    #expect(tables.faults.isEmpty)
    #expect(view.places.count == tables.endpoints.count)
  }

  @Test func `a snapshot comes in parts, in the order asked for, and what changes meanwhile comes behind it`() throws {
    var view = StatusView(try Self.selection([.endpoints], sort: "-rate"))
    var rows = StatusView.Rows()
    rows.endpoints = (0..<4500).map { EndpointRow(id: "e\($0)", requestRate: Double($0)) }
    view.refresh(rows)
    var reader = ViewReader(id: "s", view)
    func snapshot() throws -> Snapshot {
      let json = try Self.message(&reader, view)
      guard case .snapshot(let snapshot) = try ServerMessage(json: json) else { throw Unexpected(what: "a snapshot") }
      return snapshot
    }
    let first = try snapshot()
    #expect(first.part == 1 && first.parts == 3 && first.sequence == 1 && first.total == 4500)
    #expect(first.tables.endpoints.first?.key == "e4499")
    var changed = StatusView.Rows()
    changed.goneEndpoints = ["e4499", "e0"]
    changed.endpoints = [EndpointRow(id: "new")]
    view.refresh(changed)
    #expect(reader.advance(view, now: Timestamp(seconds: 1), hasRoom: true).isEmpty)
    #expect(try snapshot().part == 2)
    #expect(try snapshot().tables.endpoints.contains { $0.key == "e0" } == false)
    #expect(reader.next(view, now: Timestamp(seconds: 1)) == nil)
    view.refresh(StatusView.Rows())
    #expect(reader.advance(view, now: Timestamp(seconds: 1), hasRoom: true).isEmpty)
    let json = try Self.message(&reader, view)
    guard case .update(let update) = try ServerMessage(json: json) else { throw Unexpected(what: "an update") }
    #expect(update.sequence == 4)
    #expect(update.tables.endpoints.map(\.key) == ["new"])
    #expect(Set(update.removed[.endpoints] ?? []) == ["e4499", "e0"])
  }

  @Test func `an update comes even when nothing changed, and many rows come in several`() throws {
    var view = StatusView(try Self.selection([.endpoints]))
    view.refresh(StatusView.Rows())
    var reader = ViewReader(id: "s", view)
    _ = reader.next(view, now: Timestamp(seconds: 1))
    view.refresh(StatusView.Rows())
    #expect(reader.advance(view, now: Timestamp(seconds: 1), hasRoom: true).count == 1)
    var rows = StatusView.Rows()
    rows.endpoints = (0..<5000).map { EndpointRow(id: "e\($0)") }
    view.refresh(rows)
    let messages = reader.advance(view, now: Timestamp(seconds: 1), hasRoom: true)
    var next = reader.next(view, now: Timestamp(seconds: 1)).map { [$0] } ?? []
    while let more = reader.next(view, now: Timestamp(seconds: 1)) { next.append(more) }
    var tables = WatchedTables()
    for message in messages + next { tables.receive(try ServerMessage(json: message)) }
    #expect(tables.endpoints.count == 5000)
    #expect((messages + next).allSatisfy { $0.count < 1 << 20 })
  }

  @Test func `a reader who missed more removals than are remembered gets a snapshot`() throws {
    var view = StatusView(try Self.selection([.endpoints]))
    view.refresh(StatusView.Rows())
    var reader = ViewReader(id: "s", view)
    var tables = WatchedTables()
    tables.receive(try ServerMessage(json: Self.message(&reader, view)))
    for round in 0..<30 {
      var rows = StatusView.Rows()
      rows.endpoints = (0..<1000).map { EndpointRow(id: "e\(round)-\($0)") }
      view.refresh(rows)
      rows = StatusView.Rows()
      rows.goneEndpoints = (0..<1000).map { "e\(round)-\($0)" }
      view.refresh(rows)
    }
    #expect(view.changes(since: 1) == nil)
    #expect(reader.advance(view, now: Timestamp(seconds: 1), hasRoom: false).isEmpty)
    #expect(reader.advance(view, now: Timestamp(seconds: 1), hasRoom: true).isEmpty)
    let message = try ServerMessage(json: Self.message(&reader, view))
    guard case .snapshot(let snapshot) = message else { throw Unexpected(what: "a snapshot, not \(message)") }
    #expect(snapshot.sequence == 2)
    #expect(snapshot.total == 0)
  }

  @Test(arguments: [
    (["a*"], ["a", "ab", "a.b"], ["b", "ba", "acme/x", "b/a"]), (["acme/a*"], ["acme/ab"], ["ab", "acme/b", "acm/ab"]),
    (["x", "Y"], ["x", "y"], ["xy", "yx"]), (["*"], ["anything", "acme/x"], []), ([], ["any"], []),
  ])
  func `patterns name endpoints`(patterns: [String], named: [String], others: [String]) throws {
    let selection = try Self.selection([.endpoints], endpoints: patterns)
    func names(_ key: String) -> Bool {
      let parts = key.split(separator: "/").map(String.init)
      return selection.names(parts.last ?? "", of: parts.count > 1 ? parts[0] : "")
    }
    #expect(named.allSatisfy(names))
    #expect(!others.contains(where: names))
  }

  @Test(arguments: [
    (Subscription(id: "s", filter: "rate>"), "filter: ", "offset 5"),
    (Subscription(id: "s", filter: "rtt>1"), "filter: unknown name \"rtt\"", "offset 0"),
    (Subscription(id: "s", tables: [.listeners], filter: "listeners>1"), "filter: unknown name", "offset 0"),
    (Subscription(id: "s", sort: "-nothing"), "sort: \"-nothing\"", "no member"),
    (Subscription(id: "s", tables: []), "tables is empty", ""),
  ])
  func `what cannot be selected is told with its place`(subscription: Subscription, start: String, part: String) throws {
    let error = try #require(throws: StatusError.self) { try ViewSelection(subscription) }
    #expect(error.code == .badMessage)
    #expect(error.id == "s")
    #expect(error.message.hasPrefix(start))
    #expect(part.isEmpty || error.message.contains(part), "\(error.message)")
  }
}
