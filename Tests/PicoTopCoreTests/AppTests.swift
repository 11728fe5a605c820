import PicoCore
import PicoStatus
import PicoTopCore
import Testing

@Suite struct AppTests {
  // MARK: Subscriptions

  @Test func `listeners, history and errors are asked for only while a screen shows them`() throws {
    var stage = try Stage()
    stage.connect()
    #expect(stage.sent.map(\.kind) == ["subscribe fleet"])
    stage.answer()
    stage.type("4")
    #expect(stage.sent.map(\.kind) == ["subscribe listeners"])
    stage.answer()
    stage.type("1")
    #expect(stage.sent.map(\.kind) == ["unsubscribe listeners", "subscribe busiest", "history"])
    stage.answer()
    stage.pass(.seconds(1))
    stage.happen(.tick)
    #expect(stage.sent.map(\.kind) == ["history since"])
    stage.answer()
    stage.type("2")
    #expect(stage.sent.map(\.kind) == ["unsubscribe busiest"])
    stage.answer()
    stage.type("3")
    #expect(stage.sent.map(\.kind) == ["subscribe listeners", "history", "errors"])
    stage.answer()
    stage.type("5")
    #expect(stage.sent.map(\.kind) == ["unsubscribe listeners", "tail"])
    stage.answer()
    stage.press(.escape)
    #expect(stage.sent.map(\.kind) == ["subscribe listeners", "untail", "history since", "errors"])
  }

  @Test func `a new connection is asked for events after the last one that is known`() throws {
    var stage = try Stage()
    stage.settle()
    stage.happen(.connection(.lost(reason: "reset", retrySeconds: 1), server: 0))
    stage.effects = []
    stage.connect()
    guard case .subscribe(let subscription) = stage.sent.first else { return #expect(Bool(false), "no subscription") }
    #expect(subscription.eventsSince == ["n-1f3a": 5])
  }

  // MARK: Staleness

  @Test func `a gap in the sequence asks for a snapshot and nothing is live until it came`() throws {
    var stage = try Stage()
    stage.settle()
    #expect(stage.lines()[0].contains("live"))
    _ = stage.nextSequence("fleet")
    stage.update()
    #expect(stage.sent == [.resync(id: "fleet")])
    #expect(!stage.lines()[0].contains("live"))
    stage.effects = []
    for reply in MadeFleet().snapshots(
      Subscription(id: "fleet", tables: [.nodes, .endpoints, .totals]), now: stage.now.wall, sequence: { stage.nextSequence($0) })
    {
      stage.happen(.message(reply, server: 0))
    }
    #expect(stage.lines()[0].contains("live"))
    stage.update()
    #expect(stage.sent.isEmpty)
  }

  @Test func `a snapshot that stops in the middle is never shown`() throws {
    var stage = try Stage()
    stage.connect()
    var fleet = MadeFleet(endpoints: 100)
    fleet.partSize = 40
    stage.effects = []
    let parts = fleet.snapshots(
      Subscription(id: "fleet", tables: [.nodes, .endpoints, .totals]), now: stage.now.wall, sequence: { stage.nextSequence($0) })
    #expect(parts.count == 3)
    stage.happen(.message(parts[0], server: 0))
    stage.happen(.message(parts[1], server: 0))
    #expect(stage.lines()[0].contains("loading 66 %"))
    #expect(!stage.text().contains("api-gateway"))
    stage.happen(.message(parts[2], server: 0))
    #expect(stage.lines()[1].contains("100 endpoints"))
  }

  @Test func `a part that is missing makes it ask again`() throws {
    var stage = try Stage()
    stage.connect()
    var fleet = MadeFleet(endpoints: 100)
    fleet.partSize = 40
    stage.effects = []
    let parts = fleet.snapshots(Subscription(id: "fleet"), now: stage.now.wall, sequence: { stage.nextSequence($0) })
    stage.happen(.message(parts[0], server: 0))
    stage.happen(.message(parts[2], server: 0))
    #expect(stage.sent == [.resync(id: "fleet")])
    #expect(!stage.text().contains("api-gateway"))
  }

  @Test func `a silent server grows old and says so`() throws {
    var stage = try Stage()
    stage.settle()
    stage.pass(.seconds(12))
    stage.happen(.tick)
    #expect(stage.lines()[0].contains("12s old"))
    #expect(stage.text().contains("nothing came for 12s"))
    stage.update()
    #expect(stage.lines()[0].contains("live"))
  }

  @Test func `a clock that goes back is told and ages stay sane`() throws {
    var stage = try Stage()
    stage.settle()
    stage.update { $0.now = Timestamp(seconds: 5) }
    #expect(stage.text().contains("its clock went back"))
    stage.type("6")
    #expect(stage.text().contains(" 0s"))
  }

  @Test func `what is recorded is not live, does not grow old in a pause, and may go back`() throws {
    var stage = try Stage { options, _ in options.isReplay = true }
    stage.settle()
    stage.pass(.seconds(60))
    stage.happen(.tick)
    #expect(stage.lines()[0].contains("recorded  replay 10:01:00 1x"), "\(stage.lines()[0])")
    stage.update { $0.now = Timestamp(seconds: 5) }
    #expect(!stage.text().contains("old") && !stage.text().contains("went back"))
    stage.type("4")
    #expect(stage.text().contains("not in the recording up to here"))
    stage.type("2")
    stage.happen(.rewind)
    #expect(!stage.text().contains("api-gateway"))
    stage.settle()
    #expect(stage.text().contains("api-gateway"))
  }

  @Test func `listeners and errors of another endpoint are not shown as those of this one`() throws {
    var stage = try Stage()
    stage.settle()
    stage.type("3")
    stage.answer()
    stage.effects = []
    stage.press(.escape)
    _ = stage.grid()
    stage.press(.down)
    stage.type("3")
    #expect(!stage.text().contains("upstream-timeout"))
    var other = ListenerRow(blank: "l-other")
    other.endpoint = "api-gateway"
    var tables = TableChanges()
    tables.listeners = [RowChange(other)]
    stage.happen(
      .message(.snapshot(Snapshot(id: "listeners", sequence: 1, now: stage.now.wall, total: 1, tables: tables)), server: 0))
    #expect(!stage.text().contains("l-other"))
  }

  @Test func `a newer protocol gets one line that names both`() throws {
    var stage = try Stage()
    stage.happen(.connection(.connected, server: 0))
    stage.happen(
      .message(
        .hello(Hello(minimumProtocol: 2, maximumProtocol: 3, node: "n", version: "9", role: .operator, now: stage.now.wall)), server: 0))
    #expect(stage.sent.isEmpty)
    #expect(stage.text().contains("localhost:8081 has status protocol 2-3, this pico-top 1: update pico-top"))
  }

  // MARK: Rows

  @Test func `the selection stays on its row when the order changes`() throws {
    var stage = try Stage()
    stage.settle()
    _ = stage.grid()
    stage.press(.down, .down)
    #expect(stage.press(.character("y")).contains(.copy("search")))
    stage.update { update in
      var row = EndpointRow(blank: "search")
      row.requestRate = 9999
      update.tables.endpoints = [RowChange(row, members: MemberSet(rawValue: 1 << 5))]
    }
    #expect(stage.lines()[4].contains("search"))
    #expect(stage.grid().cursor?.row == 4)
    #expect(stage.press(.character("y")).contains(.copy("search")))
  }

  @Test func `a filter holds while it is typed, keeps the last good one, and Esc brings the old one back`() throws {
    var stage = try Stage()
    stage.settle()
    stage.type("/rate>100")
    #expect(stage.lines()[1].contains("3 of 12 endpoints"))
    stage.type(" and")
    #expect(stage.lines()[1].contains("3 of 12 endpoints"))
    stage.press(.escape)
    #expect(stage.lines()[1].contains(" 12 endpoints"))
    stage.type("/rate>100")
    stage.press(.enter)
    stage.type("/")
    stage.press(.control("u"))
    #expect(stage.lines()[1].contains(" 12 endpoints"))
    stage.press(.up)
    #expect(stage.lines()[1].contains("3 of 12 endpoints"))
    stage.press(.enter, .escape)
    #expect(stage.lines()[1].contains(" 12 endpoints"))
  }

  @Test func `the column that sorts is always seen`() throws {
    var stage = try Stage()
    stage.settle()
    // Latencies that have no place in 80 columns among them.
    for title in ["ERR/S", "P50", "P90", "P99", "MAX"] {
      stage.type(">")
      #expect(stage.lines()[3].contains("▼" + title), "\(stage.lines()[3])")
    }
  }

  @Test func `until a row is selected the first one is, whichever that is`() throws {
    var stage = try Stage()
    stage.settle()
    _ = stage.grid()
    func raise(_ name: String, _ rate: Double) {
      stage.update { update in
        var row = EndpointRow(blank: name)
        row.requestRate = rate
        update.tables.endpoints = [RowChange(row, members: MemberSet(rawValue: 1 << 5))]
      }
    }
    raise("search", 9999)
    #expect(stage.grid().cursor?.row == 4)
    #expect(stage.press(.character("y")).contains(.copy("search")))
    stage.type("g")
    raise("auth", 99_999)
    #expect(stage.grid().cursor?.row == 5)
    #expect(stage.press(.character("y")).contains(.copy("search")))
  }

  @Test func `who is at the top stays there when the order is another, who is at a row stays at the row`() throws {
    var stage = try Stage()
    stage.settle()
    _ = stage.grid()
    stage.type(">>")
    #expect(stage.grid().cursor?.row == 4)
    #expect(!stage.press(.character("y")).contains(.copy("api-gateway")))
    stage.type("g")
    stage.press(.down)
    let before = stage.press(.character("y"))
    stage.type("r")
    #expect(stage.press(.character("y")) == before)
  }

  @Test func `the endpoint's column of the listeners stays where it is when their order is changed without it`() throws {
    var stage = try Stage()
    stage.settle()
    stage.type("3")
    stage.answer()
    stage.type("r")
    #expect(stage.app.settings.columns["listeners"]?.prefix(3) == ["id", "endpoint", "state"])
  }

  @Test func `frozen rows stay as they were`() throws {
    var stage = try Stage()
    stage.settle()
    stage.type("f")
    stage.update { $0.removed = [.endpoints: ["search"]] }
    #expect(stage.text().contains("search"))
    #expect(stage.text().contains("frozen"))
    stage.type("f")
    #expect(!stage.text().contains("search"))
  }

  @Test func `order and columns are remembered`() throws {
    var stage = try Stage()
    stage.settle()
    #expect(stage.type(">").contains(.saveSettings))
    #expect(stage.app.settings.sort["endpoints"] == "-errors")
    #expect(stage.lines()[3].contains("▼ERR/S"))
    stage.type("c")
    stage.press(.down)
    #expect(stage.type(" ").contains(.saveSettings))
    #expect(stage.app.settings.columns["endpoints"]?.contains("tenant") == true)
    stage.press(.escape)
    #expect(stage.lines()[3].contains("TENANT"))
  }

  @Test func `the mouse sorts by a header, selects a row, opens it and presses a key of the footer`() throws {
    var stage = try Stage()
    stage.settle()
    let header = stage.lines()[3]
    let column = header.distance(from: header.startIndex, to: header.firstRange(of: "ERR/S")?.lowerBound ?? header.startIndex)
    func press(_ row: Int, _ column: Int, _ action: MouseEvent.Action = .press) -> AppEvent {
      .mouse(MouseEvent(action: action, position: Grid.Position(row: row, column: column)))
    }
    stage.happen(press(3, column))
    #expect(stage.lines()[3].contains("▼ERR/S"))
    // However fast it comes again.
    stage.happen(press(3, column, .doublePress))
    #expect(stage.lines()[3].contains("▲ERR/S"))
    stage.happen(press(3, column))
    stage.happen(press(6, 5))
    #expect(stage.grid().cursor?.row == 6)
    stage.happen(press(4, 5, .doublePress))
    #expect(stage.lines()[0].contains("Endpoints › checkout"))
    let footer = stage.lines()[23]
    let quit = footer.distance(from: footer.startIndex, to: footer.firstRange(of: "quit")?.lowerBound ?? footer.startIndex)
    #expect(stage.happen(press(23, quit)).contains(.quit))
  }

  @Test func `a theme is tried while it is chosen and comes back with Esc`() throws {
    var stage = try Stage()
    stage.settle()
    stage.type("t")
    stage.press(.down)
    #expect(stage.app.theme.name == Theme.defaultName)
    stage.press(.escape)
    #expect(stage.app.theme.name == "golden")
    stage.type("t")
    stage.press(.down)
    #expect(stage.press(.enter).contains(.saveSettings))
    #expect(stage.app.settings.theme == Theme.defaultName)
  }

  @Test(arguments: [
    ("nodes", "Nodes"), ("no", "Nodes"), ("7", "Events"), ("ov", "Overview"), ("end", "Endpoints"), ("blocks", "Blocks"),
  ])
  func `a typed command goes to its screen`(command: String, title: String) throws {
    var stage = try Stage()
    stage.settle()
    stage.type(":\(command)")
    stage.press(.tab, .enter)
    #expect(stage.lines()[0].contains(title))
  }

  @Test func `what is wrong in the settings ends the start with one line`() {
    #expect(throws: AppError("keys.disconnect: q is bound to quit too")) { try Stage { $1.keys = ["disconnect": ["q"]] } }
    #expect(throws: AppError.self) { try Stage { options, _ in options.startFilter = "rate>" } }
    #expect(throws: AppError.self) { try Stage { options, _ in options.startSort = "-speed" } }
  }
}

extension ClientMessage {
  /// For comparing what was sent.
  var kind: String {
    switch self {
    case .subscribe(let subscription): "subscribe \(subscription.id)"
    case .unsubscribe(let id): "unsubscribe \(id)"
    case .resync: "resync"
    case .history(_, let since, _): since == nil ? "history" : "history since"
    case .errors: "errors"
    case .disconnect: "disconnect"
    case .unblock: "unblock"
    case .drainNode: "drain-node"
    case .tail: "tail"
    case .untail: "untail"
    }
  }
}
