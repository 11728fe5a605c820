internal import PicoCore
internal import PicoStatus

/// The listeners that a disconnect ends, taken out of the routes one name after the other. For a dry run they are only counted.
struct ListenerSelection {
  private let node: Node
  private let disconnect: Disconnect
  /// Listeners of others are not found.
  private let scope: TenantScope
  /// All listeners by what a block for them would refuse; empty without a block.
  private var bySubject: [BlockSubject: [Listener]] = [:]
  private(set) var taken: [Listener] = []
  private var takenIDs: Set<ListenerID> = []
  /// What the block has to refuse, each once.
  private(set) var subjects: [BlockSubject] = []
  private var seenSubjects: Set<BlockSubject> = []
  /// Of a dry run: what would be left by now.
  private var counted: [EndpointID: Int] = [:]

  init(node: Node, disconnect: Disconnect, scope: TenantScope) {
    self.node = node
    self.scope = scope
    self.disconnect = disconnect
    guard disconnect.blockSeconds > 0 else { return }
    for listener in node.registry.all {
      guard let subject = try? BlockSubject(disconnect.scope, of: listener.registrant) else { continue }
      bySubject[subject, default: []].append(listener)
    }
  }

  /// What becomes of one name.
  mutating func take(_ name: String) -> ListenerResult {
    guard let listener = ListenerID(name).flatMap({ node.registry.listener($0) }), scope.contains(listener) else {
      return ListenerResult(listener: name, ok: false, error: ActionRefusal.notFound.rawValue)
    }
    do throws(ActionRefusal) {
      try take(listener)
      return ListenerResult(listener: name, ok: true, remaining: remaining(listener.endpoint))
    } catch {
      return ListenerResult(listener: name, ok: false, error: error.rawValue, remaining: remaining(listener.endpoint))
    }
  }

  private mutating func take(_ listener: Listener) throws(ActionRefusal) {
    var group = [listener]
    var subject: BlockSubject?
    if disconnect.blockSeconds > 0 {
      let blocked = try BlockSubject(disconnect.scope, of: listener.registrant)
      subject = blocked
      group += (bySubject[blocked] ?? []).filter { $0 !== listener }
    }
    group.removeAll { takenIDs.contains($0.id) }
    try withdraw(group, first: listener.endpoint)
    keep(group)
    if let subject, seenSubjects.insert(subject).inserted { subjects.append(subject) }
  }

  /// Those that came between the decision and the block. They end as well, however few are left: they could not come back.
  mutating func takeLatecomers(_ block: Block) {
    let late = node.registry.all.filter { listener in
      guard !takenIDs.contains(listener.id), let subject = try? BlockSubject(block.scope, of: listener.registrant) else { return false }
      return seenSubjects.contains(subject)
    }
    for listener in late { _ = node.routes.withdraw([listener], from: listener.endpoint, leaving: 0) }
    keep(late)
  }

  private mutating func keep(_ group: [Listener]) {
    taken += group
    for listener in group { takenIDs.insert(listener.id) }
  }

  private func remaining(_ endpoint: EndpointID) -> Int { counted[endpoint] ?? node.routes.routes(of: endpoint)?.count ?? 0 }

  /// All of the group or none. Every endpoint that loses a listener must keep as many as asked for; those that drain already do not count.
  private mutating func withdraw(_ group: [Listener], first: EndpointID) throws(ActionRefusal) {
    let minimum = disconnect.minimumRemaining
    let byEndpoint = Dictionary(grouping: group.filter { $0.state != .draining }, by: \.endpoint)
    let isAllowed = minimum == 0 || byEndpoint.allSatisfy { remaining($0.key) - $0.value.count >= minimum }
    guard isAllowed else { throw .wouldRemoveLast }
    guard !disconnect.isDryRun else {
      for (endpoint, listeners) in byEndpoint { counted[endpoint] = remaining(endpoint) - listeners.count }
      return
    }
    // Agents leave by themselves meanwhile, so the routes count once more under their lock.
    if let listeners = byEndpoint[first], !node.routes.withdraw(listeners, from: first, leaving: minimum) { throw .wouldRemoveLast }
    for (endpoint, listeners) in byEndpoint where endpoint != first { _ = node.routes.withdraw(listeners, from: endpoint, leaving: 0) }
  }
}
