internal import PicoCore
internal import PicoStatus

/// Which listeners a disconnect ends, decided from what all nodes say of theirs, one name after the other. A value: nothing has happened yet.
struct ListenerSelection: Sendable {
  private let disconnect: Disconnect
  /// Listeners of others are not found.
  private let scope: TenantScope
  private let isBlock: Bool
  /// Why a name that nobody has is not done: some node may have it.
  private let absence: ActionRefusal
  private var listeners: [ListenerID: (facts: ListenerFacts, node: NodeID)] = [:]
  /// All listeners by what a block for them would refuse; empty without a block.
  private var bySubject: [BlockSubject: [ListenerID]] = [:]
  /// Routable listeners of each endpoint, by node, as they were and are after what was taken.
  private var counts: [EndpointID: [NodeID: Int]] = [:]
  private(set) var taken: [ListenerID] = []
  private var takenIDs: Set<ListenerID> = []
  /// What the block has to refuse, each once.
  private(set) var subjects: [BlockSubject] = []
  private var seenSubjects: Set<BlockSubject> = []

  /// - Parameter isComplete: every node has said what it has.
  init(_ disconnect: Disconnect, _ scope: TenantScope = .all, isComplete: Bool) {
    self.disconnect = disconnect
    self.scope = scope
    isBlock = disconnect.blockSeconds > 0
    absence = isComplete ? .notFound : .unreachable
  }

  // MARK: What there is

  mutating func add(_ found: [ListenerFacts], of node: NodeID) {
    for facts in found where scope.contains(facts.endpoint.tenant) && listeners.updateValue((facts, node), forKey: facts.id) == nil {
      guard isBlock, let subject = try? BlockSubject(disconnect.scope, of: facts.registrant) else { continue }
      bySubject[subject, default: []].append(facts.id)
    }
  }

  mutating func add(_ counts: [EndpointID: Int], of node: NodeID) {
    for (endpoint, count) in counts { self.counts[endpoint, default: [:]][node] = count }
  }

  /// Endpoints that lose something and whose listeners nobody has counted.
  var uncounted: [EndpointID] { Set(listeners.values.map(\.facts.endpoint)).subtracting(counts.keys).sorted() }

  /// What a block for the listeners that are known would refuse.
  var wouldRefuse: [BlockSubject] { Array(bySubject.keys) }

  // MARK: Taking

  /// What becomes of one name.
  mutating func take(_ name: String) -> ListenerResult {
    guard let id = ListenerID(name), let listener = listeners[id] else {
      // What is no ID is nowhere.
      let refusal = ListenerID(name) == nil ? ActionRefusal.notFound : absence
      return ListenerResult(listener: name, ok: false, error: refusal.rawValue)
    }
    do throws(ActionRefusal) {
      try take(listener.facts)
      return ListenerResult(listener: name, ok: true, remaining: remaining(listener.facts.endpoint))
    } catch {
      return ListenerResult(listener: name, ok: false, error: error.rawValue, remaining: remaining(listener.facts.endpoint))
    }
  }

  private mutating func take(_ facts: ListenerFacts) throws(ActionRefusal) {
    var group = [facts.id]
    var subject: BlockSubject?
    if isBlock {
      let blocked = try BlockSubject(disconnect.scope, of: facts.registrant)
      subject = blocked
      group += (bySubject[blocked] ?? []).filter { $0 != facts.id }
    }
    group.removeAll { takenIDs.contains($0) }
    try withdraw(group)
    taken += group
    takenIDs.formUnion(group)
    if let subject, seenSubjects.insert(subject).inserted { subjects.append(subject) }
  }

  /// All of the group or none. Every endpoint that loses a listener must keep as many as asked for; those that drain already do not count.
  private mutating func withdraw(_ group: [ListenerID]) throws(ActionRefusal) {
    let leaving = group.compactMap { listeners[$0] }.filter { !$0.facts.isDraining }
    let byEndpoint = Dictionary(grouping: leaving, by: \.facts.endpoint)
    let minimum = disconnect.minimumRemaining
    guard minimum == 0 || byEndpoint.allSatisfy({ remaining($0.key) - $0.value.count >= minimum }) else { throw .wouldRemoveLast }
    for listener in leaving { counts[listener.facts.endpoint]?[listener.node, default: 0] -= 1 }
  }

  private func remaining(_ endpoint: EndpointID) -> Int { max(0, counts[endpoint]?.values.reduce(0, +) ?? 0) }

  // MARK: What was decided

  /// The node that has each of those that were taken.
  func node(of id: ListenerID) -> NodeID? { listeners[id]?.node }

  /// What a node has to end, and how many of its own each listener's endpoint has to keep so that all nodes together keep enough.
  func orders(for node: NodeID) -> [EndOrder.Listener] {
    taken.compactMap { id in
      guard let listener = listeners[id], listener.node == node else { return nil }
      let elsewhere = (counts[listener.facts.endpoint] ?? [:]).reduce(0) { $1.key == node ? $0 : $0 + $1.value }
      return EndOrder.Listener(id: id, leaving: max(0, disconnect.minimumRemaining - elsewhere))
    }
  }
}
