internal import PicoCore

/// The time of day, for people and other machines; never for measuring.
enum WallClock {
  /// Seconds since 1970.
  static func seconds() -> Double {
    let now = Timestamp.now()
    return Double(now.seconds) + Double(now.nanoseconds) / 1e9
  }
}
