internal import PicoCore
package import PicoStatus

/// All servers as one: connections, rows, totals, history, events.
package struct Fleet: Sendable {
  package internal(set) var servers: [ServerState]
  package internal(set) var endpoints = OrderedTable<EndpointRow>(order: RowOrder(.rate, isDescending: true), filter: .everything)
  package internal(set) var listeners = OrderedTable<ListenerRow>(order: RowOrder(.rate, isDescending: true), filter: .everything)
  package internal(set) var nodes = OrderedTable<NodeRow>(order: RowOrder(.id), filter: .everything)
  package internal(set) var blocks = OrderedTable<BlockRow>(order: RowOrder(.until), filter: .everything)
  /// What servers told of, listeners and nodes that came and went and what operators did; and what was done from here.
  var events = OrderedTable<EventRow>(order: RowOrder(.time), filter: .everything)
  private var eventNumbers = RowNumbers()
  /// The last one of each node, whichever server told of it.
  private var lastEvents: [String: UInt64] = [:]
  private(set) var tail = Tail()
  /// Those of the tail.
  var requests = OrderedTable<RequestRow>(order: RowOrder(.time), filter: .everything)
  /// The clock of this machine, which filters take ages from.
  var wall = Timestamp(seconds: 0)
  let intervalMilliseconds: Int
  /// For how long a server may be silent.
  private let patience: Duration

  /// What is recorded does not grow old by time.
  package init(servers: [String], intervalMilliseconds: Int = 1000, isRecorded: Bool = false) {
    self.servers = servers.map(ServerState.init(name:))
    self.intervalMilliseconds = intervalMilliseconds
    patience = isRecorded ? .seconds(Int64.max / 2) : max(.seconds(3), .milliseconds(3 * intervalMilliseconds))
  }

  func freshness(of server: Int, _ id: String = Subscription.fleetID, at now: Duration) -> ServerState.Freshness {
    guard servers.indices.contains(server) else { return .waiting }
    return servers[server].freshness(of: id, at: now, patience: patience)
  }

  // MARK: Connections

  mutating func connection(_ state: ConnectionState, server: Int, at now: Duration) {
    guard servers.indices.contains(server) else { return }
    servers[server].connection = state
    servers[server].changedAt = now
    if state != .connected {
      servers[server].hello = nil
      servers[server].subscriptions = [:]
      if tail.subject?.server == server { tail.isLost = true }
    }
  }

  /// As before anything came.
  mutating func forgetAll() {
    for server in servers.indices {
      servers[server] = ServerState(name: servers[server].name)
      nodes.replace(with: [], server: server, now: wall)
      endpoints.replace(with: [], server: server, now: wall)
      listeners.replace(with: [], server: server, now: wall)
      blocks.replace(with: [], server: server, now: wall)
    }
    events.removeAll(now: wall)
    eventNumbers = RowNumbers()
    lastEvents = [:]
    stopTail()
  }

  // MARK: Tail

  /// The requests stay when it is the same endpoint, over a new connection.
  mutating func startTail(id: String, of endpoint: RowKey) {
    if endpoint != tail.subject { stopTail() }
    tail.id = id
    tail.subject = endpoint
    tail.isLost = false
  }

  mutating func stopTail() {
    tail = Tail()
    requests.removeAll(now: wall)
  }

  private mutating func add(_ request: TailedRequest, server: Int) {
    guard request.id == tail.id else { return }
    tail.skipped = tail.skipped.addingReportingOverflow(max(0, request.skipped)).partialValue
    let row = RequestRow(number: tail.numbers.take(), request: request)
    let key = RowKey(server: server, key: row.key)
    requests.put([(key, row)], removing: tail.numbers.add([key]), now: wall)
  }

  // MARK: Events

  private mutating func add(_ event: StatusEvent, server: Int) {
    let row = EventRow(event, key: NumberedKey.text(eventNumbers.take()))
    let key = RowKey(server: server, key: row.key)
    events.put([(key, row)], removing: eventNumbers.add([key]), now: wall)
  }

  /// A number for something that is done from here.
  mutating func newEventNumber() -> Int { eventNumbers.take() }

  /// What was done from here, as it stands now.
  mutating func tell(_ entry: OperatorLog.Entry) {
    let rows = EventRow.rows(of: entry).map { (key: RowKey(server: entry.server, key: $0.key), row: $0) }
    let new = rows.map(\.key).filter { events[$0] == nil }
    events.put(rows, removing: eventNumbers.add(new), now: wall)
  }

  // MARK: Subscriptions

  /// What to say so that a server sends what is wanted: nothing that it sends already. Rows of what is no longer wanted are forgotten, as
  /// they would grow old; those of a server that is not there stay as long as anything is wanted of it.
  mutating func subscribe(to wanted: [Subscription], server: Int, at now: Duration) -> [ClientMessage] {
    guard servers.indices.contains(server) else { return [] }
    guard wanted.isEmpty || servers[server].hello != nil && servers[server].incompatibility == nil else { return [] }
    var messages: [ClientMessage] = []
    for (id, held) in servers[server].held where wanted.allSatisfy({ !$0.isSame(as: held) }) {
      servers[server].held[id] = nil
      servers[server].heardAt[id] = nil
      forget(id, server: server)
    }
    for (id, state) in servers[server].subscriptions.sorted(by: { $0.key < $1.key }) {
      let new = wanted.first { $0.id == id }
      guard new.map({ !$0.isSame(as: state.subscription) }) ?? true else { continue }
      servers[server].subscriptions[id] = nil
      if new == nil { messages.append(.unsubscribe(id: id)) }
    }
    for var subscription in wanted where servers[server].subscriptions[subscription.id] == nil {
      if subscription.eventsSince != nil { subscription.eventsSince = lastEvents }
      servers[server].subscriptions[subscription.id] = SubscriptionState(subscription, at: now)
      messages.append(.subscribe(subscription))
    }
    return messages
  }

  private mutating func forget(_ id: String, server: Int) {
    switch id {
    case Subscription.fleetID:
      nodes.replace(with: [], server: server, now: wall)
      endpoints.replace(with: [], server: server, now: wall)
      blocks.replace(with: [], server: server, now: wall)
      servers[server].forgetFigures()
    case Subscription.listenersID: listeners.replace(with: [], server: server, now: wall)
    case Subscription.busiestID: servers[server].busiest = []
    default: break
    }
  }

  /// Snapshots that should have come long ago are asked for again.
  mutating func overdue(at now: Duration) -> [(ClientMessage, server: Int)] {
    var messages: [(ClientMessage, server: Int)] = []
    for server in servers.indices where servers[server].hello != nil {
      for id in servers[server].subscriptions.keys.sorted() where servers[server].subscriptions[id]?.isOverdue(at: now) == true {
        messages.append((.resync(id: id), server: server))
      }
    }
    return messages
  }

  /// Of the first rows, from 0 to 1; nil when nothing is awaited.
  func progress(of id: String, server: Int) -> Double? { servers[server].subscriptions[id]?.progress }

  // MARK: Messages

  /// Takes what a server said; what is to be answered comes back. Results and errors of actions are not for this.
  mutating func receive(_ message: ServerMessage, server: Int, at now: Duration) -> [ClientMessage] {
    guard servers.indices.contains(server) else { return [] }
    if case .hello(let hello) = message {
      servers[server].hello = hello
      servers[server].node = hello.node
      servers[server].subscriptions = [:]
      servers[server].observe(clock: hello.now, at: now)
      return []
    }
    guard servers[server].hello != nil, servers[server].incompatibility == nil else { return [] }
    switch message {
    case .snapshot(let snapshot): return receive(snapshot, server: server, at: now)
    case .update(let update): return receive(update, server: server, at: now)
    case .history(let history): servers[server].history.merge(history)
    case .errors(let errors): servers[server].errors = RecentErrors(endpoint: errors.endpoint, errors: errors.errors.suffix(50))
    case .request(let request): add(request, server: server)
    case .event(let event):
      if let last = lastEvents[event.node], event.number <= last { return [] }
      lastEvents[event.node] = event.number
      add(event, server: server)
    case .error(let error):
      if error.code == .tooSlow { servers[server].tooSlowAt = now }
    case .hello, .result, .unknown: break
    }
    return []
  }

  private mutating func receive(_ snapshot: Snapshot, server: Int, at now: Duration) -> [ClientMessage] {
    guard let outcome = servers[server].subscriptions[snapshot.id]?.receive(snapshot, at: now) else { return [] }
    if outcome == .resync { return [.resync(id: snapshot.id)] }
    servers[server].observe(clock: snapshot.now, at: now)
    guard case .replace(let tables) = outcome, let subscription = servers[server].subscriptions[snapshot.id]?.subscription else {
      return []
    }
    servers[server].heardAt[snapshot.id] = now
    servers[server].held[snapshot.id] = subscription
    if snapshot.id == Subscription.busiestID {
      servers[server].busiest = tables.endpoints.map(\.row)
      return []
    }
    for table in subscription.tables {
      switch table {
      case .nodes: nodes.replace(with: tables.nodes, server: server, now: wall)
      case .endpoints: endpoints.replace(with: tables.endpoints, server: server, now: wall)
      case .listeners:
        listeners.replace(with: ofSubject(tables.listeners, subscription, server: server), server: server, now: wall)
      case .blocks: blocks.replace(with: tables.blocks, server: server, now: wall)
      case .totals: servers[server].totals = tables.totals.first?.row
      }
    }
    return []
  }

  private mutating func receive(_ update: Update, server: Int, at now: Duration) -> [ClientMessage] {
    guard let outcome = servers[server].subscriptions[update.id]?.receive(update, at: now) else { return [] }
    if outcome == .resync { return [.resync(id: update.id)] }
    guard outcome == .apply else { return [] }
    servers[server].observe(clock: update.now, at: now)
    servers[server].heardAt[update.id] = now
    let tables = update.tables
    if update.id == Subscription.busiestID {
      servers[server].applyBusiest(tables.endpoints, removed: update.removed[.endpoints] ?? [])
      return []
    }
    nodes.apply(changed: tables.nodes, removed: update.removed[.nodes] ?? [], server: server, now: wall)
    endpoints.apply(changed: tables.endpoints, removed: update.removed[.endpoints] ?? [], server: server, now: wall)
    if let subscription = servers[server].held[update.id] {
      let changed = ofSubject(tables.listeners, subscription, server: server)
      listeners.apply(changed: changed, removed: update.removed[.listeners] ?? [], server: server, now: wall)
    }
    blocks.apply(changed: tables.blocks, removed: update.removed[.blocks] ?? [], server: server, now: wall)
    if let change = tables.totals.first {
      var totals = servers[server].totals ?? TotalsRow(blank: change.row.id)
      change.apply(to: &totals)
      servers[server].totals = totals
    }
    return []
  }

  /// A recording may have listeners of another endpoint.
  private func ofSubject(_ changes: [RowChange<ListenerRow>], _ subscription: Subscription, server: Int) -> [RowChange<ListenerRow>] {
    guard let name = subscription.endpoint else { return changes }
    return changes.filter { $0.row.endpointKey == name || listeners[RowKey(server: server, key: $0.key)] != nil }
  }

  // MARK: Sums

  /// Of the servers that are live, or of all when none is.
  func totals(at now: Duration) -> (row: TotalsRow, live: Int) {
    let live = servers.indices.filter { freshness(of: $0, at: now) == .live }
    let rows = (live.isEmpty ? Array(servers.indices) : live).compactMap { servers[$0].totals }
    return (TotalsRow.merged(rows), live.count)
  }

  /// The largest first.
  func busiest(limit: Int) -> [(key: RowKey, row: EndpointRow)] {
    var rows: [(key: RowKey, row: EndpointRow)] = []
    for (index, server) in servers.enumerated() {
      for row in server.busiest { rows.append((RowKey(server: index, key: row.key), row)) }
    }
    rows.sort { ($1.row.requestRate, $0.key.key) < ($0.row.requestRate, $1.key.key) }
    return Array(rows.prefix(limit))
  }
}

extension ServerState {
  fileprivate mutating func applyBusiest(_ changes: [RowChange<EndpointRow>], removed: [String]) {
    busiest.removeAll { removed.contains($0.key) }
    for change in changes {
      if let index = busiest.firstIndex(where: { $0.key == change.key }) {
        change.apply(to: &busiest[index])
      } else if busiest.count < Subscription.busiestLimit * 2 {
        busiest.append(change.row)
      }
    }
  }
}
