internal import NIOCore
internal import NIOPosix
internal import PicoCore
internal import Synchronization

/// Makes load and measures what comes back.
package enum Bench {
  /// What is known once a second while a measurement runs.
  package struct Progress: Equatable, Sendable {
    package var elapsed: Duration
    /// Since the start.
    package var counts: BenchCounts
    package var requestsPerSecond: Double
  }

  /// Runs one measurement. Cancelling the task ends it early with what was measured by then. Throws `PicoError` (`unreachable`,
  /// `noAvailableUpstreams`, `usage`, `badConfiguration`) when a first request says that nothing could be measured. `progress` is called once a second.
  package static func run(
    _ configuration: BenchConfiguration, progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) async throws -> BenchReport {
    let threads = max(1, min(configuration.threads, configuration.connections))
    let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    do {
      let report = try await measure(configuration, Array(group.makeIterator()), group, progress)
      try await group.shutdownGracefully()
      return report
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
  }

  private static func measure(
    _ configuration: BenchConfiguration, _ eventLoops: [any EventLoop], _ group: any EventLoopGroup,
    _ progress: @escaping @Sendable (Progress) -> Void
  ) async throws -> BenchReport {
    let missing = configuration.processes.first { ProcessUsage(pid: $0) == nil }
    if let missing { throw PicoError(.usage, "--pid \(missing): there is no such process", side: .downstream) }
    let tls = try BenchTLS(configuration)
    let address = try await BenchProbe.run(configuration, tls, on: group)
    var made: [LoadOnLoop] = []
    for (index, eventLoop) in eventLoops.enumerated() {
      let share = share(configuration, address: address, tls: tls, index: index, of: eventLoops.count)
      made.append(
        LoadOnLoop(
          eventLoop: eventLoop,
          load: try await eventLoop.submit { NIOLoopBound(BenchLoad(share: share, eventLoop: eventLoop), eventLoop: eventLoop) }.get()))
    }
    let loads = made
    try await withThrowingTaskGroup { tasks in
      for load in loads { tasks.addTask { try await load.run { $0.connect() } } }
      try await tasks.waitForAll()
    }
    let before = Samples(configuration.processes)
    let start = BenchLoad.now()
    let ticker = Task {
      while !Task.isCancelled {
        try await Task.sleep(for: .seconds(1))
        let elapsed = BenchLoad.now() - start
        let counts = try await total(loads).counts
        let seconds = Double(elapsed) / 1e9
        progress(
          Progress(
            elapsed: .nanoseconds(Int64(elapsed)), counts: counts, requestsPerSecond: Double(counts.responses) / seconds))
      }
    }
    defer { ticker.cancel() }
    try await withTaskCancellationHandler {
      try await withThrowingTaskGroup { tasks in
        for load in loads { tasks.addTask { try await load.run { $0.start(at: start) } } }
        try await tasks.waitForAll()
      }
    } onCancel: {
      for load in loads { load.eventLoop.execute { load.load.value.stop() } }
    }
    let after = Samples(configuration.processes)
    let (counts, last) = try await total(loads)
    let elapsed: UInt64
    if let duration = configuration.duration, configuration.requests == nil, !Task.isCancelled {
      elapsed = UInt64(clamping: duration.nanoseconds)
    } else {
      elapsed = max(1, last &- start)
    }
    return BenchReport(
      configuration: configuration, threads: loads.count, counts: counts, elapsed: .nanoseconds(Int64(clamping: elapsed)),
      usage: after.difference(from: before))
  }

  /// The part of the load of one event loop: connections and requests as even as they go.
  private static func share(
    _ configuration: BenchConfiguration, address: SocketAddress, tls: BenchTLS?, index: Int, of count: Int
  ) -> BenchLoad.Share {
    func part(_ whole: Int) -> Int { whole / count + (index < whole % count ? 1 : 0) }
    return BenchLoad.Share(
      address: address, tls: tls, template: RequestTemplate(configuration), connections: part(configuration.connections),
      requests: configuration.requests.map { UInt64(part($0)) }, rate: configuration.rate.map { $0 / Double(count) },
      duration: configuration.duration.map { UInt64(clamping: $0.nanoseconds) },
      timeout: UInt64(clamping: configuration.timeout.nanoseconds))
  }

  private static func total(_ loads: [LoadOnLoop]) async throws -> (counts: BenchCounts, lastResponseAt: UInt64) {
    var counts = BenchCounts()
    var last: UInt64 = 0
    for load in loads {
      let (part, at) = try await load.eventLoop.submit { (load.load.value.counts, load.load.value.lastResponseAt) }.get()
      counts.add(part)
      last = max(last, at)
    }
    return (counts, last)
  }

  private struct LoadOnLoop: Sendable {
    let eventLoop: any EventLoop
    let load: NIOLoopBound<BenchLoad>

    func run(_ body: @escaping @Sendable (BenchLoad) -> EventLoopFuture<Void>) async throws {
      let load = load
      try await eventLoop.flatSubmit { body(load.value) }.get()
    }
  }

  /// What the processes had used at one moment; the last is this one.
  private struct Samples {
    var processes: [(pid: Int32, usage: ProcessUsage?)]
    var own: ProcessUsage?

    init(_ pids: [Int32]) {
      processes = pids.map { ($0, ProcessUsage(pid: $0)) }
      own = ProcessUsage.current()
    }

    func difference(from before: Samples) -> BenchReport.Usage {
      let rows = zip(before.processes, processes).map { before, after in
        BenchReport.Process(
          pid: before.pid, cpu: after.usage.flatMap { after in before.usage.map { after.cpu - $0.cpu } },
          residentBytes: after.usage?.residentBytes)
      }
      return BenchReport.Usage(processes: rows, own: (own?.cpu ?? .zero) - (before.own?.cpu ?? .zero))
    }
  }
}
