internal import PicoCore
internal import PicoHTTP
internal import PicoStatus
internal import PicoTunnel

/// What one loop counts for the whole node. Confined to that loop.
final class LoopStatistics {
  private static let methodCount = 10
  private static let statusCount = 500

  /// By method, then by status from 100.
  private var requests = ContiguousArray<UInt64>(repeating: 0, count: methodCount * statusCount)
  private var durations = ContiguousArray<UInt64>(repeating: 0, count: LatencyBuckets.count)
  /// With `metrics.endpoint-label` alone: requests by endpoint, method and status.
  private var labelled: [NodeCounts.LabelledKey: UInt64] = [:]
  private var errors = ContiguousArray<UInt64>(repeating: 0, count: 64)
  private(set) var durationSum: UInt64 = 0
  private(set) var bytesIn: UInt64 = 0
  private(set) var bytesOut: UInt64 = 0
  private(set) var retries: UInt64 = 0
  /// Retries that the budget did not allow.
  private(set) var refusedRetries: UInt64 = 0
  /// Requests whose response did not end, hops among them.
  var inFlight = 0
  /// Those that came from another node.
  var hopsInFlight = 0
  /// Downstream ended before the response did (logged as 499).
  private(set) var cancelled: UInt64 = 0
  private(set) var roundTrips = LatencyHistogram()
  /// Listeners whose cell of this loop had traffic lately: all that a reader has to look at.
  private(set) var active: ContiguousArray<Listener> = []

  func recordRequest(method: HTTPMethod, status: Int, nanoseconds: UInt64) {
    requests[Int(method.rawValue) &* Self.statusCount &+ min(max(status, 100), 599) &- 100] &+= 1
    durations[LatencyBuckets.index(nanoseconds: nanoseconds)] &+= 1
    durationSum &+= nanoseconds
  }

  /// Beside ``recordRequest(method:status:nanoseconds:)``, where the endpoint is a label.
  func recordLabelled(_ endpoint: EndpointID, method: HTTPMethod, status: Int) {
    labelled[NodeCounts.LabelledKey(endpoint: endpoint, key: .init(method: Int(method.rawValue), status: status)), default: 0] &+= 1
  }

  /// Series of endpoints that have no listener any more are dropped.
  func keepLabels(of endpoints: Set<EndpointID>) {
    if !labelled.isEmpty { labelled = labelled.filter { endpoints.contains($0.key.endpoint) } }
  }

  func recordBytes(in received: Int, out sent: Int) {
    bytesIn &+= UInt64(received)
    bytesOut &+= UInt64(sent)
  }

  func recordError(_ code: ErrorCode) { errors[Int(code.rawValue)] &+= 1 }
  func recordRetry() { retries &+= 1 }
  func recordRefusedRetry() { refusedRetries &+= 1 }
  func recordCancel() { cancelled &+= 1 }
  func recordRoundTrip(_ nanoseconds: UInt64) { roundTrips.record(nanoseconds: nanoseconds) }

  // MARK: Listeners with traffic

  /// The listener has traffic on this loop again.
  func list(_ listener: Listener, _ cell: TrafficCell, now: UInt64) {
    cell.listedAt = now
    active.append(listener)
  }

  /// Drops the listeners that had no traffic for a while; how many those were.
  func unlistIdle(_ caller: LoopResources, now: UInt64) -> Int {
    let before = active.count
    active.removeAll { listener in
      guard let cell = listener.existingCell(caller) else { return true }
      guard cell.isIdle(now: now) else { return false }
      cell.unlist()
      return true
    }
    return before - active.count
  }

  // MARK: The node's counts

  /// Adds this loop's counts to the row of all traffic.
  func add(to totals: inout NodeTotals) {
    totals.inFlight += inFlight
    totals.hopsInFlight += hopsInFlight
    for method in 0..<Self.methodCount {
      for status in 0..<Self.statusCount {
        let count = requests[method * Self.statusCount + status]
        guard count > 0 else { continue }
        totals.requests &+= count
        totals.status.count(status + 100, times: count)
      }
    }
  }

  /// Adds this loop's counts to a report of the node.
  func add(to report: inout NodeCounts) {
    for method in 0..<Self.methodCount {
      for status in 0..<Self.statusCount where requests[method * Self.statusCount + status] > 0 {
        report.requests[NodeCounts.Key(method: method, status: status + 100), default: 0] += requests[method * Self.statusCount + status]
      }
    }
    report.labelled.merge(labelled, uniquingKeysWith: +)
    for index in 0..<LatencyBuckets.count where durations[index] > 0 { report.durations.add(durations[index], toBucket: index) }
    for code in ErrorCode.allCases where errors[Int(code.rawValue)] > 0 { report.errors[code, default: 0] += errors[Int(code.rawValue)] }
    report.bytesIn += bytesIn
    report.bytesOut += bytesOut
    report.retries += retries
    report.refusedRetries += refusedRetries
    report.cancelled += cancelled
    report.inFlight += inFlight
    report.roundTrips.merge(roundTrips)
  }
}

/// What the row of all traffic needs beside the listeners' own: also requests that no listener had.
struct NodeTotals: Sendable {
  var requests: UInt64 = 0
  var status = StatusClasses()
  /// Hops among them.
  var inFlight = 0
  var hopsInFlight = 0

  mutating func add(_ other: NodeTotals) {
    requests &+= other.requests
    status.add(other.status)
    inFlight += other.inFlight
    hopsInFlight += other.hopsInFlight
  }
}

/// Counts of the node since its start, merged over its loops.
struct NodeCounts: Sendable {
  struct Key: Hashable, Sendable {
    /// As ``HTTPMethod``.
    var method: Int
    var status: Int
  }

  struct LabelledKey: Hashable, Sendable {
    var endpoint: EndpointID
    var key: Key
  }

  var requests: [Key: UInt64] = [:]
  var labelled: [LabelledKey: UInt64] = [:]
  var durations = LatencyHistogram()
  var errors: [ErrorCode: UInt64] = [:]
  var bytesIn: UInt64 = 0
  var bytesOut: UInt64 = 0
  var retries: UInt64 = 0
  var refusedRetries: UInt64 = 0
  var cancelled: UInt64 = 0
  var inFlight = 0
  var roundTrips = LatencyHistogram()
  var streams = 0
}
