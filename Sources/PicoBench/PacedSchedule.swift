/// When each request of a constant rate is to be sent, whatever became of those before it.
///
/// Latency counts from these times: a server that stalls is charged for every request that should have gone out meanwhile, not only
/// for those few that a closed loop had open ("coordinated omission").
struct PacedSchedule: Equatable, Sendable {
  /// Monotonic nanoseconds of the first.
  let start: UInt64
  let nanosecondsBetween: Double
  /// How many there are.
  let count: UInt64
  private(set) var taken: UInt64 = 0

  /// `rate` is in requests per second and greater than zero.
  init(start: UInt64, rate: Double, count: UInt64) {
    self.start = start
    nanosecondsBetween = 1e9 / rate
    self.count = count
  }

  /// When the next one is due; nil after the last.
  var next: UInt64? {
    taken < count ? start + UInt64(Double(taken) * nanosecondsBetween) : nil
  }

  /// Takes the next one if it is due, and gives when it was.
  mutating func take(now: UInt64) -> UInt64? {
    guard let next, next <= now else { return nil }
    taken += 1
    return next
  }
}
