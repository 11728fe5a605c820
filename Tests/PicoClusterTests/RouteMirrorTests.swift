import EtcdClient
import PicoCore
import Testing

@testable import PicoCluster

@Suite struct RouteMirrorTests {
  let keys: ClusterKeys
  let own = NodeID("n-00000000000000ff")!
  let one = NodeID("n-0000000000000001")!
  let two = NodeID("n-0000000000000002")!
  var mirror: RouteMirror

  init() throws {
    keys = try ClusterKeys(prefix: "/p")
    mirror = RouteMirror(keys: keys, own: own)
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

  mutating func read(_ pairs: [EtcdKeyValue], as header: EtcdHeader) -> [ClusterChange] {
    mirror.beginReading(header)
    return mirror.found(pairs).changes + mirror.endReading().outcome.changes
  }

  @Test mutating func `a reading and then events tell what changed, each once`() {
    #expect(read([pair("a", one, 1, at: 5)], as: header(9)) == [.route(route("a"), one, listeners: 1)])
    #expect(mirror.apply([.put(pair("a", one, 1, at: 10))]).changes.isEmpty)
    #expect(
      mirror.apply([.put(pair("a", one, 3, at: 11)), deletion("a", one, at: 12), deletion("a", one, at: 13)]).changes == [
        .route(route("a"), one, listeners: 3), .route(route("a"), one, listeners: 0),
      ])
    #expect(mirror.count == 0)
  }

  @Test mutating func `a second reading sweeps only what it did not find, and only at its end`() {
    _ = read([pair("a", one, 1, at: 5), pair("b", one, 1, at: 6)], as: header(9))
    mirror.beginReading(header(20))
    #expect(mirror.found([pair("a", one, 1, at: 5)]).changes.isEmpty)
    #expect(mirror.count == 2)
    #expect(mirror.endReading().outcome.changes == [.route(route("b"), one, listeners: 0)])
  }

  @Test mutating func `a reading that was given up sweeps nothing`() {
    _ = read([pair("a", one, 1, at: 5), pair("b", one, 1, at: 6)], as: header(9))
    mirror.beginReading(header(20))
    _ = mirror.found([pair("a", one, 1, at: 5)])
    #expect(read([pair("a", one, 1, at: 5), pair("b", one, 1, at: 6)], as: header(21)).isEmpty)
  }

  @Test mutating func `what a lookup found ahead of the watch stays`() {
    _ = read([], as: header(9))
    #expect(mirror.found([pair("a", one, 2, at: 15)]).changes == [.route(route("a"), one, listeners: 2)])
    // The watch is still before it.
    #expect(mirror.apply([.put(pair("a", one, 1, at: 10)), deletion("a", one, at: 11)]).changes.isEmpty)
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
    #expect(mirror.apply([.put(pair("a", one, 4, at: 4))]).changes == [.route(route("a"), one, listeners: 4)])
  }

  @Test mutating func `own keys are no change, but their loss is told`() {
    mirror.beginReading(header(9))
    #expect(mirror.found([pair("a", own, 1, at: 5)]) == RouteMirror.Outcome())
    #expect(mirror.endReading().own == [.route(route("a"))])
    let outcome = mirror.apply([deletion("a", own, at: 12), .delete(key: keys.key(.node(own)), modRevision: 13)])
    #expect(outcome.changes.isEmpty)
    #expect(outcome.ownGone == [.init(key: .route(route("a")), revision: 12), .init(key: .record, revision: 13)])
  }

  @Test mutating func `nodes and blocks are told as they are, and what cannot be read is counted`() {
    let record = NodeRecord(addresses: ["a:1"], version: "1")
    let outcome = mirror.apply([
      .put(EtcdKeyValue(key: "/p/n/\(one)", value: record.json, modRevision: 2)),
      .put(EtcdKeyValue(key: "/p/b/b-1", value: [1, 2], modRevision: 3)),
      .put(EtcdKeyValue(key: "/p/r/@/a/\(one)", value: Array("2 later".utf8), modRevision: 4)),
      .put(EtcdKeyValue(key: "/p/cluster", value: Array("1 x".utf8), modRevision: 5)),
      .delete(key: "/p/b/b-1", modRevision: 6),
    ])
    #expect(outcome.changes == [.node(one, record), .block("b-1", [1, 2]), .block("b-1", nil)])
    #expect(outcome.unreadable == 1)
  }
}
