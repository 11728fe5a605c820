internal import Logging
internal import PicoCore
internal import Synchronization

/// What the node knows for its limits over all loops: rates that clients used, and how often it refused somebody.
final class NodeLimits: Sendable {
  private let clientRates = AddressRates()
  private let addressRegistrations = AddressRates()
  private let registrations = Locked<UInt64>(0)
  private let queue = Locked(RegistrationQueue())
  let holds = ListenerHolds()
  private let refusals = Locked(ContiguousArray<UInt64>(repeating: 0, count: NodeLimit.allCases.count))
  private let notices = Locked(ContiguousArray<UInt64>(repeating: 0, count: NodeLimit.allCases.count))
  let refusedConnections = RefusedConnections()
  private let logger: Logger

  /// Between two warnings of the same limit.
  private static let quiet: UInt64 = 10_000_000_000
  /// Seconds of the rate that may come at once: after a restart of a load balancer everybody does.
  private static let registrationBurst = 2

  init(logger: Logger) { self.logger = logger }

  /// A request of a client, where the limits have a rate for those.
  func takeRequest(of client: IPAddress?, _ limits: ProxyLimits, now: UInt64) -> NodeLimit? {
    guard limits.clientRateLimit > 0, let client else { return nil }
    return clientRates.take(client, Rate(perSecond: limits.clientRateLimit), now: now) ? nil : .clientRate
  }

  /// A registration that is permitted.
  func takeRegistration(of client: IPAddress?, _ limits: ProxyLimits, now: UInt64) -> NodeLimit? {
    if limits.registrationRatePerAddress > 0, let client,
      !addressRegistrations.take(client, Rate(perSecond: limits.registrationRatePerAddress), now: now)
    {
      return .registrationRateOfAddress
    }
    guard limits.registrationRate > 0 else { return nil }
    let rate = Rate(perSecond: limits.registrationRate, burstSeconds: Self.registrationBurst)
    return registrations.withLock { rate.take(fullAt: &$0, now: now) } ? nil : .registrationRate
  }

  /// In how many seconds one who was refused should try again.
  func retryAfterSeconds(_ limit: NodeLimit, _ limits: ProxyLimits, now: UInt64) -> Int {
    guard limit == .registrationRate else { return limit.retryAfterSeconds }
    return queue.withLock { $0.join(perSecond: limits.registrationRate, now: now) }
  }

  /// Counts a refusal, and says so in the log now and then.
  func note(_ limit: NodeLimit, client: @autoclosure () -> String, now: UInt64) {
    let index = Int(limit.rawValue)
    let count = refusals.withLock { refusals in
      refusals[index] &+= 1
      return refusals[index]
    }
    let isNews = notices.withLock { notices in
      guard notices[index] == 0 || now >= notices[index] &+ Self.quiet else { return false }
      notices[index] = now
      return true
    }
    guard isNews else { return }
    logger.warning("limit reached", metadata: ["limit": "\(limit.key)", "client": "\(client())", "refused": "\(count)"])
  }

  /// Since the start, of every limit.
  var counts: [(limit: NodeLimit, count: UInt64)] {
    let counts = refusals.withLock { $0 }
    return NodeLimit.allCases.map { ($0, counts[Int($0.rawValue)]) }
  }
}

/// Connections that were closed before a byte of them was read.
final class RefusedConnections: Sendable {
  enum Port: Int, CaseIterable, Sendable {
    case proxy
    case upstream
    case admin
  }

  enum Reason: Int, CaseIterable, Sendable {
    /// `*.allow` or `*.deny`.
    case address
    /// `proxy.max-connections`, or the admin port's own.
    case limit

    var text: String {
      switch self {
      case .address: "address-not-permitted"
      case .limit: "too-many-connections"
      }
    }
  }

  private let counts = Locked(
    ContiguousArray<UInt64>(repeating: 0, count: Port.allCases.count * Reason.allCases.count))

  func record(_ port: Port, _ reason: Reason) {
    counts.withLock { $0[port.rawValue * Reason.allCases.count + reason.rawValue] &+= 1 }
  }

  /// Since the start, of every port and reason.
  var all: [(port: Port, reason: Reason, count: UInt64)] {
    let counts = counts.withLock { $0 }
    return Port.allCases.flatMap { port in
      Reason.allCases.map { (port, $0, counts[port.rawValue * Reason.allCases.count + $0.rawValue]) }
    }
  }
}
