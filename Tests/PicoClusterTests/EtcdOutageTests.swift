import EtcdClient
import Glibc
import PicoCluster
import PicoCore
import Support
import Synchronization
import Testing

extension EtcdRouteStoreTests {
  @Suite struct Outages {
    @Test func `while the store is away the last routes stay and writes wait, and after it only what differs is written`() async throws {
      let cluster = try await Cluster()
      try await cluster.node { one in
        for name in ["a", "b"] { one.store.setListeners(1, for: route(name)) }
        try await cluster.node { two in
          try await eventually("the routes") { two.view.routes.count == 2 }
          let before = try await cluster.stored()
          cluster.servers.kill(0)
          try await eventually("staleness") { two.store.health.staleFor > .seconds(6) }
          #expect(two.store.health.fault != nil)
          #expect(two.view.routes.count == 2)
          one.store.setListeners(1, for: route("c"))
          one.store.setListeners(0, for: route("b"))
          try cluster.servers.start(0)
          try await cluster.servers.ready()
          try await eventually("the difference") {
            two.routes(route("c")) == [one.node: 1] && two.routes(route("b")).isEmpty && two.store.health.staleFor < .seconds(3)
          }
          #expect(two.routes(route("a")) == [one.node: 1])
          #expect(two.view.losses == 1)
          let key = "/pico/v1/r/@/a/\(one.node)"
          // Longer away than its time, yet the lease is the same: its time began anew with the store.
          #expect(try await cluster.stored()[key] == before[key])
        }
      }
    }

    @Test(arguments: [true, false])
    func `a store that lost its data is filled again, and what alive nodes have is known all the while`(isAlive: Bool) async throws {
      let cluster = try await Cluster()
      let id = try #require(NodeID(prefix: "n-"))
      let asked = Atomic<Int>(0)
      try await cluster.node { two in
        two.store.askAlive { node in
          asked.add(1, ordering: .relaxed)
          return isAlive && node == id
        }
        try await cluster.node(id: id) { one in
          one.store.setRecord(EtcdRouteStoreTests.record)
          for number in 0..<200 { one.store.setListeners(1, for: route("e\(number)")) }
          try await eventually("the routes") { two.view.routes.count == 200 && two.view.records[id] != nil }
        }
        // What that node has to say again comes later than the other one reads.
        try await cluster.servers.wipe()
        try await eventually("a reading of the empty store", within: 20) { asked.load(ordering: .relaxed) >= 201 }
        try await eventually("what it changes") { two.view.losses == (isAlive ? 0 : 200) }
        try await cluster.node(id: id) { one in
          one.store.setRecord(EtcdRouteStoreTests.record)
          // All but one, which left in the meantime.
          for number in 0..<199 { one.store.setListeners(1, for: route("e\(number)")) }
          one.store.setListeners(1, for: route("new"))
          try await eventually("a new route") { two.routes(route("new")) == [id: 1] }
          try await eventually("the end of what is not told again", within: 20) { two.routes(route("e199")).isEmpty }
          #expect((0..<199).allSatisfy { two.routes(route("e\($0)")) == [id: 1] } && two.view.records[id] != nil)
          #expect(two.view.losses == (isAlive ? 1 : 200))
          #expect(try await cluster.stored()["/pico/v1/cluster"]?.text.hasPrefix("1 test ") == true)
        }
      }
    }

    @Test func `a compaction while the watch was broken costs another reading and no route`() async throws {
      let cluster = try await Cluster(3)
      try await cluster.node { one in
        one.store.setListeners(1, for: route("a"))
        one.store.setListeners(1, for: route("b"))
        try await cluster.node { two in
          try await eventually("the routes") { two.view.routes.count == 2 }
          for index in 0..<3 { cluster.servers.kill(index) }
          for index in 0..<3 { try cluster.servers.start(index) }
          let writer = try EtcdClient(cluster.configuration().etcd)
          let running = Task { await writer.run() }
          defer { running.cancel() }
          var revision: Int64 = 0
          try await eventually("writes") {
            for number in 0..<20 { revision = try await writer.put("/x", [UInt8(number)]).revision }
            return true
          }
          try await cluster.servers.compact(to: revision)
          one.store.setListeners(1, for: route("c"))
          one.store.setListeners(0, for: route("b"))
          try await eventually("the changes") { two.routes(route("c")) == [one.node: 1] && two.routes(route("b")).isEmpty }
          #expect(two.routes(route("a")) == [one.node: 1])
          #expect(two.view.losses == 1)
        }
      }
    }

    @Test(arguments: [SIGKILL, SIGSTOP])
    func `the loss of the leader costs no route, and changes come again within seconds`(_ signal: Int32) async throws {
      let cluster = try await Cluster(3)
      try await cluster.node { one in
        one.store.setListeners(1, for: route("a"))
        try await cluster.node { two in
          try await eventually("the route") { two.routes(route("a")) == [one.node: 1] }
          cluster.servers.send(signal, to: try await cluster.servers.leader())
          one.store.setListeners(1, for: route("b"))
          try await eventually("a new route", within: 30) { two.routes(route("b")) == [one.node: 1] }
          #expect(two.routes(route("a")) == [one.node: 1])
          #expect(two.view.losses == 0)
          for index in 0..<3 { cluster.servers.send(SIGCONT, to: index) }
        }
      }
    }

    @Test func `a store that is not there yet is waited for, with the reason, and so is one of a wrong certificate`() async throws {
      let stage = try Stage()
      let authority = try TestAuthority(in: stage.directory)
      let stranger = try TestAuthority("Stranger", in: stage.directory)
      let servers = try await EtcdServers(
        tls: .init(try authority.issue("etcd"), clientAuthority: authority.file), on: stage)
      let own = try authority.issue("pico")

      func store(_ port: Int, _ authority: TestAuthority) throws -> TestNode {
        let tls = EtcdConfiguration.TLS(authority: authority.file, certificate: own.certificate, key: own.key)
        let etcd = EtcdConfiguration(endpoints: [HostPort(host: "localhost", port: port)], tls: tls, timeout: .seconds(1))
        return TestNode(try EtcdRouteStore(.init(etcd: etcd, name: "test"), node: NodeID(prefix: "n-")!, log: .quiet))
      }

      let nowhere = try store(freePort(), authority)
      try await nowhere.running {
        try await eventually("the reason") { nowhere.store.health.fault?.contains("localhost:") == true }
        #expect(!nowhere.store.health.hasReadAll)
        #expect(!nowhere.hasEnded)
      }
      let deceived = try store(servers.ports[0], stranger)
      try await deceived.running {
        try await eventually("the reason") { deceived.store.health.fault?.contains("CERTIFICATE_VERIFY_FAILED") == true }
        #expect(!deceived.store.health.hasReadAll)
      }
      let right = try store(servers.ports[0], authority)
      try await right.running {
        try await eventually("the reading") { right.store.health.hasReadAll }
      }
    }
  }
}
