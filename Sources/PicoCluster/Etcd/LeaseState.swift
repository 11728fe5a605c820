internal import EtcdClient

/// The one lease that all of this node's keys hang on.
///
/// ```
///        granted                    a third of its time has passed
/// none ───────────▶ held(renew at) ────────────────────────────────▶ keep alive ─ kept ─▶ held
///  ▲                  │                                                 ├ no answer ─▶ held, soon again
///  └────── lost ──────┴─────────────────────────────────────────────────┘ unknown ─▶ none
/// ```
/// No answer never means that the lease is lost: only the store knows that. Leases outlive an outage of the store.
struct LeaseState: Sendable, Equatable {
  typealias Instant = ContinuousClock.Instant

  enum Action: Sendable, Equatable {
    case grant
    case keepAlive(EtcdLease)
    /// Until then, or until something happens.
    case wait(Instant)
  }

  private enum Phase: Sendable, Equatable {
    case none(tryAt: Instant)
    case held(EtcdLease, lasting: Duration, renewAt: Instant)
  }

  private var phase: Phase
  private static let pause = Duration.milliseconds(250)

  init(now: Instant) { phase = .none(tryAt: now) }

  var lease: EtcdLease? { if case .held(let lease, _, _) = phase { lease } else { nil } }

  func next(now: Instant) -> Action {
    switch phase {
    case .none(let time): time <= now ? .grant : .wait(time)
    case .held(let lease, _, let time): time <= now ? .keepAlive(lease) : .wait(time)
    }
  }

  mutating func granted(_ lease: EtcdLease, lasting: Duration, now: Instant) {
    phase = .held(lease, lasting: lasting, renewAt: now + lasting / 3)
  }

  mutating func grantFailed(now: Instant) { phase = .none(tryAt: now + Self.pause) }

  /// - Parameter started: when it was asked for, as the lease's time began anew after that.
  mutating func kept(_ lease: EtcdLease, lasting: Duration, started: Instant) {
    guard self.lease == lease else { return }
    phase = .held(lease, lasting: lasting, renewAt: started + lasting / 3)
  }

  mutating func keepingFailed(_ lease: EtcdLease, now: Instant) {
    guard case .held(lease, let lasting, _) = phase else { return }
    phase = .held(lease, lasting: lasting, renewAt: now + Self.pause)
  }

  /// Something looks as if the lease had ended: ask now.
  mutating func doubt(now: Instant) {
    guard case .held(let lease, let lasting, _) = phase else { return }
    phase = .held(lease, lasting: lasting, renewAt: now)
  }

  /// The store says that it has ended. Whether it was this node's lease until now.
  mutating func lost(_ lease: EtcdLease, now: Instant) -> Bool {
    guard self.lease == lease else { return false }
    phase = .none(tryAt: now)
    return true
  }
}
