package import PicoCore

/// The result of one measurement.
package struct BenchReport: Equatable, Sendable {
  package var configuration: BenchConfiguration
  package var threads: Int
  package var counts: BenchCounts
  /// The duration that was asked for; with a number of requests, until the last response.
  package var elapsed: Duration
  package var usage: Usage
  /// What the server counted meanwhile; nil when it was not asked.
  package var server: ServerCounts?

  package struct Usage: Equatable, Sendable {
    package var processes: [Process]
    /// CPU time of the load generator itself.
    package var own: Duration
  }

  package struct Process: Equatable, Sendable {
    package var pid: Int32
    /// During the measurement; nil when the process has gone.
    package var cpu: Duration?
    /// At the end.
    package var residentBytes: UInt64?
  }

  /// The difference of two snapshots of the server's totals.
  package struct ServerCounts: Equatable, Sendable {
    package var requests: UInt64
    package var serverErrors: UInt64

    package init(requests: UInt64, serverErrors: UInt64) {
      self.requests = requests
      self.serverErrors = serverErrors
    }
  }

  package init(
    configuration: BenchConfiguration, threads: Int, counts: BenchCounts, elapsed: Duration,
    usage: Usage = Usage(processes: [], own: .zero)
  ) {
    self.configuration = configuration
    self.threads = threads
    self.counts = counts
    self.elapsed = elapsed
    self.usage = usage
  }

  package var requestsPerSecond: Double { perSecond(counts.responsesInTime) }
  package var bytesReceivedPerSecond: Double { perSecond(counts.bytesReceived) }
  package var bytesSentPerSecond: Double { perSecond(counts.bytesSent) }

  /// CPU microseconds for each response.
  package func cpuPerRequest(_ cpu: Duration) -> Double {
    counts.responses == 0 ? 0 : cpu.inSeconds * 1e6 / Double(counts.responses)
  }

  /// How busy the load generator's threads were, 0 to 1: near 1 it measured itself.
  package var ownLoad: Double {
    elapsed > .zero ? usage.own.inSeconds / elapsed.inSeconds / Double(threads) : 0
  }

  /// What a command ends with: `unavailable` when not one response came.
  package var exit: SysExit { counts.responses == 0 ? .unavailable : .ok }

  private func perSecond(_ count: UInt64) -> Double {
    elapsed > .zero ? Double(count) / elapsed.inSeconds : 0
  }

  /// The percentiles that are shown.
  package static let percentiles: [Double] = [50, 90, 99, 99.9, 99.99]
}
