internal import PicoCluster
internal import PicoCore

/// What another node has, as this one believes it, and whether that is in the store.
///
/// A node whose keys are gone from the store while a link to it is open is not gone: its lease ended because it does not reach the store, or the
/// store lost its data. What it had is kept then, until it has said anew what it has.
///
/// ```
///         its record is gone, and a link to it is open        its record is back
/// listed ───────────────────────────────────────▶ unlisted ───────────────────────▶ listed, some doubtful ── patience is over ─▶ listed
///                                                    └ its links are gone too: the caller forgets it
/// ```
struct PeerRoutes: Equatable, Sendable {
  typealias Instant = ContinuousClock.Instant

  private(set) var counts: [EndpointID: Int] = [:]
  private(set) var isUnlisted = false
  /// Kept from before its keys were gone, and not told of since.
  private var doubtful: Set<EndpointID> = []
  private var doubtEndsAt: Instant?

  /// How long a node that is back in the store may take to write what it has: hundreds of thousands of routes in some seconds.
  static let patience = Duration.seconds(10)

  /// The store has another count; 0 is none. False when that changes nothing.
  mutating func tell(_ count: Int, of endpoint: EndpointID) -> Bool {
    if count > 0 {
      doubtful.remove(endpoint)
    } else if isUnlisted, doubtful.contains(endpoint) {
      return false
    }
    let new = count == 0 ? nil : count
    guard counts[endpoint] != new else { return false }
    counts[endpoint] = new
    return true
  }

  /// The node's record is gone from the store, and a link to it is open.
  mutating func unlist() {
    guard !isUnlisted else { return }
    isUnlisted = true
    doubtful = Set(counts.keys)
    doubtEndsAt = nil
  }

  /// The node's record is in the store.
  mutating func list(now: Instant) {
    guard isUnlisted else { return }
    isUnlisted = false
    doubtEndsAt = now + Self.patience
  }

  /// What the node was believed to have and did not say again in time.
  mutating func endDoubt(now: Instant) -> [EndpointID] {
    guard let end = doubtEndsAt, end <= now else { return [] }
    defer { (doubtful, doubtEndsAt) = ([], nil) }
    for endpoint in doubtful { counts[endpoint] = nil }
    return Array(doubtful)
  }
}
