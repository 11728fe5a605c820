internal import Logging
internal import NIOCore
internal import PicoCore
internal import PicoTransport
internal import PicoTunnel

/// One of a listener's tunnels and whatever replaces it, confined to one event loop.
///
/// ```
/// waiting ──▶ connecting ──▶ open ── lost ─────────────────────────────▶ waiting
///    ▲            │ failed     │
///    └────────────┘            └─ asked to move: a new one first, then the old one leaves (`retiring`)
/// ```
/// One that is open at a node where it had better not be (``Placement``) stays while others are tried, and leaves when one of them is better; else
/// those leave again. There are never fewer tunnels for it.
final class ListenerConnection: TunnelDelegate, Sweepable {
  private struct Retiring {
    var tunnel: TunnelHandler
    /// From the moment it was told to the server; nil while the new tunnel is not there yet.
    var deadline: UInt64?
    var idleSweeps = 0
  }

  private let settings: ListenerSettings
  private let connector: TunnelConnector
  private let acceptor: any StreamAcceptor
  private let logger: Logger
  private let report: ListenerReport
  private var policy = ReconnectPolicy()
  private var generator = SystemRandomNumberGenerator()
  private var current: TunnelHandler?
  /// Where `current` is; nil where the server does not say.
  private var place: NodePlace?
  private var search = NodeSearch()
  private var turn: AddressTurn
  private var openedAt: UInt64 = 0
  private var retiring: [Retiring] = []
  private var isConnecting = false
  private var retry: Scheduled<Void>?
  private var nextLook: Scheduled<Void>?
  private var stopped: EventLoopPromise<Void>?
  private var lastFailure: ConnectFailure?
  /// When the block ends of which the log knows; 0 when there was none.
  private var blockedUntil: UInt64 = 0
  private var health: (isUp: Bool, reason: String) = (true, "")

  /// A tunnel that left may have been idle for a moment only: the server hears of it a round trip later.
  private static let idleSweepsBeforeClose = 2
  /// Seconds; keeps a number of the server's within what a clock can hold.
  private static let longestBlock = 86_400 * 365
  private static let blockTolerance: UInt64 = 5_000_000_000

  private let index: Int
  /// Of all connections of the listener.
  private let placement: SharedPlacement

  /// - Parameters:
  ///   - index: its number among the listener's connections.
  ///   - turn: the server's address that it begins with.
  init(
    _ index: Int, settings: ListenerSettings, connector: TunnelConnector, acceptor: any StreamAcceptor, placement: SharedPlacement,
    turn: AddressTurn, logger: Logger, report: ListenerReport
  ) {
    self.index = index
    self.placement = placement
    self.turn = turn
    self.settings = settings
    self.connector = connector
    self.acceptor = acceptor
    self.logger = logger
    self.report = report
  }

  private var resources: LoopResources { acceptor.resources }
  private var isStopping: Bool { stopped != nil }
  private var metadata: Logger.Metadata {
    ["endpoint": "\(settings.endpoint)", "server": "\(settings.server)"]
  }

  // MARK: Connecting

  func connect() {
    retry = nil
    guard !isStopping, !isConnecting, current == nil else { return }
    attempt()
  }

  /// One tunnel more: the only one, or one to choose from.
  private func attempt() {
    isConnecting = true
    let former = search.former
    let avoided = current == nil ? [] : place.map { place in placement.withLock { $0.avoided(by: index, at: place, after: former) } } ?? []
    connector.connect(on: resources, turn: turn, avoiding: avoided, delegate: self) { self.didConnect($0) }
    // Later any address: those who lost the same node are not to go on to the same one.
    turn = .random()
  }

  private func didConnect(_ result: Result<OpenedTunnel, ConnectFailure>) {
    isConnecting = false
    switch result {
    case .success(let opened):
      report.didConnect()
      if current == nil { adopt(opened) } else { compare(opened) }
    case .failure(let failure) where current != nil:
      if failure.isAvoided {
        logger.debug("it is the same node again", metadata: metadata)
      } else {
        logger.debug("another node was not reached", metadata: metadata.merging(["reason": "\(failure)"]) { $1 })
      }
      lookElsewhere()
    case .failure(let failure):
      report.didFail(failure)
      guard !isStopping else { return }
      let delay = policy.delay(after: event(failure), using: &generator)
      if case .refused(let refusal) = failure, refusal.status == 403, let seconds = refusal.retryAfterSeconds {
        noteBlock(seconds: seconds, reason: "")
      }
      log(failure, delay)
      connect(after: delay)
    }
  }

  /// The tunnel is the one from now on.
  private func adopt(_ opened: OpenedTunnel) {
    let tunnel = opened.tunnel
    current = tunnel
    place = opened.place
    placement.withLock { $0.settle(index, at: opened.place) }
    openedAt = resources.now()
    lastFailure = nil
    blockedUntil = 0
    retry?.cancel()
    retry = nil
    guard !isStopping else { return tunnel.close() }
    tunnel.send(
      .hello(
        .init(
          agentID: settings.agentID.text, version: PicoVersion.current, weight: settings.weight, metadata: settings.metadata)))
    if !health.isUp { tunnel.send(.health(isUp: false, reason: health.reason)) }
    for index in retiring.indices { leave(index) }
    logger.info(
      "listener connected",
      metadata: metadata.merging(["upstream": "\(settings.upstreamName)"]) { $1 }.merging(Self.metadata(opened.place)) { $1 })
    lookElsewhere()
  }

  private static func metadata(_ place: NodePlace?) -> Logger.Metadata { place.map { ["node": "\($0.node)"] } ?? [:] }

  // MARK: Choosing a node

  /// Plans to try another node, if this one could be bettered.
  private func lookElsewhere() {
    guard let place, !isStopping, nextLook == nil else { return }
    guard isBetterable(place) else { return }
    let isLast = search.rests
    let isCrowded = placement.withLock { $0.isCrowded(index, at: place) }
    guard let delay = search.next(goesOn: isCrowded, using: &generator) else {
      return logger.debug("no better node was found", metadata: metadata.merging(Self.metadata(place)) { $1 })
    }
    logger.debug(
      isLast ? "no better node was found" : "another node would be better",
      metadata: metadata.merging(Self.metadata(place)) { $1 }.merging(["look-in": "\(delay.text)"]) { $1 })
    nextLook = resources.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(delay.nanoseconds)) {
      self.nextLook = nil
      guard !self.isStopping, !self.isConnecting, self.current != nil, self.place.map(self.isBetterable) == true else { return }
      self.attempt()
    }
  }

  private func isBetterable(_ place: NodePlace) -> Bool {
    let former = search.former
    return placement.withLock { $0.cost(of: index, at: place, after: former) } > 0
  }

  /// There are two now. One of them leaves.
  private func compare(_ opened: OpenedTunnel) {
    var isBetter = false
    if let here = place, let there = opened.place {
      isBetter = placement.withLock { $0.moves(index, from: here, to: there, after: search.former) }
    }
    guard isBetter, let old = current.take() else {
      logger.debug("the other node is no better", metadata: metadata.merging(Self.metadata(opened.place)) { $1 })
      retire(opened.tunnel)
      return lookElsewhere()
    }
    retiring.append(Retiring(tunnel: old))
    resources.startSweeping(self)
    adopt(opened)
  }

  private func event(_ failure: ConnectFailure) -> ReconnectPolicy.Event {
    guard case .refused(let refusal) = failure else { return .unreachable }
    return .refused(status: refusal.status, retryAfterSeconds: refusal.retryAfterSeconds)
  }

  /// One line when something new goes wrong; the same again and again is for `debug`.
  private func log(_ failure: ConnectFailure, _ delay: Duration) {
    let metadata = metadata.merging(["reason": "\(failure)", "retry-in": "\(delay.text)"]) { $1 }
    let level: Logger.Level = failure == lastFailure || isBlocked ? .debug : .warning
    lastFailure = failure
    if case .refused = failure {
      logger.log(level: level, "listener refused", metadata: metadata)
    } else {
      logger.log(level: level, "cannot connect to the server", metadata: metadata)
    }
  }

  private var isBlocked: Bool { blockedUntil > resources.now() }

  /// One line for each block. What the server says of it later differs by what it rounds.
  private func noteBlock(seconds: Int, reason: String) {
    let end = resources.now() &+ UInt64(clamping: Duration.seconds(min(seconds, Self.longestBlock)).nanoseconds)
    report.didBlock()
    let isNews = end > blockedUntil &+ Self.blockTolerance
    blockedUntil = max(blockedUntil, end)
    guard isNews else { return }
    let text = "blocked by an operator for \(Duration.seconds(seconds).text)" + (reason.isEmpty ? "" : ": \(reason.escapedForDisplay)")
    logger.warning("\(text)", metadata: metadata)
  }

  private func connect(after delay: Duration) {
    retry?.cancel()
    retry = resources.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(delay.nanoseconds)) { self.connect() }
  }

  private var lived: Duration { .nanoseconds(Int64(clamping: resources.now() &- openedAt)) }

  // MARK: The tunnel's events

  func tunnel(_ tunnel: TunnelHandler, didAccept stream: TunnelStream) -> (any StreamConsumer)? {
    acceptor.accept(stream, on: tunnel)
  }

  func tunnel(_ tunnel: TunnelHandler, didReceive message: ControlMessage) {
    switch message {
    case .drain(let milliseconds):
      guard tunnel === current, !isStopping else { return }
      logger.info("listener asked to move", metadata: metadata)
      let delay = policy.delay(after: .asked(within: .milliseconds(milliseconds), lived: lived), using: &generator)
      search = NodeSearch(after: place?.node)
      // Nobody whom the server blocks has another tunnel to wait for.
      retireCurrent(reconnecting: !isBlocked)
      connect(after: delay)
    case .blocked(let seconds, let reason):
      noteBlock(seconds: seconds, reason: reason)
      policy.blocked(for: .seconds(seconds))
    case .hello, .health, .notSent, .leaving, .unknown:
      break
    }
  }

  func tunnel(_ tunnel: TunnelHandler, didMeasureRoundTrip nanoseconds: UInt64) {}

  /// Without `pico.v1` this is how a server asks to move.
  func tunnelDidReceiveGoAway(_ tunnel: TunnelHandler) {
    guard !tunnel.settings.session.isPico, tunnel === current, !isStopping else { return }
    let delay = policy.delay(after: .asked(within: .zero, lived: lived), using: &generator)
    retireCurrent(reconnecting: true)
    connect(after: delay)
  }

  func tunnelDidClose(_ tunnel: TunnelHandler, reason: TunnelCloseReason) {
    report.didClose()
    retiring.removeAll { $0.tunnel === tunnel }
    if tunnel === current {
      current = nil
      endStay()
      if !isStopping {
        search = NodeSearch()
        let delay = policy.delay(after: .lost(lived: lived), using: &generator)
        logger.log(
          level: isBlocked ? .debug : .warning, "listener lost",
          metadata: metadata.merging(["reason": "\(reason)".asMetadata, "retry-in": "\(delay.text)"]) { $1 })
        connect(after: delay)
      }
    }
    if retiring.isEmpty { resources.stopSweeping(self) }
    finishIfStopped()
  }

  // MARK: Leaving

  /// The tunnel stays until another is open, or leaves at once.
  private func retireCurrent(reconnecting: Bool) {
    guard let tunnel = current.take() else { return }
    endStay()
    if !reconnecting { return retire(tunnel) }
    retiring.append(Retiring(tunnel: tunnel))
    resources.startSweeping(self)
  }

  /// The tunnel leaves at once.
  private func retire(_ tunnel: TunnelHandler) {
    retiring.append(Retiring(tunnel: tunnel))
    leave(retiring.count - 1)
    resources.startSweeping(self)
  }

  /// The current tunnel is none any more.
  private func endStay() {
    place = nil
    placement.withLock { $0.leave(index) }
    nextLook?.cancel()
    nextLook = nil
  }

  /// Tells the server to open nothing more on it. What it opened meanwhile is refused unharmed and goes to another listener.
  private func leave(_ index: Int) {
    guard retiring[index].deadline == nil else { return }
    retiring[index].deadline = resources.now() &+ UInt64(clamping: report.grace.nanoseconds)
    let tunnel = retiring[index].tunnel
    guard tunnel.settings.session.isPico else { return }
    tunnel.send(.leaving)
    tunnel.goAway()
  }

  func sweep(now: UInt64) {
    var over: [TunnelHandler] = []
    for index in retiring.indices {
      guard let deadline = retiring[index].deadline else { continue }
      let isIdle = retiring[index].tunnel.streamCount == 0
      retiring[index].idleSweeps = isIdle ? retiring[index].idleSweeps + 1 : 0
      if retiring[index].idleSweeps >= Self.idleSweepsBeforeClose || now >= deadline { over.append(retiring[index].tunnel) }
    }
    for tunnel in over {
      if tunnel.streamCount > 0 {
        logger.warning(
          "streams cut at the end of the grace period", metadata: metadata.merging(["streams": "\(tunnel.streamCount)"]) { $1 })
      }
      tunnel.close()
    }
  }

  /// Ends for good: gracefully within the grace period, else at once. The future succeeds when nothing is left.
  func stop(graceful: Bool) -> EventLoopFuture<Void> {
    let promise = stopped ?? resources.eventLoop.makePromise(of: Void.self)
    stopped = promise
    retry?.cancel()
    retry = nil
    nextLook?.cancel()
    nextLook = nil
    retireCurrent(reconnecting: false)
    for index in retiring.indices { leave(index) }
    if !graceful {
      for tunnel in retiring.map(\.tunnel) { tunnel.close() }
    }
    finishIfStopped()
    return promise.futureResult
  }

  private func finishIfStopped() {
    guard let stopped, retiring.isEmpty, current == nil else { return }
    stopped.succeed()
  }

  // MARK: Health

  func setHealth(isUp: Bool, reason: String) {
    guard health.isUp != isUp else { return }
    health = (isUp, reason)
    current?.send(.health(isUp: isUp, reason: reason))
    for old in retiring { old.tunnel.send(.health(isUp: isUp, reason: reason)) }
  }
}

extension String {
  fileprivate var asMetadata: Logger.MetadataValue { .string(escapedForDisplay) }
}
