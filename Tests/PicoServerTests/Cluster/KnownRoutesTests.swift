import PicoCore
import PicoStatus
import Testing

@testable import PicoServer

@Suite struct KnownRoutesTests {
  private let one = NodeID("n-0000000000000001")!
  private let two = NodeID("n-0000000000000002")!
  private let a = EndpointID("a")!
  private let b = EndpointID("b")!
  private let c = EndpointID(qualified: "t/a")!

  @Test func `what a node says itself counts until the store's word counts again`() {
    var known = KnownRoutes()
    _ = known.store(2, of: a, on: one)
    _ = known.store(1, of: b, on: one)
    known.tell(0, of: a, on: one)
    known.tell(3, of: c, on: one)
    #expect(known.routes(of: one) == [b: 1, c: 3] && known.count(of: a, on: one) == 0)
    _ = known.store(5, of: a, on: one)
    #expect(known.count(of: a, on: one) == 0, "the store is behind")
    _ = known.store(3, of: c, on: one)
    #expect(known.tellers == [one])
    #expect(known.forgetTold(of: one) == [a], "what both say is no change")
    #expect(known.routes(of: one) == [a: 5, b: 1, c: 3] && known.tellers.isEmpty)
    #expect(known.forgetTold(of: one).isEmpty)
  }

  @Test func `what is not in a whole list is not there`() {
    var known = KnownRoutes()
    _ = known.store(1, of: a, on: one)
    _ = known.store(1, of: b, on: one)
    _ = known.store(1, of: a, on: two)
    known.tell(2, of: b, on: one)
    #expect(known.tellRest(of: one, heard: [b]) == [a])
    #expect(known.routes(of: one) == [b: 2] && known.routes(of: two) == [a: 1])
  }

  @Test func `a node that is gone has nothing`() {
    var known = KnownRoutes()
    _ = known.store(1, of: a, on: one)
    known.tell(1, of: b, on: one)
    #expect(Set(known.remove(one)) == [a, b])
    #expect(known.routes(of: one).isEmpty && known.remove(one).isEmpty)
  }

  @Test func `the store is in doubt from its silence until it was well for a while`() {
    let start = ContinuousClock.now
    var doubt = StoreDoubt(settling: .seconds(10), now: start - .seconds(10))
    func look(_ staleFor: Double, at seconds: Double) -> Bool { doubt.look(staleFor: .seconds(staleFor), now: start + .seconds(seconds)) }
    #expect(!look(0, at: 0) && !look(2, at: 1))
    #expect(look(2.1, at: 2) && look(50, at: 50))
    #expect(look(0, at: 51) && look(1, at: 59.9))
    #expect(!look(0, at: 60) && !look(0, at: 61))
    #expect(look(3, at: 62) && look(0, at: 71) && look(3, at: 71.5) && look(0, at: 81) && !look(0, at: 82))
  }

  @Test func `a node that has just begun is in doubt for a while`() {
    let start = ContinuousClock.now
    var doubt = StoreDoubt(settling: .seconds(10), now: start)
    #expect(doubt.look(staleFor: .zero, now: start) && doubt.look(staleFor: .zero, now: start + .seconds(9.9)))
    let isStill = doubt.look(staleFor: .zero, now: start + .seconds(10))
    #expect(!isStill)
  }

  @Test func `a message is read as it was written`() throws {
    let messages = [
      RouteMessage(ask: c), RouteMessage(listeners: 0), RouteMessage(routes: [a: 1, c: 0], isWhole: true), RouteMessage(isWhole: true),
    ]
    for message in messages { #expect(try RouteMessage(json: message.json) == message) }
    #expect(try RouteMessage(json: Array(#"{"routes":{"a":1,"no/such/name":1,"b":-1},"new":1}"#.utf8)) == RouteMessage(routes: [a: 1]))
    for text in [#"{"ask":"a/b/c"}"#, #"{"routes":{"a":"1"}}"#, "[]"] {
      #expect(throws: JSONError.self) { try RouteMessage(json: Array(text.utf8)) }
    }
  }
}
