internal import Glibc
internal import PicoCore
internal import PicoStatus
internal import PicoTopCore

/// Prints rows instead of showing them.
struct PlainRun {
  private var report: PlainReport
  private let feed: LiveFeed
  private let wake: WakeDescriptor
  private let names: [String]
  /// nil prints once.
  private let interval: Duration?
  private let start = ContinuousClock.now
  /// Servers whose trouble was told and has not ended.
  private var told: Set<Int> = []

  /// How long the first answer of a server is waited for.
  private static let patience = Duration.seconds(10)

  init(_ report: PlainReport, feed: LiveFeed, wake: WakeDescriptor, names: [String], interval: Duration?) {
    self.report = report
    self.feed = feed
    self.wake = wake
    self.names = names
    self.interval = interval
  }

  private var now: Duration { ContinuousClock.now - start }

  /// The exit code. Errors have been said by then.
  mutating func run() -> SysExit {
    let first = waitForServers()
    if first != .ok { return first }
    guard print() else { return .ok }
    guard let interval else { return .ok }
    var next = now + interval
    while true {
      let ready = Poll.wait(for: [wake.descriptor, STDOUT_FILENO], atMost: max(.zero, next - now))
      takeEvents()
      // A reader that has gone is noticed although nothing is written.
      if ready.contains(STDOUT_FILENO) { return .ok }
      guard now >= next else { continue }
      next += interval
      if next <= now { next = now + interval }
      guard print() else { return .ok }
    }
  }

  /// False when the reader has gone, which is no error.
  private mutating func print() -> Bool {
    let text = report.text(at: now, wall: .now())
    return StandardStream.write(text[...], to: STDOUT_FILENO)
  }

  /// Until each server has sent its rows or is known not to; for the first rows of at least one.
  private mutating func waitForServers() -> SysExit {
    var isSettled = false
    while !isSettled, now < Self.patience {
      _ = Poll.wait(for: [wake.descriptor], atMost: Self.patience - now)
      takeEvents()
      isSettled = names.indices.allSatisfy { report.isLive($0, at: now) || trouble(of: $0) != nil }
    }
    let missing = names.indices.filter { !report.isLive($0, at: now) }
    for server in missing where told.insert(server).inserted {
      StandardStream.error("pico-top: \(names[server]): \(trouble(of: server)?.description ?? "no answer in time")")
    }
    guard missing.count == names.count else { return .ok }
    switch missing.compactMap({ trouble(of: $0) }).first?.kind {
    case .refused: return .noPermission
    case .notPico: return .dataError
    case .configuration: return .configuration
    case .unreachable, nil: return .unavailable
    }
  }

  private func trouble(of server: Int) -> StatusFailure? {
    feed.failures[server] ?? report.incompatibility(of: server).map { StatusFailure(.notPico, $0) }
  }

  private mutating func takeEvents() {
    wake.silence()
    let moment = now
    for event in feed.take(at: moment) {
      for effect in report.handle(event, at: moment) {
        if case .send(let message, let server) = effect { feed.send(message, server: server) }
      }
      tell(event)
    }
  }

  /// In a watch, a server that is lost is told once, on standard error.
  private mutating func tell(_ event: AppEvent) {
    guard interval != nil, case .connection(let state, let server) = event else { return }
    switch state {
    case .lost(let reason, _): if told.insert(server).inserted { StandardStream.error("pico-top: \(names[server]): \(reason)") }
    case .connected: told.remove(server)
    case .connecting: break
    }
  }
}
