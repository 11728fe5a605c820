internal import PicoCluster
internal import PicoCore
internal import PicoStatus

/// The other nodes: each is asked once for all that watchers here want of it, over a conversation that begins with the first of them and ends
/// some seconds after the last.
extension StatusPublisher {
  struct Peers {
    struct Peer {
      /// Nil while there is no conversation.
      var line: ConversationLine?
      var isOpening = false
      /// It said something in this conversation.
      var hasSpoken = false
      /// What it was asked for in this conversation.
      var asked: PeerInterest?
      /// Steady nanoseconds before which no conversation is begun.
      var retryAt: UInt64 = 0
      /// What waits for its answers, which come in the order of the questions.
      var queries: [Query] = []
    }

    struct Query {
      let number: UInt64
      /// Nil when it waits no longer.
      var answer: CheckedContinuation<Answer?, Never>?
    }

    /// To a question, and when it was heard by the clock here.
    struct Answer: Sendable {
      var message: ServerMessage
      var heardAt: Timestamp
    }

    /// What watchers want now.
    private(set) var wanted = PeerInterest()
    /// What is asked for: that, and what was wanted lately.
    private(set) var held = PeerInterest()
    /// When what was wanted lately is let go, in steady nanoseconds; nil while there is no such thing.
    private var letGoAt: UInt64?
    /// Of the next look, in steady nanoseconds.
    var due: UInt64 = .max
    var peers: [NodeID: Peer] = [:]
    private var tailed: [EndpointID: TailLog.Records] = [:]
    private var lastQuery: UInt64 = 0

    private static let linger: UInt64 = 5_000_000_000

    var isIdle: Bool { !held.isAny && peers.isEmpty }

    mutating func want(_ interest: PeerInterest, now: UInt64) {
      let before = held
      wanted = interest
      held.formUnion(interest)
      // Requests are sent for as long as somebody looks at them.
      held.tails = interest.tails
      if held == interest { letGoAt = nil } else if letGoAt == nil { letGoAt = now + Self.linger }
      if held != before { due = now }
    }

    /// For somebody who asks once, and may do so again.
    mutating func hold(_ interest: PeerInterest, now: UInt64) {
      held.formUnion(interest)
      if held != wanted { letGoAt = now + Self.linger }
      due = now
    }

    mutating func letGo(now: UInt64) {
      guard let letGoAt, letGoAt <= now else { return }
      held = wanted
      self.letGoAt = nil
    }

    mutating func add(_ request: TailedRequest) {
      guard let endpoint = PeerInterest.endpoint(ofTail: request.id), wanted.tails[endpoint] != nil else { return }
      var records = tailed[endpoint] ?? TailLog.Records()
      records.skipped += max(0, request.skipped)
      if records.requests.count < TailLog.capacity { records.requests.append(request) } else { records.skipped += 1 }
      tailed[endpoint] = records
    }

    mutating func takeTailed() -> [EndpointID: TailLog.Records] {
      defer { tailed = [:] }
      return tailed
    }

    mutating func nextQuery() -> UInt64 {
      lastQuery += 1
      return lastQuery
    }
  }

  private static let lookInterval: UInt64 = 1_000_000_000
  /// How long something that is shown to somebody waits for the others' first rows.
  private static let patience: UInt64 = 300_000_000
  /// Before a node is asked again that would not talk.
  private static let refusedInterval: UInt64 = 5_000_000_000
  private static let queryPatience = Duration.milliseconds(500)

  /// Other nodes' own questions are about this one.
  private var interest: PeerInterest {
    var interest = PeerInterest()
    for session in watchers.values.map(\.session) where !session.isNode {
      for subscription in session.subscriptions.values { interest.insert(subscription.selection) }
      if session.wantsAllEvents { interest.events = true }
      for tail in session.tails.values {
        interest.isAny = true
        interest.tails[tail.endpoint] = max(interest.tails[tail.endpoint] ?? 0, tail.sample)
      }
    }
    for selection in awaited { interest.insert(selection) }
    return interest
  }

  /// What watchers want is another thing now, or may be.
  func followOthers() {
    guard node.membership != nil else { return }
    peers.want(interest, now: now)
  }

  /// Once a second, and when something else is wanted: begins conversations, says what is wanted, notices who is gone.
  func lookAfterOthers() async {
    peers.due = now + Self.lookInterval
    peers.letGo(now: now)
    guard let membership = node.membership, peers.held.isAny else {
      leaveOthers()
      // The clock ends with it where nothing else needs it.
      return run()
    }
    let members = membership.peers
    for id in peers.peers.keys where members[id] == nil { forget(id) }
    for id in members.keys where peers.peers[id] == nil { peers.peers[id] = Peers.Peer() }
    others.update(
      members.mapValues { remote, record in
        OtherNodes.Known(
          address: record.addresses.first ?? "", version: record.version, isDraining: record.state == .draining,
          listeners: record.listeners, isReachable: remote.isReachable)
      }, connected: Set(peers.peers.filter { $0.value.line != nil }.keys), now: .now())
    for (id, member) in members {
      await converse(with: id, member.node)
      sayWanted(to: id)
    }
  }

  private func converse(with id: NodeID, _ remote: RemoteNode) async {
    guard let peer = peers.peers[id], peer.line == nil, !peer.isOpening, peer.retryAt <= now, remote.isReachable else { return }
    peers.peers[id]?.isOpening = true
    let line = await ConversationLine.begin(.status, with: remote, over: loops)
    peers.peers[id]?.isOpening = false
    guard let line else { return }
    guard peers.held.isAny, !isShutDown, peers.peers[id]?.line == nil else { return line.end() }
    peers.peers[id]?.line = line
    peers.peers[id]?.hasSpoken = false
    peers.peers[id]?.asked = nil
    others.began(id)
    Self.follow(line, of: id, for: self)
  }

  /// Reads what the node says away from here, and tells it in order.
  private nonisolated static func follow(_ line: ConversationLine, of id: NodeID, for publisher: StatusPublisher) {
    Task { [weak publisher] in
      for await json in line.messages {
        // What cannot be read leaves a gap, which is noticed.
        if let message = try? ServerMessage(json: json) { await publisher?.heard(message, from: id, line) }
        line.took(json.count)
      }
      await publisher?.lost(line, to: id)
    }
  }

  private func sayWanted(to id: NodeID) {
    guard let peer = peers.peers[id], let line = peer.line, peer.asked != peers.held else { return }
    let wanted = peers.held
    others.keep(Set(wanted.subscriptions.map(\.id)), of: id)
    let last = others.peers[id]?.events.lastNumber ?? 0
    for message in wanted.messages(after: peer.asked, node: id.text, lastEvent: last) { line.say(message.json) }
    peers.peers[id]?.asked = wanted
  }

  private func heard(_ message: ServerMessage, from id: NodeID, _ line: ConversationLine) {
    guard peers.peers[id]?.line === line else { return }
    peers.peers[id]?.hasSpoken = true
    switch message {
    case .request(let request): peers.add(request)
    case .history, .errors:
      guard peers.peers[id]?.queries.isEmpty == false else { return }
      peers.peers[id]?.queries.removeFirst().answer?.resume(returning: Peers.Answer(message: message, heardAt: .now()))
    default:
      let wasFilled = others.isFilled(id)
      if let answer = others.receive(message, from: id, now: .now()) { line.say(answer.json) }
      if !wasFilled, others.isFilled(id) { showAtOnce() }
    }
  }

  /// Whoever looks already need not wait for the rows of another node until his next interval.
  private func showAtOnce() {
    for selection in views.keys where selection.scope == .cluster && views[selection]?.view.version ?? 0 > 0 {
      views[selection]?.due = now
    }
    run()
  }

  private func lost(_ line: ConversationLine, to id: NodeID) {
    guard let peer = peers.peers[id], peer.line === line else { return }
    drop(peer)
    peers.peers[id] = Peers.Peer(retryAt: peer.hasSpoken ? 0 : now + Self.refusedInterval)
    peers.due = now
    run()
  }

  private func forget(_ id: NodeID) {
    guard let peer = peers.peers.removeValue(forKey: id) else { return }
    drop(peer)
  }

  private func drop(_ peer: Peers.Peer) {
    peer.line?.end()
    for query in peer.queries { query.answer?.resume(returning: nil) }
  }

  func leaveOthers() {
    for id in Array(peers.peers.keys) { forget(id) }
    others.removeAll()
  }

  // MARK: Waiting for them

  /// Returns when all that can be reached told what is wanted of them, or after a moment.
  func awaitOthers() async {
    followOthers()
    await lookAfterOthers()
    let deadline = now + Self.patience
    while now < deadline, !areOthersThere, (try? await Task.sleep(for: .milliseconds(5))) != nil {}
  }

  private var areOthersThere: Bool {
    peers.peers.allSatisfy { id, peer in
      peer.line == nil ? !peer.isOpening : others.isFilled(id) || others.peers[id]?.known.isReachable != true
    }
  }

  /// What the others are like, for somebody who asks once; nil on a node that is alone.
  func others(for scope: TenantScope) async -> OtherNodes? {
    guard node.membership != nil else { return nil }
    var interest = PeerInterest(isAny: true, endpoints: true, listeners: .all)
    if case .only(let tenant) = scope { interest.tenants = [tenant] }
    peers.hold(interest, now: now)
    await awaitOthers()
    run()
    return others
  }

  // MARK: Asking them

  /// The answers of those that can be reached, as far as they come in time.
  func ask(_ message: ClientMessage) async -> [Peers.Answer] {
    guard node.membership != nil else { return [] }
    peers.hold(PeerInterest(isAny: true), now: now)
    await awaitOthers()
    run()
    let ids = peers.peers.keys.filter { others.peers[$0]?.known.isReachable == true }
    return await withTaskGroup(of: Peers.Answer?.self) { group in
      for id in ids { group.addTask { await self.ask(message, of: id) } }
      var answers: [Peers.Answer] = []
      for await answer in group { if let answer { answers.append(answer) } }
      return answers
    }
  }

  private func ask(_ message: ClientMessage, of id: NodeID) async -> Peers.Answer? {
    guard let line = peers.peers[id]?.line else { return nil }
    let number = peers.nextQuery()
    line.say(message.json)
    Task {
      try? await Task.sleep(for: Self.queryPatience)
      self.giveUp(number, of: id)
    }
    return await withCheckedContinuation { peers.peers[id]?.queries.append(Peers.Query(number: number, answer: $0)) }
  }

  private func giveUp(_ number: UInt64, of id: NodeID) {
    guard let place = peers.peers[id]?.queries.firstIndex(where: { $0.number == number }) else { return }
    peers.peers[id]?.queries[place].answer.take()?.resume(returning: nil)
  }

  /// As ``HistoryRecorder/history(of:_:since:)``, over all nodes.
  func clusterHistory(of endpoint: String?, _ scope: TenantScope, since: Timestamp?) async -> History {
    let id = endpoint.map { scope.endpoint($0) }
    guard node.membership != nil, id != .some(nil) else { return await history.history(of: endpoint, scope, since: since) }
    // Each node's seconds begin at another moment: what was asked for is cut out at the end.
    let early = since.map { Timestamp(milliseconds: $0.milliseconds - History.margin) }
    var tenant: String?
    if case .only(let only) = scope { tenant = only.name }
    let answers = await ask(.history(endpoint: id??.description, since: early, tenant: tenant))
    let own = await history.history(of: endpoint, scope, since: early)
    let others = answers.compactMap { answer in
      if case .history(let history) = answer.message { history.moved(to: answer.heardAt) } else { nil }
    }
    return own.merged(with: others, since: since)
  }

  /// The last failures on all nodes; each is told by the node that the client was connected to.
  func clusterErrors(of id: EndpointID, with own: [RecentErrors.Failure]) async -> [RecentErrors.Failure] {
    let others = await ask(.errors(endpoint: id.description)).flatMap { answer in
      if case .errors(let errors) = answer.message { errors.errors } else { [] as [RecentErrors.Failure] }
    }
    return others.isEmpty ? own : (own + others).sorted { $0.at < $1.at }.suffix(RecentFailures.capacity)
  }

  // MARK: Telling them

  /// Another node asks about this one; returns when it wants to know no more.
  func serve(_ line: ConversationLine, of dialer: NodeID) async {
    let id = WatcherID.next()
    line.notifyRoom { [weak self] in Task { [weak self] in await self?.resume(id) } }
    await join(id, line, by: Operator(name: dialer.text, role: .operator), isNode: true)
    for await message in line.messages {
      await receive(message, from: id)
      line.took(message.count)
    }
    leave(id)
  }

  /// Those that a watcher has not had, node by node.
  func events(for session: WatchSession, after last: [String: UInt64]) -> [StatusEvent] {
    let number = last[node.id.text] ?? 0
    guard !session.isNode else { return node.events.eventsForNodes(after: number) }
    let own = node.events.events(after: number, session.scope)
    guard session.wantsAllEvents else { return own }
    return others.peers.reduce(own) { $0 + $1.value.events.events(after: last[$1.key.text] ?? 0, session.scope) }
  }
}
