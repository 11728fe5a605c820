import PicoCore
import PicoStatus
import Support
import Synchronization
import Testing

@testable import PicoServer

/// What is decided from what several nodes say they have.
@Suite struct ListenerSelectionTests {
  private let one = NodeID("n-0000000000000001")!
  private let two = NodeID("n-0000000000000002")!

  private func facts(_ number: UInt64, _ endpoint: String = "e", agent: String = "a", isDraining: Bool = false) throws -> ListenerFacts {
    ListenerFacts(
      id: ListenerID(bits: number),
      registrant: Registrant(
        endpoint: try #require(EndpointID(qualified: endpoint)), identity: nil, agentID: "\(agent)-\(number)", address: "::1"),
      isDraining: isDraining)
  }

  private func name(_ number: UInt64) -> String { ListenerID(bits: number).description }

  /// Listeners 1 to 3 of an endpoint, the first two on one node.
  private func selection(minimum: Int, isComplete: Bool = true) throws -> ListenerSelection {
    var selection = ListenerSelection(
      Disconnect(id: "c", listeners: ["l-0"], minimumRemaining: minimum), isComplete: isComplete)
    selection.add([try facts(1), try facts(2)], of: one)
    selection.add([try facts(3)], of: two)
    let endpoint = try #require(EndpointID("e"))
    #expect(selection.uncounted == [endpoint])
    selection.add([endpoint: 2], of: one)
    selection.add([endpoint: 1], of: two)
    #expect(selection.uncounted.isEmpty)
    return selection
  }

  @Test func `too few are too few over all nodes`() throws {
    var selection = try selection(minimum: 1)
    #expect(selection.take(name(1)) == ListenerResult(listener: name(1), ok: true, remaining: 2))
    #expect(selection.take(name(3)) == ListenerResult(listener: name(3), ok: true, remaining: 1))
    #expect(selection.take(name(2)) == ListenerResult(listener: name(2), ok: false, error: "would-remove-last", remaining: 1))
    #expect(selection.orders(for: one) == [.init(id: ListenerID(bits: 1), leaving: 1)], "the last one is there")
    #expect(selection.orders(for: two) == [.init(id: ListenerID(bits: 3), leaving: 0)], "and nothing needs to stay here")
  }

  @Test(arguments: [(true, "not-found"), (false, "unreachable")])
  func `what nobody has is not found only when everybody was asked`(isComplete: Bool, error: String) throws {
    var selection = try selection(minimum: 0, isComplete: isComplete)
    #expect(selection.take(name(9)) == ListenerResult(listener: name(9), ok: false, error: error))
    #expect(selection.take("l-x").error == "not-found")
    #expect(selection.take(name(1)).ok)
  }

  @Test func `a block covers listeners of other nodes and endpoints, and each of these has to keep enough`() throws {
    func registrant(_ endpoint: String) throws -> Registrant {
      Registrant(endpoint: try #require(EndpointID(endpoint)), identity: "i", agentID: nil, address: "")
    }
    let disconnect = Disconnect(id: "c", listeners: ["l"], blockSeconds: 1, scope: .identity, minimumRemaining: 1)
    let (e, f) = (try #require(EndpointID("e")), try #require(EndpointID("f")))
    for (ofF, isDone) in [(1, false), (2, true)] {
      var selection = ListenerSelection(disconnect, isComplete: true)
      selection.add([ListenerFacts(id: ListenerID(bits: 1), registrant: try registrant("e"), isDraining: false)], of: one)
      #expect(selection.wouldRefuse == [.identity("i", .default)] && selection.uncounted == [e])
      selection.add([e: 5], of: one)
      selection.add([ListenerFacts(id: ListenerID(bits: 2), registrant: try registrant("f"), isDraining: false)], of: two)
      #expect(selection.uncounted == [f])
      selection.add([f: ofF], of: two)
      #expect(selection.take(name(1)).ok == isDone)
      #expect(selection.taken.count == (isDone ? 2 : 0) && selection.subjects.count == (isDone ? 1 : 0))
    }
  }

  @Test func `one that drains is no loss`() throws {
    var selection = ListenerSelection(Disconnect(id: "c", listeners: ["l"], minimumRemaining: 1), isComplete: true)
    selection.add([try facts(1, isDraining: true)], of: one)
    selection.add([try #require(EndpointID("e")): 1], of: one)
    #expect(selection.take(name(1)) == ListenerResult(listener: name(1), ok: true, remaining: 1))
  }

  @Test func `what a node says of another tenant's listeners is not heard`() throws {
    var selection = ListenerSelection(
      Disconnect(id: "c", listeners: ["l"]), .only(try #require(TenantID("t"))), isComplete: true)
    selection.add([try facts(1), try facts(2, "t/e"), try facts(3, "u/e")], of: one)
    selection.add([try #require(EndpointID(qualified: "t/e")): 1], of: one)
    #expect(selection.take(name(1)).error == "not-found" && selection.take(name(3)).error == "not-found" && selection.take(name(2)).ok)
  }

  // MARK: Turns

  @Test func `turns are in the order of asking, and a place that is given up is nobody's`() {
    let turns = ActionTurn()
    let granted = Locked<[Int]>([])
    let tickets = (0..<4).map { number in turns.ask { granted.withLock { $0.append(number) } } }
    #expect(granted.withLock { $0 } == [0])
    turns.giveBack(tickets[2])
    turns.giveBack(tickets[0])
    #expect(granted.withLock { $0 } == [0, 1])
    turns.giveBack(tickets[0])
    turns.giveBack(tickets[1])
    #expect(granted.withLock { $0 } == [0, 1, 3])
    turns.giveBack(tickets[3])
    _ = turns.ask { granted.withLock { $0.append(4) } }
    #expect(granted.withLock { $0 } == [0, 1, 3, 4])
  }
}
