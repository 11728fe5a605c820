import PicoCore
import Testing

@testable import PicoCluster

@Suite(.timeLimit(.minutes(1))) struct ChangeFeedTests {
  let node = NodeID("n-0000000000000001")!
  let a = EndpointID("a")!
  let feed = ChangeFeed()

  @Test func `a consumer that falls behind finds the last state of each thing, in the order of their first change`() async {
    feed.post([.route(a, node, listeners: 1), .block("b", [1])])
    feed.post([.node(node, nil), .route(a, node, listeners: 0)])
    #expect(await feed.next() == [.route(a, node, listeners: 0), .block("b", [1]), .node(node, nil)])
    feed.post([.block("b", nil)])
    #expect(await feed.next() == [.block("b", nil)])
  }

  @Test func `who waits is woken by a change, the end and being cancelled`() async {
    async let first = feed.next()
    feed.post([.block("b", nil)])
    #expect(await first == [.block("b", nil)])
    let cancelled = Task { await feed.next() }
    cancelled.cancel()
    #expect(await cancelled.value == nil)
    async let last = feed.next()
    feed.finish()
    #expect(await last == nil)
    #expect(await feed.next() == nil)
  }
}
