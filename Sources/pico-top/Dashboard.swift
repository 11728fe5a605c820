internal import Glibc
internal import PicoConfiguration
internal import PicoCore
internal import PicoStatus
internal import PicoTopCore

/// Runs the dashboard in the terminal: waits for keys, signals, messages and time, tells the app, and draws what it says at the pace of the
/// terminal. Everything here is on one thread.
struct Dashboard {
  private var app: App
  private let terminal: Terminal
  private let feed: any EventFeed
  private let wake: WakeDescriptor
  private let signals: SignalDescriptor
  private let store: SettingsStore
  private let start: ContinuousClock.Instant
  private var painter: Painter
  private var pacer = FramePacer()
  private var decoder = InputDecoder()
  private var isEnded = false
  /// Errors for after the screen.
  private(set) var problems: [String] = []

  /// Signals that the dashboard lives with. They must be blocked before any other thread starts.
  static let signals = [SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT]

  private static let tick = Duration.seconds(1)
  /// By then the first rows are there, and much of the program's code has done its work.
  private static let settling = Duration.seconds(3)

  /// - Parameter start: what times of `app` are since.
  init(
    app: App, terminal: Terminal, feed: any EventFeed, wake: WakeDescriptor, signals: SignalDescriptor, store: SettingsStore,
    start: ContinuousClock.Instant
  ) {
    self.app = app
    self.app.depth = terminal.profile.depth
    self.terminal = terminal
    self.feed = feed
    self.wake = wake
    self.signals = signals
    self.store = store
    self.start = start
    painter = Painter(profile: terminal.profile)
  }

  private var now: Duration { ContinuousClock.now - start }

  /// Returns when a person quits, or a signal or the end of the terminal ends it. The terminal is then still ours.
  mutating func run() {
    handle(.resize(terminal.size), isKey: true)
    draw()
    var nextTick = now + Self.tick
    var isSettled = false
    while !isEnded {
      let ready = Poll.wait(for: [STDIN_FILENO, signals.descriptor, wake.descriptor], atMost: pause(until: nextTick))
      if ready.contains(signals.descriptor) { takeSignals() }
      if ready.contains(STDIN_FILENO) { takeInput() }
      if ready.contains(wake.descriptor) { wake.silence() }
      for event in feed.take(at: now) { handle(event, isKey: false) }
      if now >= nextTick || app.nextWake.map({ $0 <= now }) ?? false {
        handle(.tick, isKey: false)
        if now >= nextTick { nextTick = now + Self.tick }
        if now >= Self.settling, !isSettled {
          isSettled = true
          StartupPages.release()
        }
      }
      if let due = pacer.due(), due <= now { draw() }
    }
  }

  /// Whether the terminal still owes an answer.
  var expectsAnswer: Bool { pacer.isWaiting }

  private func pause(until tick: Duration) -> Duration {
    let moments = [tick, app.nextWake, pacer.due(), feed.nextDue(at: now)].compactMap(\.self)
    return max(.zero, (moments.min() ?? tick) - now)
  }

  // MARK: What comes in

  private mutating func handle(_ event: AppEvent, isKey: Bool) {
    let effects = app.handle(event, at: Moment(steady: now, wall: feed.wall(at: now)))
    pacer.want(isKey: isKey)
    for effect in effects { run(effect) }
  }

  private mutating func takeInput() {
    var pieces = 0
    while let piece = terminal.nextPiece() {
      pieces += 1
      guard let input = decoder.receive(piece, at: now) else { continue }
      switch input {
      case .key(let key): handle(.key(key), isKey: true)
      case .mouse(let event): handle(.mouse(event), isKey: true)
      case .paste(let text): handle(.paste(text), isKey: true)
      case .shown: pacer.answered()
      }
      if isEnded { return }
    }
    // Readable and yet nothing there: the terminal has gone.
    if pieces == 0, hasHungUp { isEnded = true }
  }

  private var hasHungUp: Bool {
    var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    // One structure, for the length of the call.
    guard unsafe poll(&entry, 1, 0) > 0 else { return false }
    if entry.revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 { return true }
    // At its end a descriptor stays readable with nothing to read.
    var count: Int32 = 0
    return unsafe ioctl(STDIN_FILENO, UInt(FIONREAD), &count) == 0 && count == 0
  }

  private mutating func takeSignals() {
    while let signal = signals.next() {
      switch signal {
      case SIGWINCH: fit()
      case SIGTSTP: terminal.suspend()
      case SIGCONT:
        terminal.resume()
        painter.forget()
        pacer = FramePacer()
        fit()
      default: isEnded = true
      }
    }
  }

  private mutating func fit() {
    terminal.fit()
    handle(.resize(terminal.size), isKey: true)
  }

  // MARK: What goes out

  private mutating func run(_ effect: AppEffect) {
    switch effect {
    case .send(let message, let server): feed.send(message, server: server)
    case .copy(let text): terminal.copy(text)
    case .bell: terminal.bell()
    case .setMouse(let isOn): terminal.setMouse(isOn)
    case .replay(let command):
      for event in feed.run(command, at: now) { handle(event, isKey: true) }
    case .saveSettings:
      do throws(FileWriteError) {
        try store.remember(app.settings)
      } catch {
        problems = ["settings are not remembered: \(error.reason)"]
      }
    case .quit: isEnded = true
    }
  }

  private mutating func draw() {
    let time = now
    let isPainted = painter.paint(app.draw(at: Moment(steady: time, wall: feed.wall(at: time))))
    let asks = isPainted && pacer.asks
    if asks { terminal.ask() }
    pacer.drew(at: time, asked: asks)
  }
}
