import PicoCore
import Testing

@testable import PicoCluster

@Suite struct OwnKeysTests {
  typealias Key = OwnKeys.Key

  static func route(_ name: String) -> Key { .route(EndpointID(name)!) }

  let a = route("a")
  let start = ContinuousClock.now
  var own = OwnKeys()

  func at(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

  /// What is due, in one batch.
  mutating func due(_ milliseconds: Int) -> OwnKeys.Batch? { own.nextBatch(now: at(milliseconds)) }

  mutating func store(_ batch: OwnKeys.Batch?, revision: Int64 = 10, _ milliseconds: Int) throws {
    own.finished(try #require(batch), .stored(revision), now: at(milliseconds))
  }

  @Test mutating func `nothing is written before there is a lease, and everything then`() {
    own.set(a, to: .listeners(1), now: start)
    #expect(due(100) == nil)
    #expect(own.nextTime == nil)
    own.leaseGranted(now: at(100))
    #expect(due(100)?.writes.map(\.key) == [a])
  }

  @Test mutating func `what comes within 5 ms goes together, with its last value`() {
    own.leaseGranted(now: start)
    own.set(a, to: .listeners(1), now: at(0))
    #expect(own.nextTime == at(5))
    own.set(Self.route("b"), to: .listeners(1), now: at(3))
    own.set(a, to: .listeners(2), now: at(4))
    #expect(due(4) == nil)
    let batch = due(5)
    #expect(batch?.writes.map(\.key) == [a, Self.route("b")])
    #expect(batch?.writes.map(\.value) == [.listeners(2), .listeners(1)])
    #expect(due(5) == nil)
  }

  @Test mutating func `128 go at once, and four batches at most are under way`() throws {
    own.leaseGranted(now: start)
    for number in 0..<700 { own.set(Self.route("e\(number)"), to: .listeners(1), now: at(0)) }
    let batches = (0..<5).map { _ in due(0) }
    #expect(batches.map { $0?.writes.count } == [128, 128, 128, 128, nil])
    #expect(own.nextTime == nil)
    try store(batches[0], 1)
    #expect(due(1)?.writes.count == 128)
    try store(batches[1], 2)
    // 60 are left, which wait since the beginning.
    #expect(due(4) == nil)
    #expect(due(5)?.writes.count == 60)
  }

  @Test(arguments: [
    (1, 2, true), (8, 9, false), (8, 10, true), (8, 7, false), (8, 6, true), (8, 0, true), (100, 124, false), (100, 125, true),
    (100, 100, false),
  ])
  mutating func `a count that moved by a quarter, or to 0, is written at once and another within 5 s`(
    _ old: Int, _ new: Int, _ isPrompt: Bool
  ) throws {
    own.leaseGranted(now: start)
    own.set(a, to: .listeners(old), now: at(0))
    try store(due(5), 10)
    own.set(a, to: .listeners(new), now: at(20))
    #expect((due(30) != nil) == isPrompt)
    if !isPrompt {
      #expect(due(4900) == nil)
      let late = due(6100)
      #expect(late?.writes.map(\.value) == (old == new ? nil : [.listeners(new)]))
    }
  }

  @Test mutating func `of a node's record its load is slight and all else is prompt`() throws {
    own.leaseGranted(now: start)
    var record = NodeRecord(addresses: ["a:1"], version: "1")
    own.set(.record, to: .record(record), now: at(0))
    try store(due(5), 10)
    (record.load, record.listeners) = (0.9, 500)
    own.set(.record, to: .record(record), now: at(20))
    #expect(due(30) == nil)
    record.state = .draining
    own.set(.record, to: .record(record), now: at(40))
    #expect(due(45)?.writes.map(\.value) == [.record(record)])
  }

  @Test mutating func `a key is in one batch at a time`() throws {
    own.leaseGranted(now: start)
    own.set(a, to: .listeners(1), now: at(0))
    let first = due(5)
    own.set(a, to: .listeners(0), now: at(6))
    #expect(due(100) == nil)
    try store(first, 101)
    #expect(due(106)?.writes.map(\.value) == [.listeners(0)])
  }

  @Test mutating func `what came and went before it was written is never written`() {
    own.set(a, to: .listeners(1), now: at(0))
    own.set(a, to: .listeners(0), now: at(1))
    own.leaseGranted(now: at(2))
    own.set(a, to: .listeners(0), now: at(3))
    #expect(due(100) == nil)
    #expect(own.nextTime == nil)
    #expect(own.count == 0)
  }

  @Test mutating func `without an answer it is written again, also if it was to be deleted`() throws {
    own.leaseGranted(now: start)
    own.set(a, to: .listeners(1), now: at(0))
    let lost = due(5)
    own.set(a, to: .listeners(0), now: at(6))
    own.finished(try #require(lost), .unknown, now: at(10))
    #expect(due(20) == nil)
    #expect(own.nextTime == at(110))
    #expect(due(110)?.writes.map(\.value) == [.listeners(0)])
  }

  @Test mutating func `a new lease has every key written again, the same one only what differs`() throws {
    own.leaseGranted(now: start)
    for name in ["a", "b", "c"] { own.set(Self.route(name), to: .listeners(1), now: at(0)) }
    try store(due(5), 6)
    own.set(Self.route("b"), to: .listeners(0), now: at(10))
    #expect(due(15)?.writes.map(\.key) == [Self.route("b")])
    own.leaseLost()
    #expect(due(20) == nil)
    own.leaseGranted(now: at(30))
    #expect(Set(due(35)?.writes.map(\.key) ?? []) == [a, Self.route("c")])
  }

  @Test mutating func `an answer of the last lease's time is no answer`() throws {
    own.leaseGranted(now: start)
    own.set(a, to: .listeners(1), now: at(0))
    let old = due(5)
    own.leaseLost()
    own.leaseGranted(now: at(6))
    try store(old, 7)
    #expect(due(20)?.writes.map(\.key) == [a])
  }

  @Test mutating func `a key that somebody deleted is written again, unless it was written since`() throws {
    own.leaseGranted(now: start)
    own.set(a, to: .listeners(1), now: at(0))
    try store(due(5), revision: 10, 6)
    own.gone(a, revision: 9, now: at(7))
    #expect(due(20) == nil)
    own.gone(a, revision: 11, now: at(21))
    #expect(due(26)?.writes.map(\.key) == [a])
  }

  @Test mutating func `a reading that lacks a key has it written again, unless it was written since`() throws {
    own.leaseGranted(now: start)
    own.set(a, to: .listeners(1), now: at(0))
    own.set(Self.route("b"), to: .listeners(1), now: at(0))
    try store(due(5), revision: 10, 6)
    own.read([], revision: 9, now: at(7))
    #expect(due(20) == nil)
    own.read([a], revision: 10, now: at(21))
    #expect(due(26)?.writes.map(\.key) == [Self.route("b")])
  }
}
