package import PicoCore
package import PicoStatus

/// Plays a recording: which of its events are due, at any speed, from any place. Times are since the program's start.
package struct ReplayPlayer: Sendable {
  package let header: Recording.Header
  private let entries: [Recording.Entry]
  private var next = 0
  /// Where in the recording it was, in milliseconds, at `since`.
  private var position = 0.0
  private var since = Duration.zero
  private var speed = 1.0
  private var isPaused = false
  /// What the dashboard is subscribed to, by server and ID.
  private var subscriptions: [Int: [String: Subscription]] = [:]
  /// All that came comes again.
  private var beginsAnew = false

  package init(header: Recording.Header, entries: [Recording.Entry]) {
    self.header = header
    self.entries = entries
  }

  private var end: Double { Double(entries.last?.milliseconds ?? 0) }

  private func position(at now: Duration) -> Double {
    isPaused ? position : min(end, position + (now - since) / .milliseconds(1) * speed)
  }

  /// By the clock of the machine that recorded.
  package func wall(at now: Duration) -> Timestamp {
    let milliseconds = Int64(header.started.nanoseconds) / 1_000_000 + Int64(position(at: now))
    return Timestamp(seconds: header.started.seconds + milliseconds / 1000, nanoseconds: Int32(milliseconds % 1000) * 1_000_000)
  }

  /// Takes what is said to a server. The rows of a new subscription may have come long ago.
  package mutating func hear(_ message: ClientMessage, server: Int) {
    switch message {
    case .subscribe(var subscription):
      subscription.eventsSince = nil
      if subscriptions[server]?[subscription.id] != subscription { beginsAnew = true }
      subscriptions[server, default: [:]][subscription.id] = subscription
    case .unsubscribe(let id): subscriptions[server]?[id] = nil
    default: break
    }
  }

  /// All that came until now and was not given out yet.
  package mutating func due(at now: Duration) -> [AppEvent] {
    let here = position(at: now)
    var events: [AppEvent] = []
    if beginsAnew {
      beginsAnew = false
      next = 0
      events = [.rewind]
    }
    while next < entries.count, Double(entries[next].milliseconds) <= here {
      let entry = entries[next]
      next += 1
      switch entry.event {
      case .message(let message): events.append(.message(message, server: entry.server))
      case .connection(let state): events.append(.connection(state, server: entry.server))
      }
    }
    return events
  }

  /// When the next event is due; nil at the end and in a pause.
  package func nextDue(at now: Duration) -> Duration? {
    if beginsAnew { return now }
    guard !isPaused, next < entries.count else { return nil }
    return now + .milliseconds(max(0, (Double(entries[next].milliseconds) - position(at: now)) / speed))
  }

  package mutating func run(_ command: ReplayCommand, at now: Duration) -> [AppEvent] {
    position = position(at: now)
    since = now
    switch command {
    case .pause: isPaused = true
    case .resume: isPaused = false
    case .speed(let speed): self.speed = max(1.0 / 64, speed)
    case .seek(let seconds):
      let before = position
      position = min(end, max(0, position + seconds * 1000))
      beginsAnew = position < before
    }
    return due(at: now)
  }
}
