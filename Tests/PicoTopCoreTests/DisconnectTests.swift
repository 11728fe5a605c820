import PicoCore
import PicoStatus
import PicoTopCore
import Testing

@Suite struct DisconnectTests {
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
    #expect(stage.text().contains("ok   l-3f2a00: 2 left"))
    stage.press(.enter)
    stage.type("7")
    let line = stage.lines().first { $0.contains("l-3f2a00") && $0.contains("disconnect (drain)") }
    #expect(line?.contains("done") == true && line?.contains("api-gateway") == true)
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
    for screen in "24" {
      stage.press(.character(screen))
      stage.answer()
      #expect(!stage.text().contains("disconnect"))
      #expect(stage.type("x").isEmpty)
      #expect(!stage.text().contains("Cancel"))
    }
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
    #expect(stage.text().contains("not-done"))
    stage.type("/what~viewer")
    #expect(stage.lines()[1].contains("1 of 6 events"))
  }

  // MARK: All listeners of endpoints

  @Test func `x on an endpoint asks for its listeners, names them all and needs the endpoint's name`() throws {
    var stage = try Stage()
    stage.settle()
    _ = stage.grid()
    stage.type("x")
    #expect(stage.text().contains("looking for the listeners"))
    guard case .subscribe(let subscription) = stage.sent.last else { return #expect(Bool(false), "no subscription") }
    #expect(subscription.tables == [.listeners] && subscription.endpoint == "api-gateway")
    stage.answer()
    #expect(stage.text().contains("Disconnect 3 listeners"))
    #expect(stage.text().contains("none: the endpoint goes away"))
    stage.type("y")
    #expect(disconnects(stage.press(.enter), isDryRun: false).isEmpty)
    stage.press(.backspace)
    stage.type("api-gateway")
    let sent = disconnects(stage.press(.enter), isDryRun: false)
    #expect(sent.map(\.listeners) == [["l-3f2a00", "l-3f2a01", "l-3f2a02"]])
    stage.answer()
    #expect(stage.text().contains("ok   l-3f2a02: 0 left"))
    stage.press(.enter)
    // Who closes the dialog no longer hears of listeners.
    #expect(stage.sent.map(\.kind) == ["unsubscribe listeners"])
    stage.type("7")
    #expect(stage.text().contains("disconnect 3 listeners"))
    #expect(stage.lines().count { $0.contains("0 left") } == 3)
  }

  @Test func `x on tagged endpoints needs the number of their listeners`() throws {
    var stage = try Stage()
    stage.settle()
    _ = stage.grid()
    stage.type("  x")
    stage.answer()
    #expect(stage.text().contains("type 5 to confirm"), "\(stage.text())")
    stage.type("5")
    let sent = disconnects(stage.press(.enter), isDryRun: false)
    #expect(sent.map(\.listeners) == [["l-3f2a00", "l-3f2a01", "l-3f2a02", "l-3f2a10", "l-3f2a11"]])
    #expect(!stage.text().contains("tagged"))
  }

  @Test func `the listeners that were there first are the ones that are meant`() throws {
    var stage = try Stage()
    stage.settle()
    _ = stage.grid()
    stage.type("x")
    stage.answer()
    stage.update("listeners") { update in
      var row = ListenerRow(blank: "l-new")
      row.endpoint = "api-gateway"
      update.tables.listeners = [RowChange(row)]
    }
    stage.type("api-gateway")
    #expect(disconnects(stage.press(.enter), isDryRun: false).map(\.listeners.count) == [3])
  }

  @Test func `a server that says nothing of listeners leaves a way out`() throws {
    var stage = try Stage()
    stage.settle()
    _ = stage.grid()
    stage.type("x")
    stage.happen(.connection(.lost(reason: "reset", retrySeconds: 1), server: 0))
    #expect(stage.text().contains("the server is not connected now"))
    stage.press(.escape)
    #expect(!stage.text().contains("Esc closes"))
  }

  @Test func `an endpoint of a tenant is asked for by both`() throws {
    var fleet = MadeFleet(endpoints: 1)
    fleet.endpoints[0].tenant = "acme"
    for index in fleet.listeners.indices { fleet.listeners[index].tenant = "acme" }
    var stage = try Stage()
    stage.settle(fleet)
    stage.type("x")
    guard case .subscribe(let subscription) = stage.sent.last else { return #expect(Bool(false), "no subscription") }
    #expect(subscription.endpoint == "acme/api-gateway" && subscription.filter == nil)
    stage.answer(fleet)
    #expect(stage.text().contains("type acme/api-gateway to confirm"))
  }
}
