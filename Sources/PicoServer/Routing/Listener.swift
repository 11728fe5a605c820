internal import PicoCluster
package import PicoCore
package import PicoTunnel
internal import Synchronization

/// What an endpoint's requests can be given to: one registration here, a tunnel that streams can be opened on from any loop; or all of another
/// node's registrations, which take hops.
///
/// What other loops read is immutable or atomic; the tunnel belongs to `loop`.
@safe package final class Listener: @unchecked Sendable {
  package enum State: UInt8, Sendable {
    case active
    case draining
    case unhealthy
  }

  package let id: ListenerID
  package let endpoint: EndpointID
  package let loop: LoopResources
  package let isPico: Bool
  package let remoteAddress: String
  /// Seconds since 1970.
  package let connectedAt: Double
  let agent: Locked<AgentFacts>
  /// Requests that were given a stream and did not end.
  let inFlight = Atomic<Int>(0)
  /// Of pings, in nanoseconds, as it is shown; 0 before the first one's answer.
  let roundTrip = Atomic<UInt64>(0)
  /// The same, smoothed with each ping.
  private let roundTrips = Atomic<UInt64>(0)
  private let stateValue = Atomic<UInt8>(State.active.rawValue)
  /// Until when the listener is left out, in steady nanoseconds; 0 when it is not.
  private let leftOutUntil = Atomic<UInt64>(0)
  private let consecutiveFailures = Atomic<Int>(0)
  private let leftOutTimes = Atomic<Int>(0)
  private let weightValue = Atomic<Int>(1)
  // One entry for each loop, each written and read by its own loop only.
  private nonisolated(unsafe) let cells: UnsafeMutableBufferPointer<TrafficCell?>
  /// The verified identity of the agent.
  package let identity: String?
  /// The node that has the listeners; nil for one of this node's own.
  package let remote: RemoteNode?
  // Read and written on `loop` only.
  nonisolated(unsafe) weak var tunnel: TunnelHandler?
  nonisolated(unsafe) weak var session: ListenerSession?

  /// What the agent said of itself.
  struct AgentFacts: Sendable {
    var id: String?
    var version: String?
    var metadata: [String: String] = [:]
    var isUpstreamUp = true
  }

  init(
    id: ListenerID, endpoint: EndpointID, loop: LoopResources, loopCount: Int, isPico: Bool, remoteAddress: String, connectedAt: Double,
    identity: String? = nil, remote: RemoteNode? = nil, agent: AgentFacts
  ) {
    self.id = id
    self.endpoint = endpoint
    self.loop = loop
    self.isPico = isPico
    self.remoteAddress = remoteAddress
    self.connectedAt = connectedAt
    self.identity = identity
    self.remote = remote
    self.agent = Locked(agent)
    unsafe cells = .allocate(capacity: loopCount)
    unsafe cells.initialize(repeating: nil)
  }

  /// What another node has, as one.
  convenience init(elsewhere node: RemoteNode, endpoint: EndpointID) {
    self.init(
      id: .random(), endpoint: endpoint, loop: node.nowhere, loopCount: node.loopCount, isPico: true, remoteAddress: "", connectedAt: 0,
      remote: node, agent: AgentFacts())
  }

  deinit {
    unsafe cells.deinitialize()
    unsafe cells.deallocate()
  }

  package var weight: Int {
    get { weightValue.load(ordering: .relaxed) }
    set { weightValue.store(newValue, ordering: .relaxed) }
  }

  package var state: State {
    get { State(rawValue: stateValue.load(ordering: .relaxed)) ?? .active }
    set { stateValue.store(newValue.rawValue, ordering: .relaxed) }
  }

  /// Its node gives its listeners away.
  var isOnDrainingNode: Bool { remote?.isDraining == true }

  /// The agent says whether its upstream is well. Who drains goes on draining; false then.
  func setHealth(isUp: Bool) -> Bool {
    let (old, new) = isUp ? (State.unhealthy, State.active) : (.active, .unhealthy)
    let (_, now) = stateValue.compareExchange(expected: old.rawValue, desired: new.rawValue, ordering: .relaxed)
    return now != State.draining.rawValue
  }

  // MARK: Outliers

  /// Failures to connect in a row after which a listener is left out.
  static let failureLimit = 5
  private static let shortestLeave: UInt64 = 1_000_000_000
  private static let longestLeave: UInt64 = 30_000_000_000
  private static let probation: UInt64 = 10_000_000_000

  func isLeftOut(now: UInt64) -> Bool { now < leftOutUntil.load(ordering: .relaxed) || remote?.isReachable == false }

  /// Nanoseconds for which failures to connect leave it out yet; nil when they do not.
  func leftOut(now: UInt64) -> UInt64? {
    let until = leftOutUntil.load(ordering: .relaxed)
    return until > now ? until - now : nil
  }

  /// Its agent could not connect to the upstream; true when that leaves the listener out from now on: the last few failed, or half of the
  /// last ten seconds.
  func recordConnectFailure(isHalfFailing: Bool, now: UInt64) -> Bool {
    let failures = consecutiveFailures.add(1, ordering: .relaxed).newValue
    guard failures >= Self.failureLimit || isHalfFailing, !isLeftOut(now: now) else { return false }
    let times = leftOutTimes.add(1, ordering: .relaxed).oldValue
    let leave = min(Self.shortestLeave << UInt64(min(times, 5)), Self.longestLeave)
    leftOutUntil.store(now &+ leave, ordering: .relaxed)
    return true
  }

  /// A response came. It ends a row of failures, and with it that the listener is left out for them. One that was left out because every
  /// other request fails has to do well for a while first.
  func recordSuccess(now: UInt64) {
    let failures = consecutiveFailures.load(ordering: .relaxed)
    guard failures != 0 || leftOutTimes.load(ordering: .relaxed) != 0 else { return }
    consecutiveFailures.store(0, ordering: .relaxed)
    if failures >= Self.failureLimit {
      leftOutUntil.store(0, ordering: .relaxed)
      leftOutTimes.store(0, ordering: .relaxed)
    } else if now > leftOutUntil.load(ordering: .relaxed) &+ Self.probation {
      leftOutTimes.store(0, ordering: .relaxed)
    }
  }

  /// The answer to a ping came. True when what is shown of the round trip should change: it is smoothed as TCP does (RFC 6298), and pings
  /// on a quiet machine differ all the time, so it is what moved by a tenth and 100 µs that counts.
  func recordRoundTrip(_ nanoseconds: UInt64) -> Bool {
    let old = roundTrips.load(ordering: .relaxed)
    let smoothed = old == 0 ? nanoseconds : old - old / 8 + nanoseconds / 8
    roundTrips.store(smoothed, ordering: .relaxed)
    let shown = roundTrip.load(ordering: .relaxed)
    let change = shown > smoothed ? shown - smoothed : smoothed - shown
    guard shown == 0 || (change > shown / 10 && change > 100_000) else { return false }
    roundTrip.store(max(1, smoothed), ordering: .relaxed)
    return true
  }

  // MARK: Streams

  /// Opens a stream for a consumer on `caller`'s loop; nil when the tunnel takes none, which another loop says by a reset.
  /// - Parameter kind: what another node has to know of it.
  func open(
    _ consumer: any StreamConsumer, _ kind: HopHeader.Kind, from caller: LoopResources, mailboxes: Mailboxes
  ) -> (any ByteStream)? {
    if let remote { return remote.open(consumer, HopHeader(kind, endpoint), from: caller) }
    if caller === loop { return unsafe tunnel?.open(consumer) }
    return CrossLoopStream(consumer: consumer, listener: self, caller: caller, mailboxes: mailboxes)
  }

  // MARK: Statistics

  /// The cell of the calling loop.
  func cell(_ caller: LoopResources) -> TrafficCell {
    // Only the loop with this index touches the entry, and there is one for each loop.
    if let cell = unsafe cells[caller.index] { return cell }
    let cell = TrafficCell()
    unsafe cells[caller.index] = cell
    return cell
  }

  func existingCell(_ caller: LoopResources) -> TrafficCell? { unsafe cells[caller.index] }
}
