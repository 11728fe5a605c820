/// So many a second with a burst. All that has to be kept of one who is held to it is a single time: when the whole of the burst is there again
/// (the generic cell rate algorithm, ITU-T I.371 annex A). Times are steady nanoseconds.
struct Rate: Equatable, Sendable {
  /// From one to the next.
  private let interval: UInt64
  /// By how much the time may lie ahead.
  private let tolerance: UInt64

  /// - Parameters:
  ///   - perSecond: at least 1.
  ///   - seconds: of the rate that may come at once.
  init(perSecond: Int, burstSeconds seconds: Int = 1) {
    let perSecond = UInt64(max(1, perSecond))
    interval = max(1, 1_000_000_000 / perSecond)
    tolerance = interval * perSecond * UInt64(max(1, seconds))
  }

  /// Whether one more is within the rate.
  func hasRoom(fullAt: UInt64, now: UInt64) -> Bool { max(fullAt, now) &- now &+ interval <= tolerance }

  /// Takes one if it is within the rate.
  func take(fullAt: inout UInt64, now: UInt64) -> Bool {
    guard hasRoom(fullAt: fullAt, now: now) else { return false }
    fullAt = max(fullAt, now) &+ interval
    return true
  }
}

/// When those who came too fast are to come back: one after the other at the rate, so that they do not all come at once again.
struct RegistrationQueue: Equatable, Sendable {
  /// The turn of whoever joined last, in steady nanoseconds.
  private var last: UInt64 = 0

  private static let second: UInt64 = 1_000_000_000
  private static let longest: UInt64 = 60

  /// In how many seconds the turn of one more comes, 1 to 60. There is no place to be lost: who comes at another time is taken if there is room.
  mutating func join(perSecond: Int, now: UInt64) -> Int {
    last = min(max(last, now) &+ Self.second / UInt64(max(1, perSecond)), now &+ Self.longest * Self.second)
    return Int((last &- now &+ Self.second &- 1) / Self.second)
  }
}
