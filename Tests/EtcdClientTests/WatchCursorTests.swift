import Testing

@testable import EtcdClient

@Suite struct WatchCursorTests {
  typealias Message = WatchCursor.Message

  struct Case: Sendable, CustomTestStringConvertible {
    var what: String
    var message: Message
    var step: WatchCursor.Step
    /// Where a new stream begins after one that began at 10.
    var next: Int64

    var testDescription: String { what }
  }

  @Test(arguments: [
    Case(what: "the watch stands", message: Message(isCreated: true, revision: 50), step: .opened, next: 10),
    Case(what: "events", message: Message(revision: 50, lastEvent: 30), step: .events, next: 31),
    Case(what: "a part of a revision", message: Message(isFragment: true, revision: 50, lastEvent: 30), step: .events, next: 30),
    Case(what: "events that were seen", message: Message(revision: 50, lastEvent: 5), step: .events, next: 10),
    Case(what: "the server's notice", message: Message(revision: 50), step: .alive, next: 51),
    Case(what: "an older notice", message: Message(revision: 3), step: .alive, next: 10),
    Case(what: "an answer, which may overtake events", message: Message(watchID: -1, revision: 50), step: .alive, next: 10),
    Case(what: "compacted", message: Message(isCanceled: true, compactRevision: 40, revision: 50), step: .compacted(40), next: 10),
    Case(
      what: "refused on creation", message: Message(isCreated: true, isCanceled: true, reason: "no", revision: 50), step: .refused("no"),
      next: 10),
  ])
  func `each message says what to do and where to go on`(_ given: Case) {
    var cursor = WatchCursor(next: 10)
    #expect(cursor.received(given.message) == given.step)
    #expect(cursor.next == given.next)
  }
}

@Suite struct EndpointRotationTests {
  @Test func `calls that fail together move on once, round and round`() {
    var rotation = EndpointRotation(count: 3, startingAt: 5)
    #expect(rotation.current == 2)
    rotation.failed(at: 2)
    rotation.failed(at: 2)
    #expect(rotation.current == 0)
    rotation.failed(at: 0)
    rotation.failed(at: 1)
    #expect(rotation.current == 2)
  }

  @Test func `each endpoint gets its share of the time, and never too little to answer`() {
    let rotation = EndpointRotation(count: 3, startingAt: 0)
    #expect(rotation.share(of: .seconds(6)) == .seconds(2))
    #expect(rotation.share(of: .milliseconds(900)) == .milliseconds(500))
    #expect(rotation.share(of: .milliseconds(50)) == .milliseconds(50))
  }
}
