import EtcdClient
import PicoCore
import Testing

@testable import PicoCluster

@Suite struct RouteMirrorTests {
  let keys: ClusterKeys
  let own = NodeID("n-00000000000000ff")!
  let one = NodeID("n-0000000000000001")!
  let two = NodeID("n-0000000000000002")!
  let start = ContinuousClock.now
  var mirror: RouteMirror

  init() throws {
    keys = try ClusterKeys(prefix: "/p")
    mirror = RouteMirror(keys: keys, own: own, grace: .seconds(10))
  }

  func route(_ name: String) -> EndpointID { EndpointID(name)! }

  func pair(_ name: String, _ node: NodeID, _ count: Int, at revision: Int64) -> EtcdKeyValue {
    EtcdKeyValue(key: keys.key(.route(route(name), node)), value: ListenerCount.text(count), modRevision: revision)
  }

  func deletion(_ name: String, _ node: NodeID, at revision: Int64) -> EtcdEvent {
    .delete(key: keys.key(.route(route(name), node)), modRevision: revision)
  }

  func header(_ revision: Int64, cluster: UInt64 = 1, term: UInt64 = 2) -> EtcdHeader {
    EtcdHeader(clusterID: cluster, revision: revision, term: term)
  }

  mutating func read(
    _ pairs: [EtcdKeyValue], as header: EtcdHeader, at seconds: Double = 0, alive: Set<NodeID> = []
  ) -> [ClusterChange] {
    mirror.beginReading(header, now: start + .seconds(seconds))
    return mirror.found(pairs, now: start + .seconds(seconds)).changes
      + mirror.endReading(now: start + .seconds(seconds)) { alive.contains($0) }.outcome.changes
  }

  mutating func sweep(at seconds: Double, alive: Set<NodeID>) -> [ClusterChange] {
    mirror.sweepFormer(now: start + .seconds(seconds)) { alive.contains($0) }.changes
  }

  func claim(_ text: String, at revision: Int64) -> EtcdKeyValue {
    EtcdKeyValue(key: keys.cluster, value: Array(text.utf8), modRevision: revision)
  }

  @Test mutating func `a reading and then events tell what changed, each once`() {
    #expect(read([pair("a", one, 1, at: 5)], as: header(9)) == [.route(route("a"), one, listeners: 1)])
    #expect(mirror.apply([.put(pair("a", one, 1, at: 10))], now: start).changes.isEmpty)
    #expect(
      mirror.apply([.put(pair("a", one, 3, at: 11)), deletion("a", one, at: 12), deletion("a", one, at: 13)], now: start).changes == [
        .route(route("a"), one, listeners: 3), .route(route("a"), one, listeners: 0),
      ])
    #expect(mirror.count == 0)
  }

  @Test mutating func `a second reading sweeps only what it did not find, and only at its end`() {
    _ = read([pair("a", one, 1, at: 5), pair("b", one, 1, at: 6)], as: header(9))
    mirror.beginReading(header(20), now: start)
    #expect(mirror.found([pair("a", one, 1, at: 5)], now: start).changes.isEmpty)
    #expect(mirror.count == 2)
    #expect(mirror.endReading(now: start) { _ in false }.outcome.changes == [.route(route("b"), one, listeners: 0)])
  }

  @Test mutating func `a reading that was given up sweeps nothing`() {
    _ = read([pair("a", one, 1, at: 5), pair("b", one, 1, at: 6)], as: header(9))
    mirror.beginReading(header(20), now: start)
    _ = mirror.found([pair("a", one, 1, at: 5)], now: start)
    #expect(read([pair("a", one, 1, at: 5), pair("b", one, 1, at: 6)], as: header(21)).isEmpty)
  }

  @Test mutating func `what a lookup found ahead of the watch stays`() {
    _ = read([], as: header(9))
    #expect(mirror.found([pair("a", one, 2, at: 15)], now: start).changes == [.route(route("a"), one, listeners: 2)])
    // The watch is still before it.
    #expect(mirror.apply([.put(pair("a", one, 1, at: 10)), deletion("a", one, at: 11)], now: start).changes.isEmpty)
    // So is a reading as of before.
    #expect(read([], as: header(12)).isEmpty)
    #expect(read([], as: header(16)) == [.route(route("a"), one, listeners: 0)])
  }

  @Test(arguments: [(UInt64(1), Int64(3), UInt64(2)), (2, 50, 2), (1, 50, 1)])
  mutating func `after a change of history small revisions count again, and nothing is told that did not change`(
    _ cluster: UInt64, _ revision: Int64, _ term: UInt64
  ) {
    _ = read([pair("a", one, 1, at: 5), pair("b", one, 1, at: 6)], as: header(9))
    let changes = read([pair("a", one, 1, at: 2), pair("c", two, 1, at: 3)], as: header(revision, cluster: cluster, term: term))
    #expect(changes == [.route(route("c"), two, listeners: 1), .route(route("b"), one, listeners: 0)])
    #expect(mirror.apply([.put(pair("a", one, 4, at: 4))], now: start).changes == [.route(route("a"), one, listeners: 4)])
  }

  @Test mutating func `own keys are no change, but their loss is told`() {
    mirror.beginReading(header(9), now: start)
    #expect(mirror.found([pair("a", own, 1, at: 5)], now: start) == RouteMirror.Outcome())
    #expect(mirror.endReading(now: start) { _ in false }.own == [.route(route("a"))])
    let outcome = mirror.apply([deletion("a", own, at: 12), .delete(key: keys.key(.node(own)), modRevision: 13)], now: start)
    #expect(outcome.changes.isEmpty)
    #expect(outcome.ownGone == [.init(key: .route(route("a")), revision: 12), .init(key: .record, revision: 13)])
  }

  @Test mutating func `nodes and blocks are told as they are, and what cannot be read is counted`() {
    let record = NodeRecord(addresses: ["a:1"], version: "1")
    let outcome = mirror.apply(
      [
        .put(EtcdKeyValue(key: "/p/n/\(one)", value: record.json, modRevision: 2)),
        .put(EtcdKeyValue(key: "/p/b/b-1", value: [1, 2], modRevision: 3)),
        .put(EtcdKeyValue(key: "/p/r/@/a/\(one)", value: Array("2 later".utf8), modRevision: 4)),
        .put(EtcdKeyValue(key: "/p/cluster", value: Array("1 x".utf8), modRevision: 5)),
        .delete(key: "/p/b/b-1", modRevision: 6),
      ], now: start)
    #expect(outcome.changes == [.node(one, record), .block("b-1", [1, 2]), .block("b-1", nil)])
    #expect(outcome.unreadable == 1)
  }

  // MARK: A store that lost what it held

  @Test(arguments: [(UInt64(1), Int64(3), UInt64(2)), (2, 50, 2), (1, 50, 1)])
  mutating func `what an alive node had before the loss stays until it is told again`(_ cluster: UInt64, _ revision: Int64, _ term: UInt64)
  {
    let record = EtcdKeyValue(key: keys.key(.node(one)), value: NodeRecord(addresses: ["a:1"], version: "1").json, modRevision: 4)
    _ = read([record, pair("a", one, 1, at: 5), pair("b", one, 1, at: 6), pair("c", two, 1, at: 7)], as: header(9))
    let lost = header(revision, cluster: cluster, term: term)
    #expect(read([], as: lost, alive: [one]) == [.route(route("c"), two, listeners: 0)], "nobody vouches for the other one")
    // Another reading of the store that is half filled.
    #expect(read([pair("a", one, 1, at: 2)], as: header(revision + 1, cluster: cluster, term: term), at: 1, alive: [one]).isEmpty)
    #expect(mirror.apply([.put(pair("b", one, 3, at: revision + 3))], now: start).changes == [.route(route("b"), one, listeners: 3)])
    // Told again, they are as any other; the record was not.
    #expect(sweep(at: 9.9, alive: [one]).isEmpty && mirror.formerUntil != nil)
    #expect(sweep(at: 10, alive: [one]) == [.node(one, nil)])
    #expect(mirror.count == 2 && mirror.formerUntil == nil)
    #expect(mirror.apply([deletion("a", one, at: revision + 4)], now: start).changes == [.route(route("a"), one, listeners: 0)])
  }

  @Test mutating func `what is not told again goes when the time is over, or with its node`() {
    _ = read([pair("a", one, 1, at: 5), pair("b", two, 1, at: 6)], as: header(9))
    #expect(read([], as: header(2), alive: [one, two]).isEmpty)
    #expect(sweep(at: 1, alive: [one, two]).isEmpty)
    #expect(sweep(at: 2, alive: [one]) == [.route(route("b"), two, listeners: 0)])
    #expect(sweep(at: 10, alive: [one]) == [.route(route("a"), one, listeners: 0)])
    // From then on a reading sweeps as ever.
    _ = read([pair("a", one, 1, at: 3)], as: header(4), at: 11, alive: [one])
    #expect(read([], as: header(5), at: 12, alive: [one]) == [.route(route("a"), one, listeners: 0)])
  }

  @Test mutating func `a claim of another number is another history, also where the revisions go on`() {
    _ = read([claim("1 test 01", at: 2), pair("a", one, 1, at: 50), pair("b", one, 1, at: 51)], as: header(60))
    #expect(read([claim("1 test 01", at: 2), pair("a", one, 1, at: 50)], as: header(61), alive: [one]).count == 1)
    // Revisions of the new history that are smaller than those of the old one count.
    let changes = read([claim("1 test 02", at: 2), pair("c", one, 1, at: 3)], as: header(70), alive: [one])
    #expect(changes == [.route(route("c"), one, listeners: 1)], "and the other one stays")
    #expect(mirror.apply([.put(pair("a", one, 2, at: 9))], now: start).changes == [.route(route("a"), one, listeners: 2)])
    #expect(sweep(at: 10, alive: [one]).isEmpty)
  }

  @Test mutating func `blocks are not kept by the mirror when the store has lost them`() {
    let block = EtcdKeyValue(key: keys.key(.block("b-1")), value: [1], modRevision: 5)
    #expect(read([block], as: header(9)) == [.block("b-1", [1])])
    #expect(read([], as: header(2), alive: [one]) == [.block("b-1", nil)])
  }
}
