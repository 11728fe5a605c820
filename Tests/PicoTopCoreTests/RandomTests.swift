import PicoCore
import PicoStatus
import PicoTopCore
import Testing

/// Whatever happens in whatever order: there is no trap, and a grid of the size that was asked for.
@Suite struct RandomTests {
  private static let keys: [Key] =
    KeyEntry.all.flatMap(\.keys) + "abcdefgnsy0123456789<>(){}\"'~=!日é ".map { Key.character($0) }
    + [.tab, .backTab, .enter, .enter, .escape, .escape, .backspace, .delete, .insert, .control("u"), .control("w"), .function(5)]
  private static let names = [
    "api", "日本語のとても長い名前です", "שלום", "a\u{1B}[2J\u{202E}b", "👩\u{200D}💻🇫🇷👍🏽", "\u{301}\u{301}x", "", String(repeating: "n", count: 10_000),
  ]

  @Test(arguments: 0..<12 as Range<UInt64>)
  func `random keys, sizes and messages always give a grid`(seed: UInt64) throws {
    var random = SplitMixGenerator(seed: seed)
    var stage = try Stage(servers: seed % 3 == 0 ? ["a", "b"] : ["a"]) { options, _ in
      options.isASCII = seed % 5 == 0
      options.isReadOnly = seed % 7 == 6
      options.isReplay = seed % 11 == 10
      options.protected = seed % 4 == 1 ? ["a*"] : []
    }
    stage.settle()
    var size = Size(columns: 80, rows: 24)
    for _ in 0..<250 {
      stage.pass(.milliseconds(Int.random(in: 0..<900, using: &random)))
      switch Int.random(in: 0..<20, using: &random) {
      case 0:
        size = Size(columns: Int.random(in: 0..<220, using: &random), rows: Int.random(in: 0..<60, using: &random))
        stage.happen(.resize(size))
      case 1:
        stage.happen(
          .mouse(
            MouseEvent(
              action: [.press, .doublePress, .wheelUp, .wheelDown].randomElement(using: &random) ?? .press,
              position: Grid.Position(row: Int.random(in: -1..<60, using: &random), column: Int.random(in: -1..<220, using: &random)))))
      case 2: stage.happen(.connection(.lost(reason: "x\u{1B}c", retrySeconds: .infinity), server: 0))
      case 3: stage.settle(server: Int.random(in: 0..<3, using: &random))
      case 4...7: stage.happen(.message(message(&random), server: Int.random(in: 0..<3, using: &random)))
      case 8: stage.answer()
      case 9: stage.happen(Int.random(in: 0..<4, using: &random) == 0 ? .rewind : .tick)
      case 10: stage.happen(.paste("api\n\u{1B}[200~x"))
      default: stage.press(Self.keys.randomElement(using: &random) ?? .escape)
      }
      let grid = stage.grid()
      guard grid.size == size, grid.cells.count == size.columns * size.rows else {
        Issue.record("the grid is \(grid.size), not \(size)")
        return
      }
      if stage.effects.count > 500 { stage.effects.removeAll() }
    }
  }

  private func message(_ random: inout SplitMixGenerator) -> ServerMessage {
    let name = Self.names.randomElement(using: &random) ?? ""
    let big = [0, 1, Int.max, Int.min, -1].randomElement(using: &random) ?? 0
    let wild = [0, -1, .infinity, .nan, 1e300, 12.5].randomElement(using: &random) ?? 0
    let now = Timestamp(seconds: Stage.start.seconds + Int64.random(in: -9000..<9000, using: &random))
    var tables = TableChanges()
    tables.endpoints = [
      RowChange(
        EndpointRow(
          id: name, listeners: big, inFlight: big, requestRate: wild, errorRate: wild, latency: LatencySummary(p50: wild, p99: wild)))
    ]
    tables.listeners = [
      RowChange(
        ListenerRow(
          id: "l-" + name, endpoint: name, node: name, agent: name, remoteAddress: name, connectedAt: now,
          state: ListenerState(rawValue: name),
          roundTrip: wild, inFlight: big, latency: LatencySummary(p50: wild)))
    ]
    tables.nodes = [
      RowChange(
        NodeRow(id: name, address: name, version: name, state: .draining, startedAt: now, cpu: wild, connected: false, asOf: now))
    ]
    tables.blocks = [RowChange(BlockRow(id: name, scope: .agent, match: name, by: name, since: now, until: now))]
    tables.totals = [
      RowChange(
        TotalsRow(listeners: big, endpoints: big, inFlight: big, requestRate: wild, errorRate: wild, latency: LatencySummary(p99: wild)))
    ]
    let id = ["fleet", "listeners", "busiest", "?"].randomElement(using: &random) ?? ""
    let sequence = UInt64.random(in: 0..<9, using: &random)
    switch Int.random(in: 0..<10, using: &random) {
    case 0:
      return .hello(
        Hello(
          minimumProtocol: Int.random(in: -1..<4, using: &random), maximumProtocol: big, node: name, version: name, role: .operator,
          now: now))
    case 1, 2:
      return .snapshot(
        Snapshot(
          id: id, sequence: sequence, now: now, total: big, part: Int.random(in: 0..<3, using: &random),
          parts: Int.random(in: 0..<3, using: &random),
          tables: tables))
    case 3, 4:
      return .update(
        Update(id: id, sequence: sequence, now: now, total: big, tables: tables, removed: [.endpoints: [name], .listeners: ["l-" + name]]))
    case 5:
      let point = HistorySeries.Point(
        requestRate: wild, errorRate: wild, p50: wild, p90: wild, p99: wild, latencyBuckets: [LatencyBucket(index: 9, count: .max)])
      return .history(
        History(
          endpoint: Bool.random(using: &random) ? nil : name, now: now,
          series: [
            HistorySeries(
              stepMilliseconds: [1000, 10_000, 0, Int.max].randomElement(using: &random) ?? 1, from: now, points: [point, point])
          ]))
    case 6:
      return .errors(
        RecentErrors(endpoint: name, errors: [RecentErrors.Failure(at: now, code: name, status: big, listener: name, requestID: name)]))
    case 7:
      let listener = ListenerResult(listener: name, ok: false, error: name, remaining: big)
      return .result(ActionResult(id: "d\(Int.random(in: 0..<40, using: &random))", results: [listener], matched: big, error: nil))
    case 8:
      return .request(
        TailedRequest(
          id: "t\(Int.random(in: 0..<40, using: &random))", at: now, method: name, path: name, status: big, latency: wild, listener: name,
          node: name,
          bytesIn: .max, bytesOut: .max, requestID: name, skipped: big))
    default:
      return Bool.random(using: &random)
        ? .event(
          StatusEvent(
            at: now, kind: StatusEvent.Kind(rawValue: name), node: name, number: sequence, details: [name: name, "endpoint": name]))
        : .error(StatusError(id: "c1", code: .forbidden, message: name))
    }
  }

  @Test func `every small size gives a grid on every screen`() throws {
    var stage = try Stage()
    stage.settle()
    for screen in "12345678" {
      stage.press(.escape, .escape, .escape, .character(screen))
      stage.answer()
      for columns in stride(from: 0, to: 24, by: 3) {
        for rows in 0..<12 {
          let size = Size(columns: columns, rows: rows)
          stage.happen(.resize(size))
          #expect(stage.grid().size == size)
        }
      }
    }
  }
}
