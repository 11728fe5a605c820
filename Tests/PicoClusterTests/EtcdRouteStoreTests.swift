import EtcdClient
import Glibc
import PicoCluster
import PicoCore
import Support
import Testing

/// Against real servers; one test after the other, as each has processes of its own.
@Suite(.serialized, .timeLimit(.minutes(3))) struct EtcdRouteStoreTests {
  static let record = NodeRecord(addresses: ["127.0.0.1:8082"], version: "1")

  @Test func `nodes tell each other what they have, and take it back when they leave`() async throws {
    let cluster = try await Cluster()
    try await cluster.node { one in
      one.store.setRecord(Self.record)
      one.store.setListeners(2, for: route("a"))
      one.store.setListeners(1, for: route("a", tenant: "t"))
      try await cluster.node { two in
        try await eventually("the first node's routes") {
          two.routes(route("a")) == [one.node: 2] && two.routes(route("a", tenant: "t")) == [one.node: 1]
        }
        try await eventually("the first node's record") { two.view.records[one.node] == Self.record }
        two.store.setListeners(1, for: route("a"))
        try await eventually("the second node's route") { one.routes(route("a")) == [two.node: 1] }
        one.store.setListeners(0, for: route("a"))
        try await eventually("the route's end") { two.routes(route("a")).isEmpty }
        #expect(two.store.health.hasReadAll)
        #expect(two.store.health.staleFor < .seconds(3))
        #expect(two.store.health.fault == nil)
        await one.store.leave()
        try await eventually("nothing of the first node") { two.view.records.isEmpty && two.routes(route("a", tenant: "t")).isEmpty }
        try await eventually("its end") { one.hasEnded }
        #expect(one.end == nil)
      }
    }
    let keys = try await cluster.stored().keys
    #expect(keys.contains("/pico/v1/cluster"))
    #expect(!keys.contains { $0.hasSuffix("/a/") })
  }

  @Test func `a node that is gone without a word is forgotten with its lease`() async throws {
    let cluster = try await Cluster()
    try await cluster.node { watcher in
      let gone = try await cluster.node { node in
        node.store.setListeners(1, for: route("a"))
        try await eventually("its route") { !watcher.routes(route("a")).isEmpty }
        return node.node
      }
      #expect(watcher.routes(route("a")) == [gone: 1])
      try await eventually("its end", within: 20) { watcher.routes(route("a")).isEmpty }
    }
  }

  @Test func `blocks are known to all, as they were written last, until they are over`() async throws {
    let cluster = try await Cluster()
    try await cluster.node { one in
      try await cluster.node { two in
        try await one.store.putBlock("b-1", Array("{}".utf8), lasting: .seconds(600))
        try await one.store.putBlock("b-2", Array("{}".utf8), lasting: .seconds(1))
        try await eventually("both") { two.view.blocks.count == 2 || two.view.blocks["b-1"] != nil }
        try await two.store.putBlock("b-1", Array("[]".utf8), lasting: .seconds(2))
        try await eventually("the last word") { one.view.blocks["b-1"].map { $0 == Array("[]".utf8) } ?? one.view.blocks.isEmpty }
        try await eventually("neither", within: 20) { one.view.blocks.isEmpty && two.view.blocks.isEmpty }
      }
    }
  }

  @Test func `a lookup finds what no change has told of yet, and remembers what is missing`() async throws {
    let cluster = try await Cluster()
    try await cluster.node { one in
      one.store.setListeners(3, for: route("a"))
      try await cluster.node { two in
        try await eventually("the routes") { !two.routes(route("a")).isEmpty }
        // The first call on a connection may take longer than a lookup may.
        try await eventually("an answer") { await two.store.lookUp(route("a")) == .found([one.node: 3]) }
        #expect(await one.store.lookUp(route("a")) == .missing)
        try await eventually("an answer") { await two.store.lookUp(route("none")) == .missing }
        cluster.servers.send(SIGSTOP, to: 0)
        #expect(await two.store.lookUp(route("none")) == .missing)
        let started = ContinuousClock.now
        #expect(await two.store.lookUp(route("other")) == .unanswered)
        #expect(ContinuousClock.now - started < .seconds(2))
        cluster.servers.send(SIGCONT, to: 0)
      }
    }
  }

  @Test func `a revoked lease is replaced and every key written again`() async throws {
    let cluster = try await Cluster()
    try await cluster.node { one in
      one.store.setRecord(Self.record)
      for number in 0..<300 { one.store.setListeners(1, for: route("e\(number)")) }
      try await cluster.node { two in
        try await eventually("the routes") { two.view.routes.count == 300 && two.view.records.count == 1 }
        let before = try await cluster.stored()["/pico/v1/n/\(one.node)"]?.lease
        try await cluster.servers.call("lease/revoke", #"{"ID": "\#(try #require(before).id)"}"#)
        try await eventually("the routes again") {
          let stored = try await cluster.stored()
          let isReplaced = stored["/pico/v1/n/\(one.node)"].map { $0.lease != before } ?? false
          return isReplaced && stored.count { $0.key.hasPrefix("/pico/v1/r/") } == 300
        }
        try await eventually("the watch") { (0..<300).allSatisfy { two.routes(route("e\($0)")) == [one.node: 1] } }
      }
    }
  }

  @Test func `a key that somebody deleted is written again`() async throws {
    let cluster = try await Cluster()
    try await cluster.node { one in
      one.store.setListeners(1, for: route("a"))
      try await eventually("the key") { try await cluster.stored().keys.contains { $0.hasPrefix("/pico/v1/r/") } }
      let key = try #require(try await cluster.stored().keys.first { $0.hasPrefix("/pico/v1/r/") })
      let before = try await cluster.stored()[key]?.createRevision
      let client = try EtcdClient(cluster.configuration().etcd)
      let running = Task { await client.run() }
      defer { running.cancel() }
      try await client.delete(.key(key))
      try await eventually("the key again") { try await cluster.stored()[key].map { $0.createRevision != before } ?? false }
    }
  }

  @Test func `another cluster's prefix and one that is none are refused, another prefix is another cluster`() async throws {
    let cluster = try await Cluster()
    try await cluster.node { one in
      one.store.setListeners(1, for: route("a"))
      try await eventually("the key") { try await cluster.stored().count == 2 }
      try await cluster.node({ $0.name = "other" }) { stranger in
        try await eventually("the refusal") { stranger.hasEnded }
        #expect(stranger.end?.exit == .configuration)
        #expect("\(try #require(stranger.end))" == "cluster.name: other is not the cluster at /pico/v1, which is test")
      }
      try await cluster.node({ $0.prefix = "/elsewhere" }) { stranger in
        try await eventually("the reading") { stranger.store.health.hasReadAll }
        #expect(stranger.view == TestNode.View())
      }
      #expect(throws: PicoError.self) {
        try EtcdRouteStore(cluster.configuration(prefix: "pico"), node: one.node, log: .quiet)
      }
      #expect(throws: PicoError.self) {
        try EtcdRouteStore(cluster.configuration(name: "a b"), node: one.node, log: .quiet)
      }
    }
  }

  @Test func `a user reads and writes below the prefix that the role names, and nothing else`() async throws {
    let cluster = try await Cluster()
    try await cluster.servers.enableUsers(prefix: "/pico/")
    let user = EtcdConfiguration.User(name: "pico", password: "secret")
    try await cluster.node({ $0.etcd.user = user }) { one in
      one.store.setListeners(1, for: route("a"))
      try await cluster.node({ $0.etcd.user = user }) { two in
        try await eventually("the route") { two.routes(route("a")) == [one.node: 1] }
      }
      try await cluster.node({ ($0.etcd.user, $0.prefix) = (user, "/other") }) { stranger in
        try await eventually("the refusal") { stranger.hasEnded }
        #expect(stranger.end?.code == .forbidden)
        #expect("\(try #require(stranger.end))".contains("for /other/"))
      }
      try await cluster.node({ $0.etcd.user = .init(name: "pico", password: "wrong") }) { stranger in
        try await eventually("the refusal") { stranger.hasEnded }
        #expect(stranger.end?.code == .forbidden)
      }
    }
  }
}
