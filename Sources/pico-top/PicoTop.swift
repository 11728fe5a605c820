internal import ArgumentParser
internal import Glibc
internal import PicoConfiguration
internal import PicoCore
internal import PicoStatus
internal import PicoTopCore

/// What starts, and says what was wrong.
@main
enum PicoTop {
  static func main() {
    // A reader that goes away ends a write with an error, not the process.
    _ = signal(SIGPIPE, SIG_IGN)
    exit(run().rawValue)
  }

  private static func run() -> SysExit {
    do {
      let command = try TopCommand.parse(ProcessArguments.current())
      let setup = try Setup(command)
      for notice in setup.store.notices { StandardStream.error("pico-top: \(notice)") }
      let isPlain = command.once || command.watch || command.format != nil
      guard !isPlain, let profile = TerminalProfile.current(wantsASCII: command.ascii || setup.settings.ascii) else {
        return try printRows(command, setup)
      }
      try showScreen(command, setup, profile)
      return .ok
    } catch {
      return report(error)
    }
  }

  // MARK: With and without a screen

  private static func printRows(_ command: TopCommand, _ setup: Setup) throws -> SysExit {
    if command.replay != nil { throw PicoError(.usage, "--replay needs a terminal with a full screen", side: .internal) }
    if command.record != nil { throw PicoError(.usage, "--record needs a terminal with a full screen", side: .internal) }
    let wake = try WakeDescriptor()
    let report = try PlainReport(
      options: setup.options, settings: setup.settings, format: command.format ?? .table, repeats: command.watch)
    let feed = try LiveFeed(setup.servers, recorder: nil, wake: wake)
    var run = PlainRun(
      report, feed: feed, wake: wake, names: setup.names,
      interval: command.watch ? .milliseconds(setup.options.intervalMilliseconds) : nil)
    return run.run()
  }

  private static func showScreen(_ command: TopCommand, _ setup: Setup, _ profile: TerminalProfile) throws {
    let start = ContinuousClock.now
    // Before any other thread starts, so that none of them is interrupted.
    let signals = try SignalDescriptor(Dashboard.signals)
    let wake = try WakeDescriptor()
    var options = setup.options
    options.isASCII = profile.isASCII
    let replay = try command.replay.map { path throws(PicoError) in try RecordingFile.read(path) }
    if let replay {
      options.servers = replay.player.header.servers
      options.isReplay = true
      if let notice = replay.notice { StandardStream.error("pico-top: \(notice)") }
    }
    let app = try App(
      options: options, settings: setup.settings, themes: setup.themes.themes().themes, theme: setup.theme,
      size: Size(columns: 80, rows: 24), now: Moment(steady: .zero, wall: .now()))
    let recorder = try command.record.map { path throws(PicoError) in try Recorder(path: path, servers: options.servers) }
    let feed: any EventFeed
    if let replay { feed = ReplayFeed(replay.player) } else { feed = try LiveFeed(setup.servers, recorder: recorder, wake: wake) }
    let terminal = try Terminal(profile: profile, crashFile: setup.crashFile)
    terminal.setMouse(options.hasMouse)
    var dashboard = Dashboard(
      app: app, terminal: terminal, feed: feed, wake: wake, signals: signals, store: setup.store, start: start)
    dashboard.run()
    terminal.close(expectsAnswer: dashboard.expectsAnswer)
    feed.end()
    for problem in dashboard.problems { StandardStream.error("pico-top: \(problem)") }
    if let failure = recorder?.failure { StandardStream.error("pico-top: \(failure)") }
  }

  // MARK: Errors

  /// One line for each thing that is wrong.
  private static func report(_ error: any Error) -> SysExit {
    switch error {
    case let error as PicoError:
      StandardStream.error("pico-top: \(error)")
      return error.exit
    case let error as ConfigurationError:
      // A line that begins with file:line stays as editors know it.
      for line in error.lines { StandardStream.error(line) }
      return error.exit
    case let error as ThemeError:
      StandardStream.error("pico-top: \(error)")
      return .configuration
    case let error as AppError:
      // The command line was read without a fault: it is in the settings.
      StandardStream.error("pico-top: \(error)")
      return .configuration
    default: return reportUsage(error)
    }
  }

  /// What the parser says, which may be the help that was asked for.
  private static func reportUsage(_ error: any Error) -> SysExit {
    guard TopCommand.exitCode(for: error) != .success else {
      StandardStream.write(TopCommand.fullMessage(for: error) + "\n")
      return .ok
    }
    let text = TopCommand.message(for: error)
    let line = text.split(separator: "\n").first.map(String.init) ?? text
    StandardStream.error("pico-top: \(line.escapedForDisplay)")
    return .usage
  }
}
