internal import Glibc
internal import UnixSignals

/// How a long-running command lives: it runs until SIGTERM or SIGINT, then drains; a second one ends it at once.
enum RunUntilSignal {
  /// Returns when `drain` has. `drain` may run for as long as it likes: a second signal exits with 128 and the signal's number.
  /// `reload` is called for each SIGHUP. A supervisor hears of both, and has signs of life as long as `proof` comes back.
  static func run(
    signals: UnixSignalsSequence, supervised: Supervised? = nil, proof: @escaping @Sendable () async -> Void = {},
    drain: @escaping @Sendable () async -> Void, reload: @escaping @Sendable () async -> Void = {}
  ) async {
    let signs = Task { await supervised?.giveSigns(proof: proof) }
    let (drained, finish) = AsyncStream.makeStream(of: Never.self)
    let watching = Task {
      var isDraining = false
      for await signal in signals {
        switch signal {
        case .sighup:
          supervised?.reloading()
          await reload()
          supervised?.ready("configuration read again")
        case .sigterm, .sigint:
          if isDraining { exit(128 + (signal == .sigint ? SIGINT : SIGTERM)) }
          isDraining = true
          supervised?.stopping()
          Task {
            await drain()
            finish.finish()
          }
        default:
          break
        }
      }
    }
    for await _ in drained {}
    watching.cancel()
    signs.cancel()
  }

  /// Traps the signals from now on, so that one that comes while the command starts is not lost.
  static func trap() async -> UnixSignalsSequence {
    await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
  }
}
