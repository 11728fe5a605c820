import EtcdClient
import Glibc
import PicoCore
import Support
import Testing

/// Against real servers; one test after the other, as each has processes of its own.
@Suite(.serialized, .timeLimit(.minutes(3))) struct EtcdClientTests {}

extension EtcdClientTests {
  @Suite struct Keys {
    @Test func `what is put is found, and gone when deleted`() async throws {
      try await Setting.run { on in
        try await on.put("/a/1", "one")
        let header = try await on.client.put("/a/2", Array("two".utf8))
        try await on.put("/b", "other")
        let found = try await on.client.get(.prefix("/a/"))
        #expect(found.pairs.map(\.key) == ["/a/1", "/a/2"])
        #expect(found.pairs.map(\.text) == ["one", "two"])
        #expect(found.pairs[1].modRevision == header.revision)
        #expect(found.count == 2)
        #expect(try await on.client.get(.key("/a/")).pairs.isEmpty)
        #expect(try await on.client.delete(.prefix("/a/")) == 2)
        #expect(try await on.client.get(.prefix("/"), .serializable).pairs.map(\.key) == ["/b"])
        let before = try await on.client.get(.key("/a/1"), at: header.revision)
        #expect(before.pairs.map(\.text) == ["one"])
      }
    }

    @Test func `pages are of one revision, whatever is written meanwhile`() async throws {
      try await Setting.run { on in
        for number in 100..<110 { try await on.put("/p/\(number)", "x") }
        var keys: [String] = []
        var sizes: [Int] = []
        let header = try await on.client.pages(of: "/p/", size: 3) { page, _ in
          keys += page.map(\.key)
          sizes.append(page.count)
        }
        #expect(keys == (100..<110).map { "/p/\($0)" })
        #expect(sizes == [3, 3, 3, 1])
        #expect(header == (try await on.now()))
      }
    }

    @Test(arguments: [
      (EtcdTransaction.Condition.isAbsent("/k"), false), (.init("/k", .equal, .version(2)), true),
      (.init("/k", .greater, .version(2)), false),
      (.init("/k", .less, .modRevision(1)), false), (.init("/k", .notEqual, .createRevision(0)), true),
      (.init("/k", .equal, .lease(.none)), true), (.init("/k", .equal, .value(Array("two".utf8))), true),
    ])
    func `a transaction does one thing or the other`(_ condition: EtcdTransaction.Condition, _ holds: Bool) async throws {
      try await Setting.run { on in
        try await on.put("/k", "one")
        try await on.put("/k", "two")
        let outcome = try await on.client.commit(
          EtcdTransaction(
            if: [condition], then: [.put("/yes", [1]), .get(.key("/k"))], otherwise: [.delete(.prefix("/k")), .get(.key("/k"))]))
        #expect(outcome.held == holds)
        #expect(outcome.found.map { $0.map(\.text) } == (holds ? [["two"]] : [[]]))
        #expect(try await on.client.get(.key("/yes")).count == (holds ? 1 : 0))
      }
    }

    @Test func `what would do harm twice is not sent again, and every call has its end`() async throws {
      try await Setting.run(3, configure: { $0.timeout = .seconds(12) }) { on in
        try await on.put("/k", "one")
        on.servers.send(SIGSTOP, to: 0)
        let started = ContinuousClock.now
        let error = await #expect(throws: EtcdError.self) {
          try await on.client.commit(EtcdTransaction(if: [.isAbsent("/n")], then: [.put("/n", [])]))
        }
        #expect(error?.code == .timedOut)
        // One member's share of the time, with room for a busy machine.
        #expect(ContinuousClock.now - started < .seconds(11))
        try await on.put("/k", "two")
        on.servers.send(SIGCONT, to: 0)
      }
    }
  }

  @Suite struct Leases {
    @Test func `keys go with their lease, which lives while it is kept alive`() async throws {
      try await Setting.run { on in
        let granted = try await on.client.grantLease(lasting: .seconds(30))
        #expect(granted.lasting == .seconds(30))
        try await on.client.put("/l", [1], lease: granted.lease)
        #expect(try await on.client.get(.key("/l")).pairs.map(\.lease) == [granted.lease])
        #expect(try await on.client.keepAlive(granted.lease) == .seconds(30))
        let left = try #require(try await on.client.remainingTime(of: granted.lease))
        #expect(left > .zero && left <= .seconds(30))
        try await on.client.revoke(granted.lease)
        #expect(try await on.client.get(.key("/l")).count == 0)
        #expect(try await on.client.remainingTime(of: granted.lease) == nil)
        await #expect { try await on.client.keepAlive(granted.lease) } throws: { ($0 as? EtcdError)?.code == .leaseNotFound }
        await #expect { try await on.client.revoke(granted.lease) } throws: { ($0 as? EtcdError)?.code == .leaseNotFound }
        await #expect { try await on.client.put("/l", [1], lease: granted.lease) } throws: { ($0 as? EtcdError)?.code == .leaseNotFound }
      }
    }
  }

  @Suite struct Watching {
    @Test func `a watch tells every change after what was read, in order`() async throws {
      try await Setting.run { on in
        try await on.put("/w/old", "0")
        let read = try await on.now()
        try await on.put("/w/a", "1")
        try await on.watching("/w/", after: read) { seen in
          try await eventually("the watch") { seen.isOpen }
          try await on.put("/w/a", "2")
          try await on.put("/v", "other")
          try await on.client.delete(.key("/w/old"))
          try await eventually("the changes") { seen.events.count >= 3 }
          #expect(seen.events == ["+/w/a=1", "+/w/a=2", "-/w/old"])
          try await eventually("a sign of life") { seen.updates.contains(.alive) }
        }
      }
    }

    @Test func `after a broken connection it goes on where it was`() async throws {
      try await Setting.run { on in
        let read = try await on.now()
        try await on.watching("/w/", after: read) { seen in
          try await on.put("/w/a", "1")
          try await eventually("the first") { seen.events == ["+/w/a=1"] }
          on.servers.kill(0)
          try await eventually("the break") { seen.interruptions > 0 }
          try on.servers.start(0)
          try await on.servers.ready()
          try await on.put("/w/a", "2")
          try await eventually("the second") { seen.events == ["+/w/a=1", "+/w/a=2"] }
          #expect(seen.end == nil)
        }
      }
    }

    @Test func `a revision that is no longer kept is said to be so`() async throws {
      try await Setting.run { on in
        let read = try await on.now()
        for number in 0..<5 { try await on.put("/w/a", "\(number)") }
        try await on.servers.compact(to: try await on.now().revision)
        try await on.watching("/w/", after: read) { seen in
          try await eventually("the end") { seen.end != nil }
          #expect(seen.end?.code == .compacted)
          #expect(seen.events.isEmpty)
        }
        await #expect { try await on.client.get(.key("/w/a"), at: read.revision) } throws: { ($0 as? EtcdError)?.code == .compacted }
      }
    }

    @Test func `a store that lost its data does not keep a watch waiting`() async throws {
      try await Setting.run { on in
        for number in 0..<20 { try await on.put("/w/a", "\(number)") }
        try await on.watching("/w/", after: try await on.now()) { seen in
          try await eventually("the watch") { seen.isOpen }
          try await on.servers.wipe()
          try await eventually("the end") { seen.end != nil }
          #expect(seen.end?.code == .historyChanged)
        }
      }
    }

    @Test func `thousands of changes in one go arrive whole`() async throws {
      try await Setting.run { on in
        let read = try await on.now()
        for batch in 0..<40 {
          let value = [UInt8](repeating: 65, count: 1000)
          try await on.client.commit(EtcdTransaction(then: (0..<128).map { .put("/w/\(batch)/\($0)", value) }))
        }
        try await on.watching("/w/", after: read) { seen in
          try await eventually("all") { seen.events.count >= 40 * 128 }
          #expect(Set(seen.events).count == 40 * 128)
        }
      }
    }
  }
}
