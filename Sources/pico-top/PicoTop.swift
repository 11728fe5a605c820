internal import ArgumentParser
internal import Glibc
internal import PicoConfiguration
internal import PicoCore
internal import PicoStatus
internal import PicoTopCore
internal import PicoTransport

/// What starts, and says what was wrong.
@main
enum PicoTop {
  static func main() {
    // A reader that goes away ends a write with an error, not the process.
    _ = signal(SIGPIPE, SIG_IGN)
    exit(run(Array(CommandLine.arguments.dropFirst())).rawValue)
  }

  private static func run(_ arguments: [String]) -> SysExit {
    do {
      return try run(try TopCommand.parse(arguments))
    } catch {
      return report(error)
    }
  }

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
    default:
      guard TopCommand.exitCode(for: error) != .success else {
        StandardStream.write(TopCommand.fullMessage(for: error, columns: helpColumns) + "\n")
        return .ok
      }
      let text = TopCommand.message(for: error)
      let line = text.split(separator: "\n").first.map(String.init) ?? text
      StandardStream.error("pico-top: \(line.escapedForDisplay)")
      return .usage
    }
  }

  private static let helpColumns = 80

  private static func run(_ command: TopCommand) throws -> SysExit {
    let start = ContinuousClock.now
    let environment = ProcessEnvironment.current
    let paths = SettingsPaths(environment: environment)
    let store = try SettingsStore(configuration: paths.configuration, state: paths.state)
    for notice in store.notices { StandardStream.error("pico-top: \(notice)") }
    let settings = store.settings
    let setup = try Setup(command, settings)
    let wantsASCII = command.ascii || settings.ascii
    let wantsScreen = !command.once && !command.watch && command.format == nil
    guard wantsScreen, let profile = TerminalProfile.current(wantsASCII: wantsASCII) else {
      guard command.replay == nil else {
        throw PicoError(.usage, "--replay needs a terminal that can show a full screen", side: .internal)
      }
      return try printRows(command, setup, settings)
    }

    // Before any other thread starts, so that none of them is interrupted.
    let signals = try SignalDescriptor(Dashboard.signals)
    let wake = try WakeDescriptor()
    var options = setup.options
    options.isASCII = profile.isASCII
    var replay: ReplayPlayer?
    if let path = command.replay {
      let (player, notice) = try RecordingFile.read(path)
      if let notice { StandardStream.error("pico-top: \(notice)") }
      options.servers = player.header.servers
      options.isReplay = true
      replay = player
    }
    let app = try makeApp(command, options, settings, environment, start)
    let recorder = try command.record.map { path throws(PicoError) in try Recorder(path: path, servers: options.servers) }
    let terminal = try Terminal(profile: profile, crashFile: paths.state.map { $0.prefix(upTo: $0.lastIndex(of: "/") ?? $0.endIndex) + "/top-crash.txt" })
    let (feed, live) = try makeFeed(replay, setup, recorder, wake, closing: terminal)
    terminal.setMouse(options.hasMouse)
    var dashboard = Dashboard(app: app, terminal: terminal, feed: feed, wake: wake, signals: signals, store: store, start: start)
    dashboard.run()
    feed.end()
    terminal.close(expectsAnswer: dashboard.expectsAnswer)
    for problem in dashboard.problems { StandardStream.error("pico-top: \(problem)") }
    if let failure = live?.recorderFailure { StandardStream.error("pico-top: \(failure)") }
    return .ok
  }
}
