internal import Logging
internal import PicoCore

/// A long-running command as its supervisor sees it. Without a supervisor nothing here does anything.
struct Supervised: Sendable {
  private let socket: SupervisorSocket?
  private let logger: Logger
  /// How long the command may take to end.
  let timeToEnd: Duration

  /// - Throws: `badConfiguration` for a supervisor's variable that cannot be understood.
  init(timeToEnd: Duration, logger: Logger) throws(PicoError) {
    socket = try SupervisorSocket(environment: ProcessEnvironment.current)
    self.timeToEnd = timeToEnd
    self.logger = logger
  }

  func ready(_ status: String) { tell { (socket) throws(PicoError) in try socket.ready(status) } }
  func status(_ status: String) { tell { (socket) throws(PicoError) in try socket.status(status) } }
  func reloading() { tell { (socket) throws(PicoError) in try socket.reloading() } }
  func stopping() { tell { (socket) throws(PicoError) in try socket.stopping(within: timeToEnd) } }

  /// Gives signs of life, twice as often as the supervisor wants them, for as long as `proof` comes back: when it does not, the supervisor
  /// ends the process and starts another. Returns when it is cancelled, at once where nobody looks.
  func giveSigns(proof: @Sendable () async -> Void) async {
    guard let watchdog = socket?.watchdog else { return }
    while !Task.isCancelled {
      await proof()
      tell { (socket) throws(PicoError) in try socket.alive() }
      try? await Task.sleep(for: watchdog / 2)
    }
  }

  /// A supervisor that does not listen ends no command that works.
  private func tell(_ message: (SupervisorSocket) throws(PicoError) -> Void) {
    guard let socket else { return }
    do throws(PicoError) {
      try message(socket)
    } catch {
      logger.warning("the supervisor is not told", metadata: ["error": "\(error)"])
    }
  }
}
