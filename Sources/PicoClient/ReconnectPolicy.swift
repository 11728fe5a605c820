package import PicoCore
internal import PicoTunnel

/// How long to wait before the next tunnel is opened, as a value: what happened goes in, a delay comes out.
///
/// Delays double from 100 ms to 15 s with full jitter and start anew after a tunnel that lived. Whoever was told no waits at the slow end, and
/// so does whoever is blocked for longer: an operator may lift a block before its time.
/// Source: docs/protocol.md, "Reconnecting".
package struct ReconnectPolicy: Equatable, Sendable {
  package enum Event: Equatable, Sendable {
    /// No answer, or none that makes sense.
    case unreachable
    case refused(status: Int, retryAfterSeconds: Int?)
    /// A tunnel that was open for `lived` is gone.
    case lost(lived: Duration)
    /// The server asks to move within a time; the old tunnel still works.
    case asked(within: Duration, lived: Duration)
  }

  /// A tunnel that lived for less counts as one more failure, so that a server that accepts and drops is not hammered.
  package static let steadyAfter = Duration.seconds(5)
  /// What a server may ask for at most (docs/protocol.md).
  package static let longestWait = Duration.seconds(3600)

  private var backoff: Backoff
  /// Between attempts while nodes that drain answer: elsewhere is only another attempt away, and where it is not they are not to be flooded.
  private var elsewhere = Backoff(initial: .milliseconds(100), maximum: .seconds(1))
  private var block: Duration?

  package init(backoff: Backoff = Backoff()) {
    self.backoff = backoff
  }

  /// The server blocked this agent: the next delay is this long, or at the slow end where that comes first.
  package mutating func blocked(for duration: Duration) {
    block = max(.zero, min(duration, Self.longestWait))
  }

  package mutating func delay(after event: Event, using generator: inout some RandomNumberGenerator) -> Duration {
    let wait = wait(after: event, using: &generator)
    if event != .refused(status: 503, retryAfterSeconds: 0) { elsewhere.reset() }
    guard let block else { return wait }
    self.block = nil
    return max(wait, delay(block: block, using: &generator))
  }

  private mutating func wait(after event: Event, using generator: inout some RandomNumberGenerator) -> Duration {
    switch event {
    case .unreachable:
      return backoff.next(using: &generator)
    case .refused(403, let seconds?):
      return delay(block: .seconds(min(seconds, Int(Self.longestWait.inSeconds))), using: &generator)
    case .refused(503, 0?):
      // It drains, which must not make the back-off grow.
      return elsewhere.next(using: &generator)
    case .refused(let status, let seconds?) where status == 429 || status == 503:
      // The server knows better than a guess. It counts in whole seconds, so what comes in each is spread over one.
      return min(.seconds(seconds), Self.longestWait) + .milliseconds(Int.random(in: 100...1100, using: &generator))
    case .refused(let status, _):
      let isTransient = status == 408 || status == 429 || status >= 500
      return isTransient ? backoff.next(using: &generator) : backoff.slowEnd(using: &generator)
    case .lost(let lived):
      if lived >= Self.steadyAfter { backoff.reset() }
      return backoff.next(using: &generator)
    case .asked(let within, let lived):
      let spread =
        max(.zero, min(within, .milliseconds(ControlMessage.maximumReconnectDelay))) * Double.random(in: 0...1, using: &generator)
      guard lived < Self.steadyAfter else { return spread }
      return max(spread, backoff.next(using: &generator))
    }
  }

  private mutating func delay(block: Duration, using generator: inout some RandomNumberGenerator) -> Duration {
    min(block + jitter(using: &generator), backoff.slowEnd(using: &generator))
  }

  /// Keeps agents that were told the same time from coming back in the same instant.
  private func jitter(using generator: inout some RandomNumberGenerator) -> Duration {
    .milliseconds(Int.random(in: 100...500, using: &generator))
  }
}
