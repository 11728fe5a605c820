import PicoCore
import Testing

@testable import PicoCluster

@Suite(.timeLimit(.minutes(1))) struct MemoryRouteStoreTests {
  @Test func `nodes of one process know of each other, not of themselves`() async throws {
    let routes = MemoryRoutes()
    let (one, two) = (NodeID("n-0000000000000001")!, NodeID("n-0000000000000002")!)
    let a = EndpointID("a", of: TenantID("t")!)!
    let record = NodeRecord(addresses: ["a:1"], version: "1")
    let first = MemoryRouteStore(routes, node: one)
    first.setRecord(record)
    first.setListeners(2, for: a)
    let second = MemoryRouteStore(routes, node: two)
    #expect(await second.changes.next() == [.node(one, record), .route(a, one, listeners: 2)])
    second.setListeners(1, for: a)
    #expect(await first.changes.next() == [.route(a, two, listeners: 1)])
    #expect(await first.lookUp(a) == .found([two: 1]))
    #expect(await second.lookUp(EndpointID(a.name)!) == .missing)
    try await second.putBlock("b", [1], lasting: .seconds(60))
    #expect(await first.changes.next() == [.block("b", [1])])
    #expect(await second.changes.next() == [.block("b", [1])])
    try await first.putBlock("b", [2], lasting: .milliseconds(1))
    #expect(await second.changes.next() == [.block("b", [2])])
    #expect(await second.changes.next() == [.block("b", nil)])
    await first.leave()
    #expect(await second.changes.next() == [.route(a, one, listeners: 0), .node(one, nil)])
    #expect(await second.lookUp(a) == .missing)
    first.setListeners(3, for: a)
    #expect(await second.lookUp(a) == .missing)
  }

  @Test func `run ends when the node leaves`() async throws {
    let store = MemoryRouteStore(node: NodeID("n-0000000000000001")!)
    async let end: Void = store.run()
    await store.leave()
    try await end
    #expect(await store.changes.next() == nil)
  }
}
