/// When a key set is fetched, and how long its keys count without. All times are steady seconds.
package struct RefreshSchedule: Equatable, Sendable {
  /// Between two attempts, whatever IDs are asked for.
  package static let shortest = 30.0
  /// A key that is gone from the set is noticed within this.
  package static let longest = 45.0
  /// How long keys count after the last time that the set was read.
  package static let lifetime = 86_400.0

  private var attemptedAt: Double?
  private var readAt: Double?

  package init() {}

  package func mayFetch(now: Double) -> Bool { attemptedAt.map { now - $0 >= Self.shortest } ?? true }
  package func isDue(now: Double) -> Bool { attemptedAt.map { now - $0 >= Self.longest } ?? true }
  /// The source has been silent for too long.
  package func isStale(now: Double) -> Bool { readAt.map { now - $0 >= Self.lifetime } ?? false }

  package mutating func begin(now: Double) { attemptedAt = now }
  package mutating func succeed(now: Double) { readAt = now }
}
