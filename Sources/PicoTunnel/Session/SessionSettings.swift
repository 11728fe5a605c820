/// The limits of one session. Sizes are bytes.
package struct SessionSettings: Equatable, Sendable {
  /// Which side of the session this is: the agent is the yamux client and uses odd stream IDs, the node even ones.
  package enum Role: Equatable, Sendable {
    case client
    case server
  }

  package var role: Role
  /// `pico.v1` was agreed: resets carry codes, the request's last byte carries FIN, a control stream exists.
  package var isPico: Bool
  /// Between two nodes: the client opens all streams and the server takes them; there is no control stream.
  package var isLink = false
  /// Streams that may be open at once, in both directions together.
  package var maximumStreams = 1024
  /// The window of a new stream, fixed by the yamux specification.
  package var initialWindow = 256 << 10
  /// What a receive window may grow to; equal to `initialWindow` where it may not grow.
  package var maximumWindow = 8 << 20
  /// Received and not yet consumed bytes of all streams: no window grows past three quarters of it.
  package var maximumBuffered = 32 << 20
  /// Pings, empty frames and small or late window updates that a peer may send in ``floodInterval`` beyond what ``FloodMonitor`` lets it earn.
  package var floodLimit = 4096
  /// Nanoseconds.
  package var floodInterval: UInt64 = 10_000_000_000

  package init(role: Role, isPico: Bool) {
    self.role = role
    self.isPico = isPico
  }
}

/// Counts frames that carry nothing: a budget for each interval, refilled by useful bytes either way and by streams that end.
package struct FloodMonitor: Equatable, Sendable {
  private var count = 0
  private var epoch: UInt64 = 0

  package init() {}

  /// Counts one empty frame at `now` (nanoseconds); true when the peer is past `limit` in this interval.
  package mutating func record(now: UInt64, limit: Int, interval: UInt64) -> Bool {
    if now &- epoch >= interval {
      epoch = now
      count = 0
    }
    count &+= 1
    return count > limit
  }

  /// Useful bytes, sent or received, pay for one frame each 4 KiB: a window update for them may come when their stream is gone.
  package mutating func earn(bytes: Int) {
    count = max(0, count &- (bytes >> 12))
  }

  /// An ended stream pays for the frames that crossed its end on the wire.
  package mutating func earnEndedStream() {
    count = max(0, count &- 4)
  }
}
