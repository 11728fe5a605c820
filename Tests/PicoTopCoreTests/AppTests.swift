import PicoCore
import PicoStatus
import PicoTopCore
import Testing

@Suite struct AppTests {
  private func onEndpoint(_ name: String = "api-gateway", change: (inout AppOptions, inout TopSettings) -> Void = { _, _ in }) throws
    -> Stage
  {
    var stage = try Stage(change: change)
    stage.settle()
    stage.type("/name==\(name)")
    stage.press(.enter)
    stage.type("3")
    stage.answer()
    _ = stage.grid()
    return stage
  }

  private func disconnects(_ effects: [AppEffect], isDryRun: Bool) -> [Disconnect] {
    effects.compactMap { effect in
      guard case .send(.disconnect(let message), _) = effect, message.isDryRun == isDryRun else { return nil }
      return message
    }
  }

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
    #expect(throws: AppError("keys: q is bound to both disconnect and quit")) { try Stage { $1.keys = ["disconnect": ["q"]] } }
    #expect(throws: AppError.self) { try Stage { options, _ in options.startFilter = "rate>" } }
    #expect(throws: AppError.self) { try Stage { options, _ in options.startSort = "-speed" } }
  }

  // MARK: Disconnecting

  @Test func `y disconnects one listener that is not the last, and refuses to take the last`() throws {
    var stage = try onEndpoint()
    let dry = disconnects(stage.type("x"), isDryRun: true)
    #expect(dry.map(\.listeners) == [["l-3f2a00"]])
    // Not before the server said what it would do.
    #expect(disconnects(stage.type("y"), isDryRun: false).isEmpty)
    stage.answer()
    let sent = disconnects(stage.type("y"), isDryRun: false)
    #expect(sent.map(\.listeners) == [["l-3f2a00"]])
    #expect(sent.first?.minimumRemaining == 1)
    #expect(sent.first?.scope == .listener)
    stage.answer()
    #expect(stage.text().contains("ok   l-3f2a00: done, 2 left"))
    stage.press(.enter)
    stage.type("7")
    #expect(stage.text().contains("disconnect l-3f2a00 of api-gateway (drain)"))
  }

  @Test func `Enter on the dialog as it opens cancels`() throws {
    var stage = try onEndpoint()
    stage.type("x")
    stage.answer()
    #expect(disconnects(stage.press(.enter), isDryRun: false).isEmpty)
    #expect(!stage.text().contains("Cancel"))
  }

  @Test func `the last listener needs the endpoint's name`() throws {
    var stage = try onEndpoint("search")
    stage.type("x")
    stage.answer()
    #expect(stage.text().contains("none: the endpoint goes away"))
    stage.type("y")
    #expect(disconnects(stage.press(.enter), isDryRun: false).isEmpty)
    stage.press(.backspace)
    stage.type("search")
    let sent = disconnects(stage.press(.enter), isDryRun: false)
    #expect(sent.map(\.listeners) == [["l-3f2a20"]])
    #expect(sent.first?.minimumRemaining == 0)
  }

  @Test func `a server that does not count makes it ask for typing`() throws {
    var stage = try onEndpoint()
    stage.type("x")
    stage.pass(.seconds(4))
    stage.happen(.tick)
    #expect(stage.text().contains("type api-gateway to confirm"))
  }

  @Test func `a tagged set needs its count or the endpoint's name`() throws {
    var stage = try onEndpoint()
    stage.type("  x")
    stage.answer()
    #expect(stage.text().contains("type api-gateway to confirm"))
    stage.type("api-gateway")
    #expect(disconnects(stage.press(.enter), isDryRun: false).map(\.listeners) == [["l-3f2a00", "l-3f2a01"]])
  }

  @Test func `a block is counted by the server, and one that takes all needs typing`() throws {
    var stage = try onEndpoint()
    stage.type("x")
    stage.answer()
    #expect(stage.text().contains("comes back at once"))
    stage.press(.up)
    let dry = disconnects(stage.press(.right), isDryRun: true)
    #expect(dry.map(\.blockSeconds) == [60])
    #expect(dry.map(\.scope) == [.agent])
    stage.happen(
      .message(
        .result(ActionResult(id: dry.first?.id ?? "", results: [ListenerResult(listener: "l-3f2a00", ok: true, remaining: 0)], matched: 3)),
        server: 0))
    #expect(stage.text().contains("matches 3 listeners, also 2 not chosen"))
    #expect(stage.text().contains("type api-gateway to confirm"))
  }

  @Test func `what is behind the dialog may change: the target does not`() throws {
    var stage = try onEndpoint()
    stage.type("x")
    stage.answer()
    stage.update("listeners") { update in
      var row = ListenerRow(blank: "l-3f2a02")
      row.requestRate = 9999
      update.tables.listeners = [RowChange(row, members: MemberSet(rawValue: 1 << 12))]
    }
    #expect(disconnects(stage.type("y"), isDryRun: false).map(\.listeners) == [["l-3f2a00"]])
  }

  @Test(arguments: [true, false])
  func `who may only look has no key to disconnect`(isReadOnly: Bool) throws {
    var stage = try Stage { options, _ in options.isReadOnly = isReadOnly }
    stage.settle(role: isReadOnly ? .operator : .viewer)
    stage.type("4")
    stage.answer()
    #expect(!stage.text().contains("disconnect"))
    #expect(stage.type("x").isEmpty)
    #expect(!stage.text().contains("Cancel"))
    stage.type("?G")
    #expect(!stage.text().contains("disconnect the tagged"))
  }

  @Test func `a protected server always asks for typing`() throws {
    var stage = try onEndpoint { options, _ in options.protected = ["LOCALHOST*"] }
    stage.type("x")
    stage.answer()
    #expect(stage.text().contains("type api-gateway to confirm"))
  }

  @Test func `an answer that a lost connection took with it is not called done`() throws {
    var stage = try onEndpoint()
    stage.type("x")
    stage.answer()
    stage.type("y")
    stage.happen(.connection(.lost(reason: "reset", retrySeconds: 1), server: 0))
    #expect(stage.text().contains("not  the connection was lost; it may have been done or not"))
  }

  @Test func `an error of the server to an action is shown and kept`() throws {
    var stage = try Stage()
    stage.settle()
    stage.type("8")
    _ = stage.grid()
    stage.type("uy")
    guard case .unblock(let id, let block) = stage.sent.last else { return #expect(Bool(false), "nothing was sent") }
    #expect(block == "b-0c11")
    stage.happen(.message(.error(StatusError(id: id, code: .forbidden, message: "you are a viewer")), server: 0))
    stage.press(.escape)
    stage.type("7")
    #expect(stage.text().contains("forbidden: you are a viewer"))
  }
}

extension ClientMessage {
  /// For comparing what was sent.
  var kind: String {
    switch self {
    case .subscribe(let subscription): "subscribe \(subscription.id)"
    case .unsubscribe(let id): "unsubscribe \(id)"
    case .resync: "resync"
    case .history(_, let since): since == nil ? "history" : "history since"
    case .errors: "errors"
    case .disconnect: "disconnect"
    case .unblock: "unblock"
    case .drainNode: "drain-node"
    case .tail: "tail"
    case .untail: "untail"
    }
  }
}
