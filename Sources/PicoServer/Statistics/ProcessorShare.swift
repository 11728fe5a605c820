internal import PicoCore
internal import Synchronization

/// How many cores the process uses, between two looks at it at least half a second apart; until there are two, since its start.
final class ProcessorShare: Sendable {
  private struct Sample {
    var at: ContinuousClock.Instant
    var cpu: Duration
    var cores: Double
  }

  private let last: Locked<Sample>

  init() { last = Locked(Sample(at: .now, cpu: .zero, cores: 0)) }

  func cores(_ usage: ProcessUsage) -> Double {
    let now = ContinuousClock.now
    return last.withLock { last in
      let passed = now - last.at
      guard passed >= .milliseconds(500) else { return last.cores }
      last = Sample(at: now, cpu: usage.cpu, cores: (usage.cpu - last.cpu) / passed)
      return last.cores
    }
  }
}
