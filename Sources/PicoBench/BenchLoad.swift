internal import NIOCore
internal import NIOPosix
internal import PicoCore

/// The share of the load that one event loop makes. Confined to that loop.
///
/// ```
/// connecting ── start(at:) ─► running ── time or requests are up ─► draining ── nothing waits, or the timeout ─► done
/// ```
final class BenchLoad {
  /// What one event loop is to do.
  struct Share: Sendable {
    var address: SocketAddress
    var tls: BenchTLS?
    var template: RequestTemplate
    var connections: Int
    var requests: UInt64?
    /// Requests per second.
    var rate: Double?
    /// Nanoseconds.
    var duration: UInt64?
    /// Nanoseconds.
    var timeout: UInt64
  }

  private enum Phase {
    case connecting, running, draining, done
  }

  var counts = BenchCounts()
  /// Monotonic nanoseconds at which the last response was whole.
  private(set) var lastResponseAt: UInt64 = 0
  private var lastOpenedAt: UInt64 = 0

  private let share: Share
  private let eventLoop: any EventLoop
  private var bootstrap: ClientBootstrap?
  private var phase = Phase.connecting
  private var connections: [ObjectIdentifier: BenchConnection] = [:]
  private var idle: [BenchConnection] = []
  /// Connections that wait for a response.
  private var waiting = 0
  /// Connections that were not tried for the first time yet.
  private var untried: Int
  /// First attempts that have not ended.
  private var unsettled: Int
  private var retryDelay = Backoff(initial: .milliseconds(50), maximum: .seconds(1))
  private var random = SplitMixGenerator()
  private let connected: EventLoopPromise<Void>
  private let finished: EventLoopPromise<Void>

  private var schedule: PacedSchedule?
  private var requestsLeft: UInt64 = .max
  private var endAt: UInt64 = .max
  private var timer: Scheduled<Void>?
  private var sweeper: Scheduled<Void>?

  /// Attempts to connect that may be under way at once.
  private static let maximumAttempts = 64
  /// Nanoseconds without any connection after which a number of requests is given up: several times the longest delay of `retry`.
  private static let reconnectPatience: UInt64 = 5_000_000_000

  init(share: Share, eventLoop: any EventLoop) {
    self.share = share
    self.eventLoop = eventLoop
    untried = share.connections
    unsettled = share.connections
    connected = eventLoop.makePromise()
    finished = eventLoop.makePromise()
  }

  var timeout: TimeAmount { .nanoseconds(Int64(clamping: share.timeout)) }

  static func now() -> UInt64 { NIODeadline.now().uptimeNanoseconds }

  /// Opens the connections; done when each was tried once.
  func connect() -> EventLoopFuture<Void> {
    let load = NIOLoopBound(self, eventLoop: eventLoop)
    let (template, tls) = (share.template, share.tls)
    bootstrap = ClientBootstrap(group: eventLoop)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: 256 * 1024))
      .connectTimeout(timeout)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try tls?.secure(channel)
          try channel.pipeline.syncOperations.addHandler(
            BenchConnection(load: load.value, template: template, waitsForTLS: tls != nil))
        }
      }
    if share.connections == 0 { connected.succeed() }
    for _ in 0..<min(share.connections, Self.maximumAttempts) { attemptNext() }
    return connected.futureResult
  }

  /// Sends until the share is done.
  func start(at start: UInt64) -> EventLoopFuture<Void> {
    guard phase == .connecting else { return finished.futureResult }
    phase = .running
    if let duration = share.duration { endAt = start + duration }
    if let rate = share.rate {
      let inTime = share.duration.map { UInt64((Double($0) / 1e9 * rate).rounded(.down)) } ?? .max
      schedule = PacedSchedule(start: start, rate: rate, count: min(inTime, share.requests ?? .max))
    } else if let requests = share.requests {
      requestsLeft = requests
    }
    lastResponseAt = start
    sweepLater()
    pump(now: Self.now())
    return finished.futureResult
  }

  /// Begins no further request and ends when those that are open have ended.
  func stop() {
    guard phase == .running || phase == .connecting else { return }
    phase = .draining
    endAt = min(endAt, Self.now())
    schedule = nil
    finishIfDone(now: Self.now())
  }

  // MARK: Connections

  private func attemptNext() {
    guard untried > 0 else { return }
    untried -= 1
    attempt { [self] in
      unsettled -= 1
      if unsettled == 0 { connected.succeed() } else { attemptNext() }
    }
  }

  private func attempt(settled: @escaping () -> Void = {}) {
    guard phase == .running || phase == .connecting, let bootstrap else { return settled() }
    bootstrap.connect(to: share.address).assumeIsolated().whenComplete { [self] result in
      switch result {
      case .success(let channel):
        // Over TLS a connection is there when its handshake is done.
        guard let connection = try? channel.pipeline.syncOperations.handler(type: BenchConnection.self) else { return settled() }
        connection.whenSettled(settled)
      case .failure:
        failed()
        settled()
      }
    }
  }

  /// There is no connection: the next attempt comes later.
  func failed() {
    guard phase == .running || phase == .connecting else { return }
    counts.errors.connect += 1
    retry()
  }

  private func retry() {
    let delay = TimeAmount.nanoseconds(retryDelay.next(using: &random).nanoseconds)
    eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
      self?.attempt()
    }
  }

  func opened(_ connection: BenchConnection) {
    guard phase != .done else { return connection.close() }
    lastOpenedAt = Self.now()
    connections[ObjectIdentifier(connection)] = connection
    idle.append(connection)
    if phase == .running { pump(now: Self.now()) }
  }

  /// A connection that served comes back at once; one that never did comes back later and later.
  func closed(_ connection: BenchConnection) {
    guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    idle.removeAll { $0 === connection }
    switch phase {
    case .running, .connecting:
      if connection.hasServed {
        retryDelay.reset()
        attempt()
      } else {
        retry()
      }
    case .draining: finishIfDone(now: Self.now())
    case .done: break
    }
  }

  // MARK: Requests

  func waitingChanged(by difference: Int) {
    waiting += difference
  }

  func completed(_ connection: BenchConnection, status: Int, keepAlive: Bool) {
    let now = Self.now()
    counts.latency.record(nanoseconds: now &- connection.dueAt)
    counts.responses += 1
    counts.statusClasses[status / 100] += 1
    if now <= endAt { counts.responsesInTime += 1 }
    lastResponseAt = now
    guard keepAlive else { return connection.close() }
    if phase == .running, schedule == nil, now < endAt, requestsLeft > 0 {
      // The closed loop: the same connection goes on at once.
      requestsLeft -= 1
      counts.requests += 1
      connection.send(due: now, now: now)
      return
    }
    idle.append(connection)
    pump(now: now)
  }

  /// Gives requests that are due to idle connections, and sees to it that it runs again when the next one is.
  private func pump(now: UInt64) {
    guard phase == .running else { return finishIfDone(now: now) }
    while !idle.isEmpty, let due = takeDue(now: now) {
      counts.requests += 1
      idle.removeLast().send(due: due, now: now)
    }
    if let next = schedule?.next, !idle.isEmpty {
      timer?.cancel()
      timer = eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(next)) { [weak self] in
        self?.pump(now: Self.now())
      }
    }
    finishIfDone(now: now)
  }

  private func takeDue(now: UInt64) -> UInt64? {
    if schedule != nil { return schedule?.take(now: now) }
    guard now < endAt, requestsLeft > 0 else { return nil }
    requestsLeft -= 1
    return now
  }

  private var hasMore: Bool {
    schedule.map { $0.next != nil } ?? (Self.now() < endAt && requestsLeft > 0)
  }

  private func sweepLater() {
    sweeper = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) { [weak self] in
      guard let self, phase == .running || phase == .draining else { return }
      sweep()
      sweepLater()
    }
  }

  private func sweep() {
    let now = Self.now()
    for connection in connections.values where connection.isWaiting && now &- connection.sentAt > share.timeout {
      if schedule != nil { counts.latency.record(nanoseconds: now &- connection.dueAt) }
      connection.fail(\.timeout)
    }
    pump(now: now)
    // Without a duration only requests end the measurement: when the server has gone and none can be sent, it ends here.
    let patience = max(share.timeout, Self.reconnectPatience)
    if phase == .running, endAt == .max, connections.isEmpty, now &- lastOpenedAt > patience { stop() }
  }

  private func finishIfDone(now: UInt64) {
    guard phase == .running || phase == .draining else { return }
    let isWaiting = waiting > 0
    let isLate = endAt < .max && now > endAt + share.timeout
    guard (!hasMore && !isWaiting) || isLate || (phase == .draining && !isWaiting) else { return }
    if now >= endAt || phase == .draining { giveUpUnsent(now: now) }
    phase = .done
    timer?.cancel()
    sweeper?.cancel()
    bootstrap = nil
    for connection in connections.values { connection.close() }
    finished.succeed()
  }

  /// Requests that were due and never went out have waited until now: without them a server that cannot keep up would look fast.
  private func giveUpUnsent(now: UInt64) {
    while let due = schedule?.take(now: now) {
      counts.errors.unsent += 1
      counts.latency.record(nanoseconds: now &- due)
    }
  }
}
