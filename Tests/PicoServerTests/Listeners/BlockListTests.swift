import PicoCore
import PicoStatus
import Testing

@testable import PicoServer

@Suite struct BlockListTests {
  private static let second: UInt64 = 1_000_000_000

  private static func registrant(
    _ endpoint: String = "e", identity: String? = nil, agent: String? = nil, address: String = "192.0.2.1"
  ) throws -> Registrant {
    Registrant(endpoint: try #require(EndpointID(endpoint)), identity: identity, agentID: agent, address: address)
  }

  private static func block(
    _ subjects: [BlockSubject], seconds: Int = 60, since: Int64 = 0, now: UInt64 = 0, scope: BlockScope = .agent
  ) -> Block {
    Block(scope: scope, subjects: subjects, seconds: seconds, by: "tester", reason: "why", since: Timestamp(seconds: since), now: now)
  }

  /// Who the block is set for, and who comes then.
  @Test(
    arguments: [
      (.agent, ("e", nil, "a-1", "1"), ("e", nil, "a-1", "2"), true), (.agent, ("e", nil, "a-1", "1"), ("E", nil, "a-1", "1"), true),
      (.agent, ("e", nil, "a-1", "1"), ("f", nil, "a-1", "1"), false), (.agent, ("e", nil, "a-1", "1"), ("e", nil, "a-2", "1"), false),
      (.agent, ("e", nil, "a-1", "1"), ("e", nil, nil, "1"), false), (.agent, ("e", nil, nil, "1"), ("e", nil, nil, "1"), true),
      (.agent, ("e", nil, nil, "1"), ("e", nil, nil, "2"), false), (.agent, ("e", nil, nil, "1"), ("e", nil, "a-1", "1"), false),
      (.agent, ("e", "id", "a-1", "1"), ("e", "id", "a-2", "2"), true), (.agent, ("e", "id", "a-1", "1"), ("e", nil, "a-1", "1"), false),
      (.agent, ("e", "id", "a-1", "1"), ("e", nil, "id", "1"), false), (.agent, ("e", "id", "a-1", "1"), ("f", "id", "a-1", "1"), false),
      (.identity, ("e", "id", "a-1", "1"), ("f", "id", "a-2", "2"), true),
      (.identity, ("e", "id", "a-1", "1"), ("e", "jd", "a-1", "1"), false),
      (.endpoint, ("e", "id", "a-1", "1"), ("e", nil, nil, "9"), true), (.endpoint, ("e", nil, nil, "1"), ("f", nil, nil, "1"), false),
    ] as [(BlockScope, (String, String?, String?, String), (String, String?, String?, String), Bool)])
  func `a block refuses what its scope says`(
    scope: BlockScope, one: (String, String?, String?, String), other: (String, String?, String?, String), isRefused: Bool
  ) throws {
    let list = BlockList()
    let subject = try BlockSubject(scope, of: Self.registrant(one.0, identity: one.1, agent: one.2, address: one.3))
    list.set(Self.block([subject]), now: 0)
    let registrant = try Self.registrant(other.0, identity: other.1, agent: other.2, address: other.3)
    let found = list.block(for: registrant, now: 1)
    #expect((found != nil) == isRefused)
  }

  @Test(
    arguments: [(.listener, .badScope), (BlockScope(rawValue: "world"), .badScope), (.identity, .noIdentity)]
      as [(BlockScope, ActionRefusal)])
  func `a scope that could refuse nobody is no block`(scope: BlockScope, refusal: ActionRefusal) throws {
    let registrant = try Self.registrant(agent: "a-1")
    #expect(throws: refusal) { try BlockSubject(scope, of: registrant) }
  }

  @Test func `a block ends by itself, and then it is nowhere`() throws {
    let list = BlockList()
    let registrant = try Self.registrant(agent: "a-1")
    let block = Self.block([try BlockSubject(.agent, of: registrant)], seconds: 10)
    list.set(block, now: 0)
    #expect(list.block(for: registrant, now: 10 * Self.second - 1)?.id == block.id)
    #expect(list.all(now: 10 * Self.second - 1) == [block])
    #expect(list.block(for: registrant, now: 10 * Self.second) == nil)
    #expect(list.remove(block.id, now: 10 * Self.second) == nil)
    #expect(list.all(now: 10 * Self.second).isEmpty)
  }

  @Test(
    arguments: [(0, 10), (1, 10), (999_999_999, 10), (1_000_000_000, 9), (9_500_000_000, 1), (10_000_000_000, 1), (99_000_000_000, 1)]
      as [(UInt64, Int)])
  func `what is left is rounded up, and at least a second`(now: UInt64, seconds: Int) {
    #expect(Self.block([], seconds: 10).secondsLeft(now: now) == seconds)
  }

  @Test func `lifted it refuses nobody`() throws {
    let list = BlockList()
    let registrant = try Self.registrant(agent: "a-1")
    let block = Self.block([try BlockSubject(.agent, of: registrant)])
    list.set(block, now: 0)
    #expect(list.remove("b-0", now: 0) == nil)
    #expect(list.remove(block.id, now: 0) == block)
    #expect(list.block(for: registrant, now: 0) == nil)
    #expect(list.hasRoom(for: BlockList.capacity, now: 0))
  }

  @Test func `a later block of the same takes it over, shorter or longer`() throws {
    let list = BlockList()
    let (one, two) = (try Self.registrant(agent: "a-1"), try Self.registrant(agent: "a-2"))
    let both = Self.block([try BlockSubject(.agent, of: one), try BlockSubject(.agent, of: two)], seconds: 3600)
    list.set(both, now: 0)
    let later = Self.block([try BlockSubject(.agent, of: one)], seconds: 1, since: 1)
    #expect(list.set(later, now: 0) == [both.id])
    #expect(list.block(for: one, now: 0)?.id == later.id)
    #expect(list.block(for: two, now: 0)?.id == both.id)
    #expect(list.block(for: one, now: 2 * Self.second) == nil)
    let last = Self.block([try BlockSubject(.agent, of: two)], since: 2)
    list.set(last, now: 2 * Self.second)
    #expect(list.all(now: 2 * Self.second).map(\.id) == [last.id], "nothing is left of the first")
  }

  // MARK: Several nodes

  @Test func `nodes that hear of the same blocks in any order refuse the same`() throws {
    let agents = try (0..<4).map { try Self.registrant(agent: "a-\($0)") }
    let subjects = try agents.map { try BlockSubject(.agent, of: $0) }
    let blocks = [
      Self.block([subjects[0], subjects[1], subjects[2]], since: 1), Self.block([subjects[1], subjects[3]], since: 2),
      Self.block([subjects[2]], since: 2), Self.block([subjects[0], subjects[1]], since: 3),
    ]
    let records = blocks.map { BlockRecord.holds($0) } + [.lifted(blocks[3].id, until: blocks[3].until, deadline: blocks[3].deadline)]
    var generator = SplitMixGenerator(seed: 7)
    func refused(_ list: BlockList) -> [String?] { agents.map { list.block(for: $0, now: 1)?.id } }
    let first = BlockList()
    for record in records { _ = first.take(record, now: 0) }
    #expect(refused(first) == [nil, nil, blocks[2].id, blocks[1].id])
    for _ in 0..<200 {
      let list = BlockList()
      // Twice, as a node may hear of a block from several.
      for record in (records + records).shuffled(using: &generator) { _ = list.take(record, now: 0) }
      // What a block had lost to one that was lifted before anybody told of it, it may have kept.
      for record in first.records(now: 0) { _ = list.take(record, now: 0) }
      #expect(refused(list) == refused(first))
    }
  }

  @Test func `what was lifted or taken over as a whole does not come back by hearsay`() throws {
    let list = BlockList()
    let registrant = try Self.registrant(agent: "a-1")
    let block = Self.block([try BlockSubject(.agent, of: registrant)], seconds: 60)
    #expect(list.take(.holds(block), now: 0) == block && list.take(.holds(block), now: 0) == nil)
    let later = Self.block(block.subjects, seconds: 10, since: 1)
    #expect(list.set(later, now: 0) == [block.id])
    #expect(list.take(.holds(block), now: 0) == nil && list.remove(later.id, now: 0) == later)
    #expect(list.take(.holds(block), now: 0) == nil && list.take(.holds(later), now: 0) == nil && list.all(now: 0).isEmpty)
    guard case .lifted(block.id, block.until, block.deadline)? = list.record(of: block.id, now: 0) else {
      Issue.record("\(String(describing: list.record(of: block.id, now: 0)))")
      return
    }
    #expect(list.records(now: 10 * Self.second).map(\.id) == [block.id] && list.records(now: 60 * Self.second).isEmpty)
    #expect(list.record(of: block.id, now: 60 * Self.second) == nil)
  }

  @Test func `of one that was not known it is remembered that it was lifted`() throws {
    let list = BlockList()
    let block = Self.block([try BlockSubject(.agent, of: Self.registrant())])
    #expect(list.take(.lifted(block.id, until: block.until, deadline: block.deadline), now: 0) == nil)
    #expect(list.take(.holds(block), now: 0) == nil && list.all(now: 0).isEmpty)
  }

  @Test func `the node that set a block says how long it holds, whatever the store made of it`() throws {
    let list = BlockList()
    var block = Self.block([try BlockSubject(.agent, of: Self.registrant())], seconds: 60)
    _ = list.take(.holds(block), now: 0)
    block.deadline = 30 * Self.second
    _ = list.take(.holds(block), now: 0)
    #expect(list.all(now: 0).map(\.deadline) == [60 * Self.second])
    _ = list.take(.holds(block), isFirstHand: true, now: 0)
    #expect(list.all(now: 0).map(\.deadline) == [30 * Self.second])
  }

  @Test func `a block that is set here is later than those of a node whose clock is ahead`() throws {
    let list = BlockList()
    #expect(list.nextSince(Timestamp(seconds: 5)) == Timestamp(seconds: 5))
    _ = list.take(.holds(Self.block([try BlockSubject(.agent, of: Self.registrant())], since: 100)), now: 0)
    #expect(list.nextSince(Timestamp(seconds: 5)) == Timestamp(milliseconds: 100_001))
  }

  @Test func `of several that refuse the longest counts`() throws {
    let list = BlockList()
    let registrant = try Self.registrant(identity: "id")
    let long = Self.block([try BlockSubject(.identity, of: registrant)], seconds: 100, scope: .identity)
    for block in [Self.block([try BlockSubject(.agent, of: registrant)]), long, Self.block([try BlockSubject(.endpoint, of: registrant)])] {
      list.set(block, now: 0)
    }
    #expect(list.block(for: registrant, now: 0)?.id == long.id)
  }

  @Test func `there is room for ten thousand, and again when they have passed`() throws {
    let list = BlockList()
    let subjects = try (0..<BlockList.capacity).map { try BlockSubject(.agent, of: Self.registrant(agent: "a-\($0)")) }
    #expect(list.hasRoom(for: BlockList.capacity, now: 0))
    #expect(!list.hasRoom(for: BlockList.capacity + 1, now: 0))
    list.set(Self.block(subjects, seconds: 10), now: 0)
    #expect(!list.hasRoom(for: 1, now: 0))
    #expect(list.hasRoom(for: 1, now: 10 * Self.second))
  }

  @Test func `a row says in words what is refused`() throws {
    let agents = try (1...5).map { try BlockSubject(.agent, of: Self.registrant(agent: "a-\($0)")) }
    let many = Self.block(agents).row
    #expect(many.match == "a-1 at e, a-2 at e, a-3 at e, 2 more" && many.endpoint == "e")
    #expect(many.id.hasPrefix("b-") && many.id.utf8.count == 18)
    let address = Self.block([try BlockSubject(.agent, of: Self.registrant())]).row
    #expect(address.match == "address 192.0.2.1 at e")
    let identity = Self.block([try BlockSubject(.identity, of: Self.registrant(identity: "id"))], scope: .identity).row
    #expect(identity.match == "id" && identity.endpoint == nil)
    let apart = Self.block([try BlockSubject(.endpoint, of: Self.registrant("e")), try BlockSubject(.endpoint, of: Self.registrant("f"))])
      .row
    #expect(apart.match == "everybody at e, everybody at f" && apart.endpoint == nil)
    #expect(many.until.milliseconds - many.since.milliseconds == 60_000)
  }

  @Test(arguments: [
    ("192.0.2.1:80", "192.0.2.1"), ("[2001:db8::1]:80", "2001:db8::1"), ("2001:db8:0::1:80", "2001:db8::1"),
    ("::ffff:1.2.3.4:80", "1.2.3.4"),
    ("", ""), ("unix", "unix"),
  ])
  func `an address is without its port and in one form`(remote: String, host: String) {
    #expect(Listener.host(of: remote) == host)
  }
}

@Suite struct RecentActionsTests {
  private static func action(_ id: String, listeners: [String] = ["l-1"]) -> OperatorAction {
    .disconnect(Disconnect(id: id, listeners: listeners))
  }

  private static func result(_ id: String, count: Int = 1) -> ActionResult {
    ActionResult(id: id, results: (0..<count).map { ListenerResult(listener: "l-\($0)", ok: true) })
  }

  @Test func `the same action has its result for five minutes`() {
    var recent = RecentActions()
    recent.record(Self.result("c1"), of: Self.action("c1"), .all, now: 5)
    #expect(recent.result(of: Self.action("c1"), .all, now: 5) == Self.result("c1"))
    #expect(recent.result(of: Self.action("c1"), .all, now: 4 + RecentActions.lifetime) == Self.result("c1"))
    #expect(recent.result(of: Self.action("c1"), .all, now: 5 + RecentActions.lifetime) == nil)
  }

  @Test func `the same ID with other members is another action`() {
    var recent = RecentActions()
    recent.record(Self.result("c1"), of: Self.action("c1"), .all, now: 0)
    #expect(recent.result(of: Self.action("c1", listeners: ["l-2"]), .all, now: 0) == nil)
    #expect(recent.result(of: .unblock(id: "c1", block: "b-1"), .all, now: 0) == nil)
    recent.record(ActionResult(id: "c1", ok: true), of: .unblock(id: "c1", block: "b-1"), .all, now: 0)
    #expect(recent.result(of: .unblock(id: "c1", block: "b-1"), .all, now: 0)?.ok == true)
  }

  @Test func `what is kept is bounded, and the oldest goes first`() {
    var recent = RecentActions()
    for index in 0...RecentActions.maximumActions { recent.record(Self.result("c\(index)"), of: Self.action("c\(index)"), .all, now: 0) }
    #expect(recent.result(of: Self.action("c0"), .all, now: 0) == nil)
    #expect(recent.result(of: Self.action("c1"), .all, now: 0) != nil)
    for index in 0..<6 { recent.record(Self.result("d\(index)", count: 10_000), of: Self.action("d\(index)"), .all, now: 0) }
    #expect(recent.result(of: Self.action("c1000"), .all, now: 0) == nil)
    #expect(recent.result(of: Self.action("d0"), .all, now: 0) == nil)
    #expect(recent.result(of: Self.action("d5"), .all, now: 0) != nil)
  }
}
