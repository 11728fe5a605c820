/// How far a watch has come, so that it goes on after a broken connection with neither a gap nor an event lost.
struct WatchCursor: Sendable, Equatable {
  /// The first revision of which not every event was seen: where a new stream begins.
  private(set) var next: Int64

  init(next: Int64) { self.next = next }

  /// What of a response decides.
  struct Message: Sendable, Equatable {
    /// -1 in an answer to a request for progress.
    var watchID: Int64 = 0
    var isCreated = false
    var isCanceled = false
    /// Not 0: what was asked for is older than this, the first revision that is kept.
    var compactRevision: Int64 = 0
    var reason = ""
    /// More of the same revision follows.
    var isFragment = false
    var revision: Int64 = 0
    /// The revision of the last event in it; `nil` without events.
    var lastEvent: Int64?
  }

  enum Step: Sendable, Equatable {
    /// The watch stands.
    case opened
    /// Hand the events on.
    case events
    /// Nothing new, but the member is there and has a leader.
    case alive
    case compacted(Int64)
    case refused(String)
  }

  mutating func received(_ message: Message) -> Step {
    if message.isCanceled {
      return message.compactRevision > 0 ? .compacted(message.compactRevision) : .refused(message.reason)
    }
    if message.isCreated { return .opened }
    if let last = message.lastEvent {
      next = max(next, message.isFragment ? last : last + 1)
      return .events
    }
    // The server's own notice comes after every event up to its revision. An answer to a request does not: before 3.4.25 and 3.5.8 it can
    // overtake events, so it proves nothing but life.
    if message.watchID >= 0 { next = max(next, message.revision + 1) }
    return .alive
  }
}
