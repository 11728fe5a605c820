internal import PicoCore

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
  private var seconds = InlineArray<4, Second>(repeating: Second())
  private var latency = RecentLatency()
  /// Failures of the agent to connect, and the requests before them, since a moment of the last ten seconds.
  private var failures = (since: UInt64(0), count: UInt64(0), requests: UInt64(0))

  private static let nanosecondsPerSecond: UInt64 = 1_000_000_000

  private func second(_ now: UInt64) -> Int {
    let epoch = now / Self.nanosecondsPerSecond
    let index = Int(epoch & 3)
    if seconds[index].epoch != epoch { seconds[index] = Second(epoch: epoch) }
    return index
  }

  /// A response head arrived, or the request ended without one. `status` is what the client was answered; `isError` for 5xx and cut responses.
  func recordResponse(status: Int, latency nanoseconds: UInt64, now: UInt64, isError: Bool) {
    totals.requests &+= 1
    totals.status[min(max(status / 100, 1), 5) - 1] &+= 1
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

  /// Adds this cell to a report: totals, the rates of the last whole second, latencies of the last ten.
  func add(to report: inout TrafficReport, now: UInt64) {
    report.totals.add(totals)
    let last = now / Self.nanosecondsPerSecond &- 1
    let index = Int(last & 3)
    if seconds[index].epoch == last {
      report.requestRate += Double(seconds[index].requests)
      report.errorRate += Double(seconds[index].errors)
      report.bytesInRate += Double(seconds[index].bytesIn)
      report.bytesOutRate += Double(seconds[index].bytesOut)
    }
    latency.add(to: &report.latency, now: now)
  }
}

/// Counts since the listener came, or the node started.
struct TrafficTotals: Sendable, Equatable {
  var requests: UInt64 = 0
  var errors: UInt64 = 0
  /// 1xx to 5xx.
  var status = [UInt64](repeating: 0, count: 5)
  var bytesIn: UInt64 = 0
  var bytesOut: UInt64 = 0

  mutating func add(_ other: TrafficTotals) {
    requests &+= other.requests
    errors &+= other.errors
    for index in status.indices { status[index] &+= other.status[index] }
    bytesIn &+= other.bytesIn
    bytesOut &+= other.bytesOut
  }
}

/// Traffic of a listener, an endpoint or the node, merged over loops.
struct TrafficReport: Sendable {
  var totals = TrafficTotals()
  /// Per second, of the last whole second.
  var requestRate = 0.0
  var errorRate = 0.0
  var bytesInRate = 0.0
  var bytesOutRate = 0.0
  /// Of the last ten seconds, until the response head.
  var latency = LatencyHistogram()

  mutating func add(_ other: TrafficReport) {
    totals.add(other.totals)
    requestRate += other.requestRate
    errorRate += other.errorRate
    bytesInRate += other.bytesInRate
    bytesOutRate += other.bytesOutRate
    latency.merge(other.latency)
  }
}
