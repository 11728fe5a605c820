internal import PicoCore
internal import PicoStatus

/// What one connection of the status WebSocket asked for, and what becomes of each message that it sends. A value: nothing a client sends ends
/// the connection, and nothing here waits.
struct WatchSession: Sendable {
  /// What to do about a message.
  enum Request: Equatable, Sendable {
    case answer(ServerMessage)
    case subscribe(Subscription, ViewSelection)
    case unsubscribe(String)
    case resync(String)
    /// nil: of all endpoints of the scope.
    case history(endpoint: String?, since: Timestamp?, TenantScope)
    case errors(endpoint: String)
    case perform(OperatorAction)
    case tail(id: String, endpoint: EndpointID, sample: Double)
    case untail(String)
  }

  struct Subscribed: Sendable {
    let selection: ViewSelection
    /// Has events: nil for none.
    let eventScope: Subscription.Scope?
    var reader: ViewReader
  }

  struct Tail: Sendable {
    let endpoint: EndpointID
    let sample: Double
    /// Since the last request that was shown.
    var skipped = 0
    var budget = TokenBucket()
  }

  static let maximumSubscriptions = 16
  static let maximumTails = 16
  static let maximumID = 128
  /// Requests a second of one tail.
  static let tailRate = 200

  let role: StatusRole
  let scope: TenantScope
  /// Another node, which asks for its own watchers: as much as it likes, and of one tenant where it says so.
  let isNode: Bool
  private(set) var subscriptions: [String: Subscribed] = [:]
  private(set) var tails: [String: Tail] = [:]
  /// By node: the number of the last event that was sent, or that the client has; nil while it wants none.
  private(set) var lastEvents: [String: UInt64]?

  init(role: StatusRole, scope: TenantScope = .all, isNode: Bool = false) {
    self.role = role
    self.scope = scope
    self.isNode = isNode
  }

  // MARK: Messages

  func decide(_ json: [UInt8]) -> Request {
    do throws(StatusError) {
      return try decide(ClientMessage(json: json))
    } catch {
      return .answer(.error(error))
    }
  }

  private func decide(_ message: ClientMessage) throws(StatusError) -> Request {
    switch message {
    case .subscribe(var subscription):
      try check(id: subscription.id)
      guard isNode || subscriptions[subscription.id] != nil || subscriptions.count < Self.maximumSubscriptions else {
        throw StatusError(
          id: subscription.id, code: .badMessage, message: "a connection has at most \(Self.maximumSubscriptions) subscriptions")
      }
      subscription.isFull = isNode && subscription.isFull
      return .subscribe(subscription, try ViewSelection(subscription, of: scope(of: subscription.tenant)))
    case .unsubscribe(let id):
      try known(subscriptions[id] != nil, id, "subscription")
      return .unsubscribe(id)
    case .resync(let id):
      try known(subscriptions[id] != nil, id, "subscription")
      return .resync(id)
    case .history(let endpoint, let since, let tenant): return .history(endpoint: endpoint, since: since, scope(of: tenant))
    case .errors(let endpoint): return .errors(endpoint: endpoint)
    case .disconnect(let disconnect): return try perform(.disconnect(disconnect), disconnect.id)
    case .unblock(let id, let block): return try perform(.unblock(id: id, block: block), id)
    case .drainNode(let id, let node): return try perform(.drainNode(id: id, node: node), id)
    case .tail(let id, let endpoint, let sample):
      try check(id: id)
      try permit(id)
      guard let endpoint = scope.endpoint(endpoint) else {
        throw StatusError(id: id, code: .badMessage, message: "endpoint is no name")
      }
      guard isNode || tails[id] != nil || tails.count < Self.maximumTails else {
        throw StatusError(id: id, code: .badMessage, message: "a connection has at most \(Self.maximumTails) tails")
      }
      return .tail(id: id, endpoint: endpoint, sample: sample)
    case .untail(let id):
      try known(tails[id] != nil, id, "tail")
      return .untail(id)
    }
  }

  /// Whoever is no node has the tenant of his token, whatever his message says.
  private func scope(of tenant: String?) -> TenantScope {
    guard isNode, let tenant else { return scope }
    return .only(TenantID(tenant) ?? .default)
  }

  private func perform(_ action: OperatorAction, _ id: String) throws(StatusError) -> Request {
    try check(id: id)
    try permit(id)
    return .perform(action)
  }

  private func permit(_ id: String) throws(StatusError) {
    guard role == .operator else { throw StatusError(id: id, code: .forbidden, message: "this connection is a viewer's") }
  }

  private func check(id: String) throws(StatusError) {
    guard !id.isEmpty, isNode || id.utf8.count <= Self.maximumID else {
      throw StatusError(id: String(id.prefix(Self.maximumID)), code: .badMessage, message: "id has 1 to \(Self.maximumID) bytes")
    }
  }

  private func known(_ isKnown: Bool, _ id: String, _ what: String) throws(StatusError) {
    guard isKnown else {
      throw StatusError(id: String(id.prefix(Self.maximumID)), code: .notFound, message: "there is no \(what) of this id")
    }
  }

  // MARK: Subscriptions

  /// The view has a version. A subscription of the same ID is replaced.
  mutating func subscribe(_ subscription: Subscription, _ view: StatusView) {
    subscriptions[subscription.id] = Subscribed(
      selection: view.selection, eventScope: subscription.eventsSince.map { _ in subscription.scope },
      reader: ViewReader(id: subscription.id, view))
    if let since = subscription.eventsSince { lastEvents = since }
    forgetEvents()
  }

  /// Wants what happens on all nodes.
  var wantsAllEvents: Bool { subscriptions.values.contains { $0.eventScope == .cluster } }

  mutating func unsubscribe(_ id: String) {
    subscriptions[id] = nil
    forgetEvents()
  }

  private mutating func forgetEvents() {
    if subscriptions.values.allSatisfy({ $0.eventScope == nil }) { lastEvents = nil }
  }

  mutating func resync(_ id: String, _ view: StatusView) { subscriptions[id]?.reader.resync(view) }

  /// As ``ViewReader/advance(_:now:hasRoom:)``, with an `error` for a reader that was left behind for a while.
  mutating func advance(_ id: String, _ view: StatusView, now: Timestamp, hasRoom: Bool) -> [[UInt8]] {
    guard let missed = subscriptions[id]?.reader.missed else { return [] }
    let messages = subscriptions[id]?.reader.advance(view, now: now, hasRoom: hasRoom) ?? []
    guard hasRoom, missed >= Self.missedForError else { return messages }
    let error = StatusError(id: id, code: .tooSlow, message: "\(missed) updates were left out")
    return [ServerMessage.error(error).json] + messages
  }

  private static let missedForError = 5

  mutating func next(_ id: String, _ view: StatusView, now: Timestamp) -> [UInt8]? { subscriptions[id]?.reader.next(view, now: now) }

  mutating func sent(event number: UInt64, of node: String) { if lastEvents != nil { lastEvents?[node] = number } }

  // MARK: Tails

  mutating func tail(_ id: String, _ endpoint: EndpointID, sample: Double) { tails[id] = Tail(endpoint: endpoint, sample: sample) }

  mutating func untail(_ id: String) { tails[id] = nil }

  /// What a tail shows of the requests that came.
  /// - Parameters:
  ///   - share: the part of the endpoint's requests that they are.
  ///   - random: between 0 and 1.
  mutating func show(
    _ records: TailLog.Records, _ id: String, share: Double, now: UInt64, hasRoom: Bool, random: () -> Double
  ) -> [TailedRequest] {
    guard var tail = tails[id] else { return [] }
    var shown: [TailedRequest] = []
    for request in records.requests where tail.sample >= share || random() < tail.sample / share {
      guard hasRoom, tail.budget.take(rate: Self.tailRate, now: now) else {
        tail.skipped += 1
        continue
      }
      var request = request
      request.id = id
      request.skipped = tail.skipped
      tail.skipped = 0
      shown.append(request)
    }
    tail.skipped += Int((Double(records.skipped) * min(1, tail.sample / max(share, .leastNonzeroMagnitude))).rounded())
    tails[id] = tail
    return shown
  }
}
