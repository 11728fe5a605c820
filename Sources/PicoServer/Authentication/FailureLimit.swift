internal import PicoAuth
internal import PicoCore
internal import Synchronization

/// Bad tokens cost about as much to look at as good ones. Who sent many of late has further ones refused without a look, unless they were good
/// once: those are looked at as ever, so that whoever shares the address of an attacker goes on with the token that it has.
final class FailureLimit: Sendable {
  let limit: NodeLimit
  private let failures = AddressRates()
  private let good = Locked(GoodTokens())
  /// 0 is no limit.
  private let perSecond: Atomic<Int>

  /// Seconds of the rate that may fail at once: agents that all have the same old token come back together.
  private static let burst = 5

  init(_ limit: NodeLimit, perSecond: Int) {
    self.limit = limit
    self.perSecond = Atomic(perSecond)
  }

  private var rate: Rate? {
    let perSecond = perSecond.load(ordering: .relaxed)
    return perSecond > 0 ? Rate(perSecond: perSecond, burstSeconds: Self.burst) : nil
  }

  func set(perSecond: Int) { self.perSecond.store(perSecond, ordering: .relaxed) }

  /// Whether the token is worth a look. An address that nobody knows cannot be held to anything.
  func mayTry(_ token: Fingerprint, of client: IPAddress?, now: UInt64) -> Bool {
    guard let rate, let client else { return true }
    return failures.hasRoom(client, rate, now: now) || good.withLock { $0.contains(token) }
  }

  func recordFailure(_ token: Fingerprint, of client: IPAddress?, now: UInt64) {
    guard let rate else { return }
    good.withLock { $0.remove(token) }
    if let client { _ = failures.take(client, rate, now: now) }
  }

  func recordSuccess(_ token: Fingerprint) {
    guard rate != nil else { return }
    good.withLock { $0.insert(token) }
  }
}

/// Tokens that were good when they were looked at last: the last few thousand of them, in two halves as ``TokenCache``.
struct GoodTokens: Sendable {
  private let half: Int
  private var young: Set<Fingerprint> = []
  private var old: Set<Fingerprint> = []

  init(capacity: Int = 16_384) { half = max(1, capacity / 2) }

  func contains(_ token: Fingerprint) -> Bool { young.contains(token) || old.contains(token) }

  mutating func insert(_ token: Fingerprint) {
    if young.contains(token) { return }
    if young.count >= half { swapHalves() }
    young.insert(token)
  }

  private mutating func swapHalves() {
    old = young
    young = []
  }

  mutating func remove(_ token: Fingerprint) {
    young.remove(token)
    old.remove(token)
  }
}
