internal import PicoCore
internal import PicoStatus

/// What one loop counts for one listener. Written by that loop alone and read on it; readers merge the loops' cells.
final class TrafficCell {
  private struct Second {
    var epoch: UInt64 = 0
    var requests: UInt32 = 0
    var errors: UInt32 = 0
    var bytesIn: UInt64 = 0
    var bytesOut: UInt64 = 0
  }

  private(set) var totals = TrafficTotals()
  /// Since when the cell is among those of its loop that had traffic lately, in steady nanoseconds; 0 when it is not.
  var listedAt: UInt64 = 0
  private var seconds = InlineArray<4, Second>(repeating: Second())
  private var latency = RecentLatency()
  /// Failures of the agent to connect, and the requests before them, since a moment of the last ten seconds.
  private var failures = (since: UInt64(0), count: UInt64(0), requests: UInt64(0))

  private static let nanosecondsPerSecond: UInt64 = 1_000_000_000
  /// After this long without traffic no rate and no latency is left to tell.
  static let idleAfter: UInt64 = 12_000_000_000

  private func second(_ now: UInt64) -> Int {
    let epoch = now / Self.nanosecondsPerSecond
    let index = Int(epoch & 3)
    if seconds[index].epoch != epoch { seconds[index] = Second(epoch: epoch) }
    return index
  }

  /// A response head arrived, or the request ended without one. `status` is what the client was answered; `isError` for 5xx and cut responses.
  func recordResponse(status: Int, latency nanoseconds: UInt64, now: UInt64, isError: Bool) {
    totals.requests &+= 1
    totals.status.count(status)
    let index = second(now)
    seconds[index].requests &+= 1
    if isError {
      totals.errors &+= 1
      seconds[index].errors &+= 1
    }
    latency.record(nanoseconds: nanoseconds, now: now)
  }

  func recordBytes(in received: Int, out sent: Int, now: UInt64) {
    totals.bytesIn &+= UInt64(received)
    totals.bytesOut &+= UInt64(sent)
    let index = second(now)
    seconds[index].bytesIn &+= UInt64(received)
    seconds[index].bytesOut &+= UInt64(sent)
  }

  /// A response broke off behind its head.
  func recordCut(now: UInt64) {
    totals.errors &+= 1
    seconds[second(now)].errors &+= 1
  }

  /// The agent could not connect. True when that befell half of this loop's requests to it in the last ten seconds, and some at least.
  func recordConnectFailure(now: UInt64) -> Bool {
    if now &- failures.since >= 10 &* Self.nanosecondsPerSecond { failures = (now, 0, totals.requests) }
    failures.count &+= 1
    // A request that failed is seldom counted for this listener, as another one answers it.
    let answered = totals.requests &- failures.requests
    return failures.count >= UInt64(Listener.failureLimit) && failures.count >= answered
  }

  // MARK: Reading

  /// Totals, the rates of the last whole second, latencies of the last ten.
  func report(now: UInt64) -> TrafficReport {
    var report = TrafficReport(totals: totals)
    let last = now / Self.nanosecondsPerSecond &- 1
    let index = Int(last & 3)
    if seconds[index].epoch == last {
      report.requestRate = Double(seconds[index].requests)
      report.errorRate = Double(seconds[index].errors)
      report.bytesInRate = Double(seconds[index].bytesIn)
      report.bytesOutRate = Double(seconds[index].bytesOut)
    }
    report.latency = latency.counts(now: now)
    return report
  }

  /// What one whole second saw, at most two seconds ago; nil when that is nothing.
  func slice(epoch: UInt64) -> TrafficSlice? {
    let index = Int(epoch & 3)
    guard seconds[index].epoch == epoch, seconds[index].requests > 0 || seconds[index].errors > 0 else { return nil }
    return TrafficSlice(
      requests: UInt64(seconds[index].requests), errors: UInt64(seconds[index].errors), latency: latency.counts(epoch: epoch))
  }

  /// Whether there was no traffic for ``idleAfter``.
  func isIdle(now: UInt64) -> Bool {
    var last = listedAt
    for index in 0..<4 { last = max(last, seconds[index].epoch &* Self.nanosecondsPerSecond) }
    return now >= last &+ Self.idleAfter
  }

  /// The cell is idle: what only traffic needs is given back.
  func unlist() {
    listedAt = 0
    latency.clear()
  }
}

/// Counts since the listener came, or the node started.
struct TrafficTotals: Sendable, Equatable {
  var requests: UInt64 = 0
  var errors: UInt64 = 0
  var status = StatusClasses()
  var bytesIn: UInt64 = 0
  var bytesOut: UInt64 = 0

  mutating func add(_ other: TrafficTotals) {
    requests &+= other.requests
    errors &+= other.errors
    status.add(other.status)
    bytesIn &+= other.bytesIn
    bytesOut &+= other.bytesOut
  }
}

/// Traffic of a listener, an endpoint or the node, merged over loops.
struct TrafficReport: Sendable, Equatable {
  var totals = TrafficTotals()
  /// Per second, of the last whole second.
  var requestRate = 0.0
  var errorRate = 0.0
  var bytesInRate = 0.0
  var bytesOutRate = 0.0
  /// Of the last ten seconds, until the response head.
  var latency = LatencyCounts()

  mutating func add(_ other: TrafficReport) {
    totals.add(other.totals)
    requestRate += other.requestRate
    errorRate += other.errorRate
    bytesInRate += other.bytesInRate
    bytesOutRate += other.bytesOutRate
    latency.merge(other.latency)
  }

  /// What is left when there was no traffic for a while.
  var idle: TrafficReport { TrafficReport(totals: totals) }
}

/// What happened in one second, or in a few together.
struct TrafficSlice: Sendable, Equatable {
  var requests: UInt64 = 0
  var errors: UInt64 = 0
  var latency = LatencyCounts()

  mutating func add(_ other: TrafficSlice) {
    requests &+= other.requests
    errors &+= other.errors
    latency.merge(other.latency)
  }
}

extension StatusClasses {
  /// One more response; a status that is none counts with the nearest class.
  mutating func count(_ status: Int, times: UInt64 = 1) {
    switch status {
    case ..<200: informational &+= times
    case ..<300: successful &+= times
    case ..<400: redirection &+= times
    case ..<500: clientError &+= times
    default: serverError &+= times
    }
  }

  mutating func add(_ other: StatusClasses) {
    informational &+= other.informational
    successful &+= other.successful
    redirection &+= other.redirection
    clientError &+= other.clientError
    serverError &+= other.serverError
  }
}
