package import PicoCore
internal import PicoStatus
internal import PicoTunnel
internal import Synchronization

/// The listeners of one endpoint and the choice among them. Shared by all loops.
package final class EndpointRoutes: Sendable {
  package let endpoint: EndpointID
  /// What another node has. Most endpoints of a large cluster are never asked for at most of its nodes, so what takes hops is made when one is
  /// first wanted.
  private struct Elsewhere {
    let node: RemoteNode
    /// How many listeners the node has.
    var weight: Int
    var listener: Listener?

    mutating func made(for endpoint: EndpointID) -> Listener {
      if let listener { return listener }
      let listener = Listener(elsewhere: node, endpoint: endpoint)
      listener.weight = weight
      self.listener = listener
      return listener
    }
  }

  private struct Listeners {
    var here: ContiguousArray<Listener> = []
    /// One for each other node that has some.
    var elsewhere: ContiguousArray<Elsewhere> = []
    var elsewhereWeight = 0

    /// Those of other nodes, one for each node.
    mutating func others(of endpoint: EndpointID) -> ContiguousArray<Listener> {
      ContiguousArray(elsewhere.indices.map { elsewhere[$0].made(for: endpoint) })
    }
  }

  private let listeners = Locked(Listeners())
  private let listenerCount = Atomic<Int>(0)
  /// The endpoint had no listener for a while and its routes were taken out of the table; look it up again.
  private let retired = Atomic<Bool>(false)
  /// Listeners that are plain yamux sessions.
  private let plainCount = Atomic<Int>(0)
  /// One bit for each loop, by its index, that has a listener; loops beyond 63 share bits.
  private let loopBits = Atomic<UInt64>(0)
  private let bucket = Locked(TokenBucket())
  /// The part of the requests that somebody looks at one by one; see ``TailShare``.
  private let tailThreshold = Atomic<UInt32>(0)
  private let failures = Locked<RecentFailures?>(nil)

  init(endpoint: EndpointID) { self.endpoint = endpoint }

  var isRetired: Bool { retired.load(ordering: .relaxed) }
  var count: Int { listenerCount.load(ordering: .relaxed) }

  var isAllPico: Bool { plainCount.load(ordering: .relaxed) == 0 }

  /// The limit of the endpoint that refuses one more request; nil when it may come in.
  func refusal(_ limits: ProxyLimits, now: UInt64) -> NodeLimit? {
    if limits.maxRequestsPerEndpoint > 0 {
      let inFlight = listeners.withLock { listeners in
        (listeners.here + listeners.elsewhere.compactMap(\.listener)).reduce(0) { $0 + $1.inFlight.load(ordering: .relaxed) }
      }
      if inFlight >= limits.maxRequestsPerEndpoint { return .endpointRequests }
    }
    guard limits.rateLimit > 0 else { return nil }
    return bucket.withLock { $0.take(rate: limits.rateLimit, now: now) } ? nil : .endpointRate
  }

  // MARK: Looking closer

  var tailShare: TailShare {
    get { TailShare(threshold: tailThreshold.load(ordering: .relaxed)) }
    set { tailThreshold.store(newValue.threshold, ordering: .relaxed) }
  }

  func recordFailure(_ failure: RecentErrors.Failure) {
    let failures = failures.withLock { failures in
      let existing = failures ?? RecentFailures()
      failures = existing
      return existing
    }
    failures.record(failure)
  }

  /// The newest last.
  var recentFailures: [RecentErrors.Failure] { failures.withLock { $0 }?.all ?? [] }

  // MARK: Listeners

  func retire() { retired.store(true, ordering: .relaxed) }

  func add(_ listener: Listener) {
    listeners.withLock {
      $0.here.append(listener)
      loopBits.bitwiseOr(1 << UInt64(listener.loop.index & 63), ordering: .relaxed)
      listenerCount.add(1, ordering: .relaxed)
    }
    if !listener.isPico { plainCount.add(1, ordering: .relaxed) }
  }

  /// Takes out those of the listeners that are here, from now on draining; how many that were. Nil, and nothing is taken out, when fewer than
  /// `minimum` would be left.
  func remove(_ leaving: [Listener], leaving minimum: Int = 0) -> Int? {
    let removed: [Listener]? = listeners.withLock { listeners in
      let chosen = Set(leaving.map(ObjectIdentifier.init))
      let removed = listeners.here.filter { chosen.contains(ObjectIdentifier($0)) }
      guard minimum == 0 || listeners.here.count - removed.count >= minimum else { return nil }
      listeners.here.removeAll { chosen.contains(ObjectIdentifier($0)) }
      for listener in removed { listener.state = .draining }
      let bits = listeners.here.reduce(UInt64(0)) { $0 | 1 << UInt64($1.loop.index & 63) }
      loopBits.store(bits, ordering: .relaxed)
      listenerCount.subtract(removed.count, ordering: .relaxed)
      return Array(removed)
    }
    guard let removed else { return nil }
    plainCount.subtract(removed.count { !$0.isPico }, ordering: .relaxed)
    return removed.count
  }

  /// The index of a loop with a listener, if the caller's has none; nil where the request may as well stay.
  func home(from caller: LoopResources) -> Int? {
    let bits = loopBits.load(ordering: .relaxed)
    guard bits != 0, bits & (1 << UInt64(caller.index & 63)) == 0 else { return nil }
    return bits.trailingZeroBitCount
  }

  /// Those of other nodes, one for each node.
  var elsewhere: [Listener] { listeners.withLock { Array($0.others(of: endpoint)) } }
  /// Of this node.
  var all: [Listener] { listeners.withLock { Array($0.here) } }
  /// No other listener is there that lasts: here, or on a node that can be reached and does not drain.
  func isOnly(_ listener: Listener) -> Bool {
    listeners.withLock { listeners in
      !listeners.here.contains { $0 !== listener }
        && !listeners.elsewhere.contains { $0.node.isReachable && !$0.node.isDraining }
    }
  }

  /// Nobody has any.
  var isEmpty: Bool { listeners.withLock { $0.here.isEmpty && $0.elsewhere.isEmpty } }

  /// Some other node has listeners too.
  var isElsewhere: Bool { listeners.withLock { !$0.elsewhere.isEmpty } }

  /// Another node has that many listeners now; 0 takes it out.
  func setElsewhere(_ node: RemoteNode, count: Int) {
    listeners.withLock { listeners in
      let place = listeners.elsewhere.firstIndex { $0.node === node }
      if count == 0 {
        if let place { listeners.elsewhere.remove(at: place) }
      } else if let place {
        listeners.elsewhere[place].weight = count
        listeners.elsewhere[place].listener?.weight = count
      } else {
        listeners.elsewhere.append(Elsewhere(node: node, weight: count))
      }
      listeners.elsewhereWeight = listeners.elsewhere.reduce(0) { $0 + $1.weight }
    }
  }

  /// The listener with fewer requests in flight of two taken at random, by weight; one on the caller's loop when they are equal.
  ///
  /// Draining listeners get nothing, and those whose agent calls its upstream down only what nobody else could take. Those left out get
  /// nothing while they are at most half of the others and another one is there.
  func pick(excluding tried: InlineArray<3, ListenerID?>, caller: LoopResources, now: UInt64) -> Listener? {
    let random = caller.fastRandom()
    return listeners.withLock { listeners in
      listeners.elsewhere.isEmpty
        ? Self.pick(listeners.here, random, tried, caller, now) : pick(&listeners, random, tried, caller, now)
    }
  }

  /// As ``pick(excluding:caller:now:)``, of this node's own: for what came from another node already.
  func pickHere(excluding tried: InlineArray<3, ListenerID?>, caller: LoopResources, now: UInt64) -> Listener? {
    let random = caller.fastRandom()
    return listeners.withLock { Self.pick($0.here, random, tried, caller, now) }
  }

  private static func pick(
    _ listeners: ContiguousArray<Listener>, _ random: UInt64, _ tried: InlineArray<3, ListenerID?>, _ caller: LoopResources, _ now: UInt64
  ) -> Listener? {
    if listeners.count == 1 {
      let only = listeners[0]
      return only.state == .draining || contains(tried, only.id) ? nil : only
    }
    guard listeners.count > 1 else { return nil }
    let first = Int(random % UInt64(listeners.count))
    var second = Int((random >> 32) % UInt64(listeners.count &- 1))
    if second >= first { second &+= 1 }
    let one = listeners[first]
    let two = listeners[second]
    if isOpen(one, tried, now), isOpen(two, tried, now) { return lighter(one, two, caller) }
    return search(listeners, from: first, tried, caller, now)
  }

  /// Over all nodes: each listener of the endpoint is as likely to be one of the two, wherever it is.
  private func pick(
    _ listeners: inout Listeners, _ random: UInt64, _ tried: InlineArray<3, ListenerID?>, _ caller: LoopResources, _ now: UInt64
  ) -> Listener? {
    let one = listener(&listeners, at: Int(random >> 32) % (listeners.here.count &+ listeners.elsewhereWeight))
    let two = listener(&listeners, at: Int(random & 0xFFFF_FFFF) % (listeners.here.count &+ listeners.elsewhereWeight))
    if Self.isOpen(one, tried, now), Self.isOpen(two, tried, now), !one.isOnDrainingNode, !two.isOnDrainingNode {
      return one === two ? one : Self.lighter(one, two, caller)
    }
    return Self.search(listeners.here + listeners.others(of: endpoint), from: 0, tried, caller, now)
  }

  private func listener(_ listeners: inout Listeners, at place: Int) -> Listener {
    if place < listeners.here.count { return listeners.here[place] }
    var rest = place &- listeners.here.count
    var index = 0
    while index < listeners.elsewhere.count &- 1, rest >= listeners.elsewhere[index].weight {
      rest &-= listeners.elsewhere[index].weight
      index &+= 1
    }
    return listeners.elsewhere[index].made(for: endpoint)
  }

  /// One of the two cannot serve: look at all, from a random place.
  private static func search(
    _ listeners: ContiguousArray<Listener>, from start: Int, _ tried: InlineArray<3, ListenerID?>, _ caller: LoopResources, _ now: UInt64
  ) -> Listener? {
    var best: Listener?
    var fallback: Listener?
    var last: Listener?
    var leftOut = 0
    var up = 0
    for offset in 0..<listeners.count {
      let listener = listeners[(start + offset) % listeners.count]
      guard listener.state != .draining, !contains(tried, listener.id) else { continue }
      if listener.state == .unhealthy || listener.isOnDrainingNode {
        last = last.map { lighter($0, listener, caller) } ?? listener
        continue
      }
      up += 1
      if listener.isLeftOut(now: now) {
        leftOut += 1
        fallback = fallback.map { lighter($0, listener, caller) } ?? listener
      } else {
        best = best.map { lighter($0, listener, caller) } ?? listener
      }
    }
    guard let best else { return fallback ?? last }
    // More than half cannot all be wrong: then those left out are tried like the others.
    if leftOut * 2 > up, let fallback { return lighter(best, fallback, caller) }
    return best
  }

  private static func contains(_ tried: InlineArray<3, ListenerID?>, _ id: ListenerID) -> Bool {
    for index in 0..<3 where tried[index] == id { return true }
    return false
  }

  @inline(__always)
  private static func isOpen(_ listener: Listener, _ tried: InlineArray<3, ListenerID?>, _ now: UInt64) -> Bool {
    listener.state == .active && !listener.isLeftOut(now: now) && !contains(tried, listener.id)
  }

  @inline(__always)
  private static func lighter(_ one: Listener, _ two: Listener, _ caller: LoopResources) -> Listener {
    let left = (one.inFlight.load(ordering: .relaxed) &+ 1) &* two.weight
    let right = (two.inFlight.load(ordering: .relaxed) &+ 1) &* one.weight
    if left == right { return two.loop === caller ? two : one }
    return left < right ? one : two
  }
}

/// Requests a second, with a burst of one second's worth.
struct TokenBucket {
  private var tokens = 0.0
  private var filledAt: UInt64 = 0

  mutating func take(rate: Int, now: UInt64) -> Bool {
    if filledAt == 0 {
      tokens = Double(rate)
      filledAt = now
    } else if now > filledAt {
      // Another loop may have looked at its clock later and come first.
      tokens = min(Double(rate), tokens + Double(now - filledAt) / 1e9 * Double(rate))
      filledAt = now
    }
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }
}
