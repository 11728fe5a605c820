import PicoCore
import PicoStatus
import Testing

@testable import PicoServer

@Suite struct ActionQuestionTests {
  private static let node = NodeID("n-0000000000000001")!
  private static let e = EndpointID(qualified: "t/e")!
  private static let tenant = TenantScope.only(TenantID("t")!)

  private static func questions() -> [ActionQuestion] {
    let block = Block(
      scope: .endpoint, subjects: [.endpoint(e)], mode: .now, seconds: 60, by: "ops", reason: "why", since: Timestamp(seconds: 1000), now: 0
    )
    let lifted = BlockRecord.lifted("b-1", until: Timestamp(seconds: 1060), deadline: 60_000_000_000)
    return [
      .turn, .known(.disconnect(Disconnect(id: "c", listeners: ["l-1", "\u{1}"], blockSeconds: 5, isDryRun: true)), .all),
      .known(.unblock(id: "u", block: "b-1"), .only(.default)), .known(.drainNode(id: "d", node: "n-1"), tenant),
      .find([ListenerID(bits: 1), ListenerID(bits: 2)], tenant), .find([], .all),
      .count([e], [.endpoint(e), .identity("i", .default)], .only(.default)),
      .end(
        EndOrder(
          id: "c", listeners: [.init(id: ListenerID(bits: 1), leaving: 2), .init(id: ListenerID(bits: 2))], mode: .now, block: block,
          by: "ops",
          reason: "why", scope: tenant, asked: node)),
      .end(EndOrder(id: "c", listeners: [], mode: .drain, by: "", reason: "", scope: .all, asked: node)),
      .lift("b-1", leftMilliseconds: 5, by: "ops", tenant, asked: node), .lift("b-1", leftMilliseconds: nil, by: "", .all, asked: node),
      .drain(by: "ops", asked: node), .stays(whenLeaves: node), .blocks([.holds(block), lifted]), .blocks([]),
    ]
  }

  @Test(arguments: questions()) func `a question is read as it was written`(question: ActionQuestion) throws {
    let json = question.json(now: 0)
    #expect(
      try ActionQuestion.read(json: json, now: 0, wall: Timestamp(seconds: 0)) == question, "\(String(decoding: json, as: UTF8.self))")
  }

  @Test func `an answer is read as it was written`() throws {
    let registrant = Registrant(endpoint: Self.e, identity: "i", agentID: "a", address: "::1")
    let answers = [
      ActionAnswer(), ActionAnswer(ok: false, error: "would-remove-last"),
      ActionAnswer(
        result: ActionResult(id: "c", results: [ListenerResult(listener: "l", ok: true, remaining: 1)], matched: 1, unreachable: ["n-1"]),
        listeners: [
          ListenerFacts(id: ListenerID(bits: 1), registrant: registrant, isDraining: true),
          ListenerFacts(id: ListenerID(bits: 2), registrant: Registrant(endpoint: Self.e, address: ""), isDraining: false),
        ], counts: [Self.e: 3], ended: [ListenerID(bits: 1)], ok: true, leftMilliseconds: 7),
    ]
    for answer in answers { #expect(try ActionAnswer(json: answer.json) == answer) }
  }

  @Test(
    arguments: [
      #"{"type":"find","listeners":["l-0000000000000001"],"tenant":"a/b"}"#, #"{"type":"known"}"#,
      #"{"type":"known","action":{"type":"untail","id":"x"}}"#, #"{"type":"end","listeners":[]}"#, #"{"type":"lift","asked":"n-1"}"#,
      #"{"type":"drain","by":"x"}"#, #"{"type":"stays"}"#, "[]", "{",
    ])
  func `what no node says is refused`(text: String) {
    #expect(throws: JSONError.self) { try ActionQuestion.read(json: Array(text.utf8), now: 0, wall: Timestamp(seconds: 0)) }
  }

  @Test func `a type of a later version is told from nonsense, and its members are passed over`() throws {
    let later = #"{"type":"later","new":{"a":[1]}}"#
    #expect(try ActionQuestion.read(json: Array(later.utf8), now: 0, wall: Timestamp(seconds: 0)) == nil)
    let more = #"{"type":"turn","new":{"a":[1]}}"#
    #expect(try ActionQuestion.read(json: Array(more.utf8), now: 0, wall: Timestamp(seconds: 0)) == .turn)
  }
}
