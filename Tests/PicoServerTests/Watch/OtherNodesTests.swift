import PicoCore
import PicoStatus
import Testing

@testable import PicoServer

/// What other nodes say, as values: rows put together, merged and marked.
@Suite struct OtherNodesTests {
  private static let known = OtherNodes.Known(address: "10.0.0.2:8082", version: "1", isDraining: false, listeners: 3, isReachable: true)

  private static func node(_ number: Int) throws -> NodeID { try #require(NodeID("n-000000000000000\(number)")) }
  private static func endpoint(_ name: String) throws -> EndpointID { try #require(EndpointID(qualified: name)) }

  /// Two nodes that were asked for everything.
  private static func two() throws -> OtherNodes {
    var others = OtherNodes()
    let (one, two) = (try node(1), try node(2))
    others.update([one: known, two: known], connected: [one, two], now: Timestamp(seconds: 100))
    let wanted = Set(PeerInterest(isAny: true, endpoints: true, listeners: .all).subscriptions.map(\.id))
    for id in [one, two] { others.keep(wanted, of: id) }
    return others
  }

  private static func snapshot(_ id: String, _ sequence: UInt64 = 1, part: Int = 1, parts: Int = 1, _ fill: (inout TableChanges) -> Void)
    -> ServerMessage
  {
    var tables = TableChanges()
    fill(&tables)
    return .snapshot(
      Snapshot(id: id, sequence: sequence, now: Timestamp(seconds: 1), total: 0, part: part, parts: parts, tables: tables))
  }

  private static func update(
    _ id: String, _ sequence: UInt64, removed: [StatusTable: [String]] = [:], _ fill: (inout TableChanges) -> Void = { _ in }
  )
    -> ServerMessage
  {
    var tables = TableChanges()
    fill(&tables)
    return .update(Update(id: id, sequence: sequence, now: Timestamp(seconds: 2), total: 0, tables: tables, removed: removed))
  }

  /// `count` requests in one bucket of latency.
  private static func row(_ id: String, tenant: String = "", count: UInt64, milliseconds: Double, hasBuckets: Bool = true) -> EndpointRow {
    let bucket = LatencyBuckets.index(nanoseconds: UInt64(milliseconds * 1e6))
    return EndpointRow(
      id: id, tenant: tenant, listeners: 2, nodes: 1, inFlight: 1, requestsTotal: count, requestRate: Double(count), errorRate: 1,
      status: StatusClasses(successful: count),
      latency: LatencySummary(p50: milliseconds, p90: milliseconds, p99: milliseconds, max: milliseconds), bytesInRate: 10,
      bytesOutRate: 20,
      latencyBuckets: hasBuckets ? [LatencyBucket(index: bucket, count: count)] : nil)
  }

  @Test func `an endpoint of several nodes is their sum, and its percentiles those of all requests`() throws {
    var others = try Self.two()
    _ = others.receive(
      Self.snapshot("endpoints") { $0.endpoints = [RowChange(new: Self.row("e", count: 90, milliseconds: 10))] }, from: try Self.node(1),
      now: Timestamp(seconds: 100))
    _ = others.receive(
      Self.snapshot("endpoints") { $0.endpoints = [RowChange(new: Self.row("e", count: 9, milliseconds: 1000))] }, from: try Self.node(2),
      now: Timestamp(seconds: 100))
    let own = Self.row("e", count: 1, milliseconds: 5000)
    let sum = try #require(others.row(try Self.endpoint("e"), with: own))
    #expect(sum.nodes == 3 && sum.listeners == 6 && sum.inFlight == 3)
    #expect(sum.requestsTotal == 100 && sum.requestRate == 100 && sum.errorRate == 3 && sum.status.successful == 100)
    #expect(sum.bytesInRate == 30 && sum.bytesOutRate == 60)
    #expect(
      abs(sum.latency.p50 - 10) < 0.5 && abs(sum.latency.p90 - 10) < 0.5 && abs(sum.latency.p99 - 1000) < 50 && sum.latency.max == 5000)
    #expect(sum.latencyBuckets == nil && sum.asOf == nil)
    #expect(others.row(try Self.endpoint("f"), with: nil) == nil)
    #expect(others.endpoints == [try Self.endpoint("e")])
  }

  @Test func `percentiles without buckets are the larger ones, and of one node its own`() throws {
    var others = try Self.two()
    _ = others.receive(
      Self.snapshot("endpoints") { $0.endpoints = [RowChange(new: Self.row("e", count: 90, milliseconds: 10, hasBuckets: false))] },
      from: try Self.node(1), now: Timestamp(seconds: 100))
    let idle = EndpointRow(id: "e", listeners: 1, nodes: 1)
    #expect(others.row(try Self.endpoint("e"), with: idle)?.latency == LatencySummary(p50: 10, p90: 10, p99: 10, max: 10))
    let slow = Self.row("e", count: 1, milliseconds: 70)
    #expect(others.row(try Self.endpoint("e"), with: slow)?.latency == LatencySummary(p50: 70, p90: 70, p99: 70, max: 70))
  }

  @Test func `totals add up, and an endpoint of two nodes is one`() throws {
    var others = try Self.two()
    func totals(_ id: NodeID, _ count: UInt64) -> RowChange<TotalsRow> {
      RowChange(
        new: TotalsRow(
          id: id.text, listeners: 2, endpoints: 5, inFlight: 1, requestsTotal: count, requestRate: 7,
          latency: LatencySummary(p50: 1, p90: 1, p99: 1, max: 1), latencyBuckets: [LatencyBucket(index: 100, count: count)]))
    }
    for (number, count) in [(1, UInt64(10)), (2, 20)] {
      let id = try Self.node(number)
      _ = others.receive(Self.snapshot("overview") { $0.totals = [totals(id, count)] }, from: id, now: Timestamp(seconds: 100))
    }
    let own = TotalsRow(id: "cluster", listeners: 1, endpoints: 5, requestsTotal: 1, latencyBuckets: [LatencyBucket(index: 100, count: 1)])
    let sum = others.totals(with: own, endpoints: 6, .all)
    #expect(sum.id == "cluster" && sum.endpoints == 6 && sum.listeners == 5 && sum.inFlight == 2 && sum.requestsTotal == 31)
    #expect(sum.requestRate == 14 && sum.latencyBuckets == [LatencyBucket(index: 100, count: 31)])
  }

  @Test func `a node that is silent or cannot be reached keeps its rows, marked, and one that left has none`() throws {
    var others = try Self.two()
    let (one, two) = (try Self.node(1), try Self.node(2))
    let listener = ListenerID(bits: 7)
    _ = others.receive(
      Self.snapshot("overview") {
        $0.nodes = [RowChange(new: NodeRow(id: one.text, address: "a:1", version: "1", state: .active, startedAt: Timestamp(seconds: 5)))]
      }, from: one, now: Timestamp(seconds: 100))
    _ = others.receive(
      Self.snapshot("endpoints") { $0.endpoints = [RowChange(new: Self.row("e", count: 1, milliseconds: 1))] }, from: one,
      now: Timestamp(seconds: 100))
    _ = others.receive(
      Self.snapshot("listeners") {
        $0.listeners = [
          RowChange(
            new: ListenerRow(id: "\(listener)", endpoint: "e", node: one.text, remoteAddress: "", connectedAt: Timestamp(seconds: 1)))
        ]
      },
      from: one, now: Timestamp(seconds: 100))
    _ = others.takeTouched()
    func nodeRow(_ id: NodeID) -> NodeRow? { others.nodeRows(.all).first { $0.id == id.text } }
    #expect(nodeRow(one)?.connected == true && nodeRow(one)?.asOf == nil && nodeRow(one)?.address == "a:1")
    // Never heard: what the store knows.
    #expect(nodeRow(two)?.connected == true && nodeRow(two)?.address == "10.0.0.2:8082" && nodeRow(two)?.listeners == 3)
    // Silent.
    others.update([one: Self.known, two: Self.known], connected: [one, two], now: Timestamp(seconds: 104))
    #expect(nodeRow(one)?.connected == false && nodeRow(one)?.asOf == Timestamp(seconds: 100))
    #expect(others.row(listener)?.asOf == Timestamp(seconds: 100))
    #expect(others.row(try Self.endpoint("e"), with: nil)?.asOf == Timestamp(seconds: 100))
    #expect(others.takeTouched() == PeerRows.Touched(endpoints: [try Self.endpoint("e")], listeners: [listener]))
    // Heard again.
    _ = others.receive(Self.update("endpoints", 2), from: one, now: Timestamp(seconds: 105))
    #expect(nodeRow(one)?.connected == true && others.row(listener)?.asOf == nil)
    #expect(others.takeTouched().listeners == [listener])
    // No conversation, no link.
    var unreachable = Self.known
    unreachable.isReachable = false
    others.update([one: unreachable, two: unreachable], connected: [], now: Timestamp(seconds: 106))
    #expect(nodeRow(one)?.asOf == Timestamp(seconds: 105) && nodeRow(two)?.connected == false && nodeRow(two)?.asOf == nil)
    _ = others.takeTouched()
    others.update([two: Self.known], connected: [], now: Timestamp(seconds: 107))
    #expect(nodeRow(one) == nil && others.row(listener) == nil)
    #expect(others.takeTouched() == PeerRows.Touched(endpoints: [try Self.endpoint("e")], listeners: [listener]))
  }

  @Test func `a gap in what a node sends is asked about, and what was there stays until all parts of the answer came`() throws {
    var rows = PeerRows()
    func rowsOf(_ names: [String]) -> (inout TableChanges) -> Void {
      { $0.endpoints = names.map { RowChange(new: EndpointRow(id: $0, listeners: 1, nodes: 1)) } }
    }
    func receive(_ message: ServerMessage) -> PeerRows.Outcome {
      switch message {
      case .snapshot(let snapshot): rows.receive(snapshot)
      case .update(let update): rows.receive(update)
      default: .ignored
      }
    }
    let (a, b, c) = (try Self.endpoint("a"), try Self.endpoint("b"), try Self.endpoint("c"))
    #expect(receive(Self.update("s", 1)) == .ignored)
    #expect(receive(Self.snapshot("s", 2, part: 1, parts: 2, rowsOf(["a"]))) == .ignored)
    #expect(!rows.isFilled && rows.tables.endpoints.isEmpty)
    #expect(receive(Self.snapshot("s", 3, part: 2, parts: 2, rowsOf(["b"]))) == .applied(.init(endpoints: [a, b])))
    #expect(receive(Self.update("s", 4, removed: [.endpoints: ["a"]], rowsOf(["c"]))) == .applied(.init(endpoints: [a, c])))
    #expect(receive(Self.update("s", 6)) == .resync)
    #expect(receive(Self.update("s", 7, removed: [.endpoints: ["b"]])) == .ignored)
    #expect(Set(rows.tables.endpoints.keys) == [b, c])
    #expect(receive(Self.snapshot("s", 8, part: 1, parts: 2, rowsOf(["c"]))) == .ignored)
    #expect(Set(rows.tables.endpoints.keys) == [b, c])
    #expect(receive(Self.snapshot("s", 9, part: 2, parts: 2, rowsOf(["a"]))) == .applied(.init(endpoints: [a, b, c])))
    #expect(Set(rows.tables.endpoints.keys) == [a, c])
  }

  @Test func `events of other nodes are kept with those who may see them`() throws {
    var events = PeerEvents()
    let acme = try #require(TenantID("acme"))
    for (number, audience) in [(UInt64(1), "everybody"), (2, "fleet"), (3, "tenant acme"), (4, "tenant "), (5, "of a later version")] {
      let event = StatusEvent(
        at: Timestamp(seconds: 1), kind: .listenerConnected, node: "n", number: number, details: ["audience": audience, "endpoint": "e"])
      events.add(event)
      events.add(event)
    }
    func numbers(_ number: UInt64, _ scope: TenantScope) -> [UInt64] { events.events(after: number, scope).map(\.number) }
    #expect(numbers(0, .all) == [1, 2, 3, 4, 5] && numbers(3, .all) == [4, 5] && numbers(5, .all) == [])
    #expect(numbers(0, .only(acme)) == [1, 3] && numbers(0, .only(.default)) == [1, 4])
    #expect(events.events(after: 0, .all).allSatisfy { $0.details == ["endpoint": "e"] })
    for number in 6...3000 { events.add(StatusEvent(at: Timestamp(seconds: 1), kind: .nodeJoined, node: "n", number: UInt64(number))) }
    #expect((1000...1125).contains(numbers(0, .all).count) && events.lastNumber == 3000)
    for audience in [EventLog.Audience.everybody, .fleet, .tenant(acme), .tenant(.default)] {
      #expect(EventLog.Audience(member: audience.text) == audience)
    }
  }

  @Test func `a node is told only what is new of what is wanted`() throws {
    let e = try Self.endpoint("acme/e")
    func told(_ wanted: PeerInterest, after old: PeerInterest?) -> [ClientMessage] { wanted.messages(after: old, node: "n", lastEvent: 3) }
    var first = PeerInterest()
    first.insert(try ViewSelection(Subscription(id: "s", tables: [.listeners], endpoint: "E"), of: .only(e.tenant)))
    #expect(first.listeners == .of([e]) && first.tenants == [e.tenant] && !first.endpoints)
    let ids = told(first, after: nil).map { if case .subscribe(let subscription) = $0 { subscription.id } else { "" } }
    #expect(ids == ["overview", "overview of acme", "listeners of acme/e"])
    #expect(told(first, after: first).isEmpty)
    var second = first
    second.insert(try ViewSelection(Subscription(id: "s", tables: [.listeners, .endpoints])))
    second.events = true
    second.tails = [e: 0.5]
    let messages = told(second, after: first)
    #expect(
      messages.contains(.unsubscribe(id: "listeners of acme/e")) && messages.contains(.tail(id: "acme/e", endpoint: "acme/e", sample: 0.5)))
    let subscribed = messages.compactMap { if case .subscribe(let subscription) = $0 { subscription } else { nil } }
    #expect(subscribed.map(\.id) == ["overview", "endpoints", "listeners"] && subscribed.first?.eventsSince == ["n": 3])
    #expect(subscribed.allSatisfy { $0.isFull && $0.scope == .node })
    #expect(told(first, after: second).contains(.untail(id: "acme/e")))
    // What is of this node alone concerns no other.
    var none = PeerInterest()
    none.insert(try ViewSelection(Subscription(id: "s", scope: .node)))
    #expect(none == PeerInterest() && none.subscriptions.isEmpty)
    var many = PeerInterest.Listeners.of([])
    for number in 0..<100 { many.formUnion(.of([try Self.endpoint("e\(number)")])) }
    #expect(many == .all)
  }

  @Test(arguments: [(-400, 0), (400, 0), (2600, 3), (-7400, -7)])
  func `histories are added second by second, and end where all have their second`(milliseconds: Int, places: Int) {
    func point(_ rate: Double, _ latency: Double) -> HistorySeries.Point {
      guard rate > 0 else { return .init() }
      let bucket = LatencyBucket(index: LatencyBuckets.index(nanoseconds: UInt64(latency * 1e6)), count: UInt64(rate))
      return .init(requestRate: rate, errorRate: 1, p50: latency, p90: latency, p99: latency, latencyBuckets: [bucket])
    }
    func history(_ from: Int, _ points: [HistorySeries.Point]) -> History {
      History(
        endpoint: "e", now: Timestamp(seconds: 1000),
        series: [HistorySeries(stepMilliseconds: 1000, from: Timestamp(milliseconds: Int64(from)), points: points)])
    }
    let own = history(990_000, (0..<10).map { point($0 == 5 ? 99 : 0, 10) })
    // Its clock is an hour ahead, and as many points as fill the time until the end of this one's.
    let count = 10 - places
    let other = History(
      endpoint: "e", now: Timestamp(seconds: 4600),
      series: history(990_000 + milliseconds + 3_600_000, (0..<count).map { _ in point(1, 1000) }).series)
    let merged = own.merged(with: [other.moved(to: Timestamp(seconds: 1000))], since: nil)
    let series = merged.series[0]
    #expect(series.from == Timestamp(milliseconds: Int64(990_000 + 1000 * min(0, places))))
    #expect(series.points.count == 10 - min(0, places))
    let busy = series.points[5 - min(0, places)]
    #expect(busy.requestRate == 100 && busy.errorRate == 2 && abs(busy.p50 - 10) < 0.5 && abs(busy.p99 - 10) < 0.5)
    #expect(series.points.last == point(1, 1000))
    // One that is a second behind: the last second would lack its part.
    let late = history(990_000, Array(repeating: point(1, 1), count: 9))
    #expect(own.merged(with: [late], since: nil).series[0].points.count == 9)
    let since = own.merged(with: [late], since: Timestamp(milliseconds: 994_000)).series[0]
    #expect(since.from == Timestamp(milliseconds: 995_000) && since.points.count == 4)
    #expect(own.merged(with: [], since: Timestamp(seconds: 2000)).series[0].points.isEmpty)
    #expect(own.merged(with: [], since: nil) == own)
  }
}
