import PicoCore
import PicoStatus
import Testing

@testable import PicoTopCore

/// Several servers that are nodes of one cluster, each of which tells of all of it.
@Suite struct SourceTests {
  private func stage() throws -> Stage { try Stage(size: Size(columns: 110, rows: 24), servers: ["a:8081", "b:8081"]) }

  private func lose(_ stage: inout Stage) {
    stage.happen(.connection(.lost(reason: "closed", retrySeconds: 1), server: 0))
    stage.happen(.tick)
  }

  @Test func `one is listened to, and the other stands by`() throws {
    var stage = try stage()
    let fleet = MadeFleet(endpoints: 5)
    stage.settle(fleet)
    #expect(stage.app.fleet.endpoints.count == 5)
    stage.settle(fleet, server: 1, node: "n-77c2")
    stage.happen(.tick)
    #expect(stage.app.fleet.sources(at: stage.now.steady) == [1: 0])
    #expect(stage.app.fleet.endpoints.count == 5 && stage.app.fleet.nodes.count == 2)
    #expect(stage.app.fleet.totals(at: stage.now.steady).live == 1)
    #expect(stage.app.fleet.servers[1].subscriptions.isEmpty)
    #expect(stage.text().contains("2 servers live"))
  }

  @Test func `when that one is lost its rows stay until the other one's are there`() throws {
    var stage = try stage()
    let fleet = MadeFleet(endpoints: 5)
    stage.settle(fleet)
    stage.settle(fleet, server: 1, node: "n-77c2")
    stage.happen(.tick)
    stage.answer(fleet)
    stage.effects = []
    lose(&stage)
    #expect(stage.app.fleet.endpoints.count == 5 && stage.app.fleet.sources(at: stage.now.steady).isEmpty)
    stage.answer(fleet, server: 1)
    stage.happen(.tick)
    #expect(stage.app.fleet.sources(at: stage.now.steady) == [0: 1])
    #expect(stage.app.fleet.endpoints.count == 5)
    #expect((0..<5).allSatisfy { stage.app.fleet.endpoints.key(at: $0).server == 1 })
    #expect(stage.text().contains("1 of 2 servers live"))
    // It is back as another node, and stands by.
    stage.connect(node: "n-1f3a")
    stage.happen(.tick)
    #expect(stage.app.fleet.sources(at: stage.now.steady) == [0: 1] && stage.app.fleet.endpoints.count == 5)
  }

  @Test func `the endpoint on screen is followed to the other one`() throws {
    var stage = try stage()
    let fleet = MadeFleet(endpoints: 5)
    stage.settle(fleet)
    stage.settle(fleet, server: 1, node: "n-77c2")
    stage.happen(.tick)
    stage.press(.character("2"), .enter)
    stage.answer(fleet)
    let key = try #require(stage.app.screen.endpoint)
    #expect(key.server == 0 && stage.app.fleet.listeners.count > 0)
    lose(&stage)
    stage.answer(fleet, server: 1)
    stage.happen(.tick)
    stage.answer(fleet, server: 1)
    #expect(stage.app.screen.endpoint == RowKey(server: 1, key: key.key))
    #expect(stage.app.fleet.listeners.all.allSatisfy { $0.key.server == 1 } && stage.app.fleet.listeners.count > 0)
  }

  @Test func `an event that both tell of is there once`() throws {
    var stage = try stage()
    let fleet = MadeFleet(endpoints: 5)
    stage.settle(fleet)
    let count = stage.app.fleet.events.count
    stage.settle(fleet, server: 1, node: "n-77c2")
    #expect(count > 0 && stage.app.fleet.events.count == count)
  }

  @Test func `servers that know nothing of each other are listened to both`() throws {
    var stage = try stage()
    stage.settle(MadeFleet(endpoints: 5))
    var other = MadeFleet(endpoints: 5)
    for index in other.nodes.indices { other.nodes[index].id = "n-\(index)" }
    stage.settle(other, server: 1, node: "n-0")
    stage.happen(.tick)
    #expect(stage.app.fleet.sources(at: stage.now.steady).isEmpty && stage.app.fleet.endpoints.count == 10)
  }
}
