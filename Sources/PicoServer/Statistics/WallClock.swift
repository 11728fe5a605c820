internal import PicoCore

/// The time of day, for people and other machines; never for measuring.
enum WallClock {
  /// Seconds since 1970.
  static func seconds() -> Double {
    let now = Timestamp.now()
    return Double(now.seconds) + Double(now.nanoseconds) / 1e9
  }
}

extension Timestamp {
  func earlier(byNanoseconds nanoseconds: UInt64) -> Timestamp {
    let total = Int64(self.nanoseconds) - Int64(clamping: nanoseconds % 1_000_000_000)
    let whole = seconds - Int64(clamping: nanoseconds / 1_000_000_000)
    return total >= 0
      ? Timestamp(seconds: whole, nanoseconds: Int32(total)) : Timestamp(seconds: whole - 1, nanoseconds: Int32(total + 1_000_000_000))
  }
}
