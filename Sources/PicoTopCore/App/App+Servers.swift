internal import PicoCore
internal import PicoStatus

/// What servers say, and what they are asked.
extension App {
  mutating func connectionChanged(_ state: ConnectionState, server: Int) {
    fleet.connection(state, server: server, at: now.steady)
    guard state != .connected else { return }
    for entry in log.connectionLost(server: server) { tell(entry) }
  }

  mutating func receive(_ message: ServerMessage, server: Int) -> [AppEffect] {
    switch message {
    case .result(let result): take(result, server: server)
    case .error(let error): take(error, server: server)
    default: break
    }
    return fleet.receive(message, server: server, at: now.steady).map { .send($0, server: server) }
  }

  private mutating func take(_ result: ActionResult, server: Int) {
    if panel.takeCount(result) { return }
    guard let entry = log.take(result, server: server) else { return }
    tell(entry)
    let failed = entry.results.count { !$0.isDone }
    say(
      failed == 0 ? "\(entry.title): done" : "\(entry.title): \(failed) of \(entry.results.count) not done, see screen 7",
      failed == 0 ? .ok : .error)
  }

  /// What came of an action goes to screen 7, and to the dialog where it is still open.
  private mutating func tell(_ entry: OperatorLog.Entry) {
    fleet.tell(entry)
    panel.take(id: entry.id, results: entry.results)
  }

  private mutating func take(_ error: StatusError, server: Int) {
    let text = "\(error.code.rawValue): \(error.message)"
    if let id = error.id, panel.takeFailure(of: id, text) { return }
    if let entry = log.take(error, server: server) {
      tell(entry)
      say("\(entry.title): \(text)", .error)
    } else if error.code != .tooSlow {
      say("\(fleet.servers.indices.contains(server) ? fleet.servers[server].name : "server"): \(text)", .error)
    }
  }

  // MARK: Subscriptions

  /// What the screen needs of a server, by the contract of the status protocol.
  func wanted(of server: Int) -> [Subscription] {
    let interval = options.intervalMilliseconds
    var wanted = [Subscription.fleet(intervalMilliseconds: interval)]
    switch screen {
    case .overview: wanted.append(.busiest(intervalMilliseconds: interval))
    case .endpoints:
      let keys = (panel.dialog?.endpoints ?? []).filter { $0.server == server }.map(\.key)
      if !keys.isEmpty { wanted.append(.listeners(endpoints: keys, intervalMilliseconds: interval)) }
    case .endpoint(let key) where key.server == server:
      wanted.append(.listeners(endpoints: [key.key], intervalMilliseconds: interval))
    case .listeners: wanted.append(.listeners(endpoints: [], intervalMilliseconds: interval))
    default: break
    }
    return wanted
  }

  /// What is to be said so that the servers send what is on screen; nothing while they do.
  mutating func synchronise() -> [AppEffect] {
    var effects: [AppEffect] = []
    let sources = fleet.sources(at: now.steady)
    if let key = screen.endpoint, let source = sources[key.server] { screen.follow(RowKey(server: source, key: key.key)) }
    for server in fleet.servers.indices {
      let wanted = sources[server] == nil ? wanted(of: server) : []
      effects += fleet.subscribe(to: wanted, server: server, at: now.steady).map { .send($0, server: server) }
    }
    effects += synchroniseTail() + askForHistory()
    effects += fleet.overdue(at: now.steady).map { .send($0.0, server: $0.server) }
    return effects
  }

  private mutating func synchroniseTail() -> [AppEffect] {
    var wanted: RowKey?
    if case .live(let key) = screen {
      // What came stays while the connection is gone.
      if key == fleet.tail.subject, fleet.servers[key.server].hello == nil { return [] }
      if isOperator(of: key.server) { wanted = key }
    }
    guard wanted != fleet.tail.subject || (wanted != nil && fleet.tail.isLost) else { return [] }
    var effects: [AppEffect] = []
    if let old = fleet.tail.subject, let id = fleet.tail.id, !fleet.tail.isLost {
      effects.append(.send(.untail(id: id), server: old.server))
    }
    if let wanted {
      let id = newID("t")
      fleet.startTail(id: id, of: wanted)
      effects.append(.send(.tail(id: id, endpoint: wanted.key, sample: 1), server: wanted.server))
    } else {
      fleet.stopTail()
    }
    return effects
  }

  /// History and errors are asked for once a second while they are shown; after the first time only for what is new.
  private mutating func askForHistory() -> [AppEffect] {
    let subject: (endpoint: String?, servers: [Int])
    switch screen {
    case .overview:
      let sources = fleet.sources(at: now.steady)
      subject = (nil, fleet.servers.indices.filter { sources[$0] == nil })
    case .endpoint(let key): subject = (key.key, [key.server])
    default:
      askedAt = nil
      return []
    }
    if let askedAt, now.steady - askedAt < .milliseconds(max(950, options.intervalMilliseconds)) { return [] }
    var effects: [AppEffect] = []
    for server in subject.servers where fleet.servers[server].hello != nil && fleet.servers[server].incompatibility == nil {
      askedAt = now.steady
      let history = fleet.servers[server].history
      let since = history.endpoint == subject.endpoint ? history.askSince : nil
      effects.append(.send(.history(endpoint: subject.endpoint, since: since), server: server))
      if let endpoint = subject.endpoint { effects.append(.send(.errors(endpoint: endpoint), server: server)) }
    }
    return effects
  }

  // MARK: Time

  mutating func passTime() -> [AppEffect] {
    for entry in log.expire(at: now.steady) { tell(entry) }
    let isGathered = panel.refresh(from: fleet, at: now.steady)
    if let message, message.until <= now.steady { self.message = nil }
    sample()
    let effects = (isGathered ? recount() : []) + synchronise()
    nextWake = message?.until
    return effects
  }

  private mutating func sample() {
    if let sampledAt, now.steady - sampledAt < .milliseconds(990) { return }
    sampledAt = now.steady
    let totals = fleet.totals(at: now.steady)
    inFlight.append(totals.live > 0 ? Double(totals.row.inFlight) : nil)
    if inFlight.count > 300 { inFlight.removeFirst(inFlight.count - 300) }
    for server in fleet.servers.indices { fleet.servers[server].sampleStatus() }
    refilter()
  }
}
