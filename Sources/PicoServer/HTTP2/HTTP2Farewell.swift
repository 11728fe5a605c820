/// How an HTTP/2 connection ends without a lost request (RFC 9113 section 6.8), as a value.
///
/// ```
/// none ── leave ─▶ announced ── ping came back, or time is over ─▶ final ── no stream left ─▶ over
/// ```
/// Streams that the client opens before it hears of the end are served; `announced` lasts until it must have heard.
struct HTTP2Farewell {
  enum State: Equatable {
    case none
    /// GOAWAY with the highest ID and a PING behind it are out.
    case announced(until: UInt64)
    /// GOAWAY with the last stream that is served is out.
    case final
    case over
  }

  enum Action: Equatable {
    case nothing
    case announce
    case sayLast
    case close
  }

  /// Steady nanoseconds that a client has for the PING.
  static let patience: UInt64 = 1_000_000_000

  private(set) var state = State.none

  mutating func leave(now: UInt64) -> Action {
    guard state == .none else { return .nothing }
    state = .announced(until: now &+ Self.patience)
    return .announce
  }

  mutating func pingCameBack() -> Action {
    guard case .announced = state else { return .nothing }
    state = .final
    return .sayLast
  }

  /// To be asked after each of the above, after the end of a stream, and now and then.
  mutating func look(streams: Int, now: UInt64) -> Action {
    switch state {
    case .announced(let until) where now >= until:
      state = .final
      return .sayLast
    case .final where streams == 0:
      state = .over
      return .close
    case .none, .announced, .final, .over:
      return .nothing
    }
  }
}
