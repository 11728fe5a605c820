internal import PicoCore
internal import PicoStatus

/// What this node's watchers want to know of the other nodes, all of them together: each other node is asked for that once. A value.
struct PeerInterest: Equatable, Sendable {
  /// Whose listeners.
  enum Listeners: Equatable, Sendable {
    case of(Set<EndpointID>)
    case all

    /// So many endpoints at most are asked for one by one.
    private static let maximumEndpoints = 16

    mutating func formUnion(_ other: Listeners) {
      guard case .of(let mine) = self, case .of(let theirs) = other, mine.union(theirs).count <= Self.maximumEndpoints else {
        self = .all
        return
      }
      self = .of(mine.union(theirs))
    }
  }

  /// The nodes and their totals are of interest to whoever wants anything.
  var isAny = false
  /// Nodes and totals with what is of these tenants in them.
  var tenants: Set<TenantID> = []
  var endpoints = false
  var listeners = Listeners.of([])
  var events = false
  /// The part of each endpoint's requests that is wanted one by one.
  var tails: [EndpointID: Double] = [:]

  mutating func formUnion(_ other: PeerInterest) {
    isAny = isAny || other.isAny
    tenants.formUnion(other.tenants)
    endpoints = endpoints || other.endpoints
    listeners.formUnion(other.listeners)
    events = events || other.events
    tails.merge(other.tails) { max($0, $1) }
  }

  mutating func insert(_ selection: ViewSelection) {
    guard selection.scope == .cluster else { return }
    isAny = true
    if case .only(let tenant) = selection.tenants { tenants.insert(tenant) }
    if selection.tables.contains(.endpoints) { endpoints = true }
    guard selection.tables.contains(.listeners) else { return }
    if let name = selection.endpoint {
      listeners.formUnion(.of(selection.tenants.endpoint(name).map { [$0] } ?? []))
    } else {
      listeners = .all
    }
  }

  // MARK: As subscriptions

  /// What is subscribed to for it, without events.
  var subscriptions: [Subscription] {
    guard isAny else { return [] }
    var all = [Self.subscription(Self.overview, [.nodes, .totals])]
    for tenant in tenants.sorted() {
      var subscription = Self.subscription(Self.overview(of: .only(tenant)), [.nodes, .totals])
      subscription.tenant = tenant.name
      all.append(subscription)
    }
    if endpoints { all.append(Self.subscription(Self.endpointsID, [.endpoints])) }
    switch listeners {
    case .all: all.append(Self.subscription("listeners", [.listeners]))
    case .of(let endpoints):
      for endpoint in endpoints.sorted() {
        var subscription = Self.subscription("listeners of \(endpoint)", [.listeners])
        subscription.endpoint = endpoint.description
        all.append(subscription)
      }
    }
    return all
  }

  private static let overview = "overview"
  /// The ID of the subscription to all endpoints.
  static let endpointsID = "endpoints"

  /// The ID of the subscription to nodes and totals of a scope.
  static func overview(of scope: TenantScope) -> String {
    switch scope {
    case .all: overview
    case .only(let tenant): "overview of \(tenant)"
    }
  }

  private static func subscription(_ id: String, _ tables: [StatusTable]) -> Subscription {
    Subscription(id: id, tables: tables, scope: .node, isFull: true)
  }

  /// What to say to a node that was asked for `old`, nil for nothing yet, so that it tells this. With `lastEvent` the number of the last event
  /// that was heard of it.
  func messages(after old: PeerInterest?, node: String, lastEvent: UInt64) -> [ClientMessage] {
    let before = old?.subscriptions ?? []
    let wanted = subscriptions
    var messages: [ClientMessage] = []
    for subscription in before where !wanted.contains(subscription) { messages.append(.unsubscribe(id: subscription.id)) }
    for var subscription in wanted {
      let isOverview = subscription.id == Self.overview
      guard !before.contains(subscription) || (isOverview && events != old?.events) else { continue }
      if isOverview, events { subscription.eventsSince = [node: lastEvent] }
      messages.append(.subscribe(subscription))
    }
    let oldTails = old?.tails ?? [:]
    for endpoint in oldTails.keys.sorted() where tails[endpoint] == nil { messages.append(.untail(id: Self.tailID(endpoint))) }
    for (endpoint, sample) in tails.sorted(by: { $0.key < $1.key }) where oldTails[endpoint] != sample {
      messages.append(.tail(id: Self.tailID(endpoint), endpoint: endpoint.description, sample: sample))
    }
    return messages
  }

  /// Of a tail; the endpoint is found by it again.
  private static func tailID(_ endpoint: EndpointID) -> String { endpoint.description }
  static func endpoint(ofTail id: String) -> EndpointID? { EndpointID(qualified: id) }
}
