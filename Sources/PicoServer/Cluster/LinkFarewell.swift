internal import PicoCore

/// How a link ends whose secret is in the file no more, as a value.
///
/// ```
/// serves ── another link is open, or the handover is over ─▶ empties ── nothing is open on it, or its time is over ─▶ ends
/// ```
/// Both ends hold a link to it, each by its own clock.
struct LinkFarewell: Equatable {
  enum Step: Equatable {
    /// As ever, until another link is there.
    case serves
    /// What is open goes on. Nothing new.
    case empties
    case ends
  }

  /// Nanoseconds that the dialer has for another link: longer than an attempt may take.
  static let handover: UInt64 = 3_000_000_000

  /// Steady nanoseconds, as are all.
  private var emptiesFrom: UInt64
  private let endsAt: UInt64

  /// - Parameter grace: for what is open when the handover is over.
  init(now: UInt64, grace: Duration) {
    emptiesFrom = now &+ Self.handover
    endsAt = now &+ Self.handover &+ UInt64(clamping: grace.nanoseconds)
  }

  /// Another link is open, or there will be none.
  mutating func replace(now: UInt64) { emptiesFrom = min(emptiesFrom, now) }

  func step(now: UInt64, isIdle: Bool) -> Step {
    if now < emptiesFrom { return .serves }
    return isIdle || now >= endsAt ? .ends : .empties
  }
}
