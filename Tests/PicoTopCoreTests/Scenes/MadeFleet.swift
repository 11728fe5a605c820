import PicoCore
import PicoStatus

@testable import PicoTopCore

/// A server's tables, made from a seed: the same each time.
struct MadeFleet {
  var nodes: [NodeRow] = []
  var endpoints: [EndpointRow] = []
  var listeners: [ListenerRow] = []
  var blocks: [BlockRow] = []
  var totals = TotalsRow()
  var failures: [RecentErrors.Failure] = []
  var events: [StatusEvent] = []
  /// Rows of a part of a snapshot.
  var partSize = Int.max

  static let names = [
    "api-gateway", "checkout", "search", "auth", "images", "billing-webhooks", "staging-web", "docs", "metrics-ingest", "grafana",
    "ci-runner",
    "my-endpoint-123",
  ]

  init(endpoints count: Int = 12) {
    var random = SplitMixGenerator(seed: 7)
    let start = Stage.start
    for index in 0..<count {
      let name = index < Self.names.count ? Self.names[index] : "endpoint-\(index)"
      let rate = index == count - 1 ? 0 : 900 / Double(index * index + 1) + Double.random(in: 0..<3, using: &random)
      let p50 = index == count - 1 ? 0 : Double.random(in: 2..<60, using: &random)
      let slow = [1, 5].contains(index) ? 30.0 : 4.0
      let held = index % 3 == 0 ? 3 : index % 2 + 1
      endpoints.append(
        EndpointRow(
          id: name, listeners: held, nodes: min(2, held), inFlight: Int(rate * p50 / 1000), requestsTotal: UInt64(rate * 4000),
          requestRate: rate, errorRate: [1, 4].contains(index) ? rate / 40 : 0,
          status: StatusClasses(
            successful: UInt64(rate * 3900), redirection: UInt64(rate * 10), clientError: UInt64(rate * 60),
            serverError: [1, 4].contains(index) ? UInt64(rate * 30) : 0),
          latency: LatencySummary(p50: p50, p90: p50 * 2.2, p99: p50 * slow, max: p50 * slow * 1.7), bytesInRate: rate * 800,
          bytesOutRate: rate * 14_000))
      for place in 0..<held {
        let share = rate / Double(held)
        listeners.append(
          ListenerRow(
            id: "l-\(String(0x3f2a00 + index * 16 + place, radix: 16))", endpoint: name, node: place % 2 == 0 ? "n-1f3a" : "n-77c2",
            agent: "agent-\(index)\(place)", version: "1.0.0", remoteAddress: "10.0.\(index).\(place + 7):5\(2000 + index * 7 + place)",
            identity: index % 4 == 0 ? "team-\(name)" : nil,
            connectedAt: Timestamp(seconds: start.seconds - Int64(index * 4000 + place * 60 + 30)),
            state: index == 1 && place == 1 ? .unhealthy : index == 3 && place == 2 ? .draining : .active,
            roundTrip: 0.8 + Double(place) * 3,
            inFlight: Int(share * p50 / 1000), requestsTotal: UInt64(share * 4000), requestRate: share,
            errorRate: index == 1 && place == 1 ? rate / 40 : 0,
            latency: LatencySummary(p50: p50, p90: p50 * 2.2, p99: p50 * slow, max: p50 * slow * 1.7), bytesInRate: share * 800,
            bytesOutRate: share * 14_000))
      }
    }
    for (index, id) in ["n-1f3a", "n-77c2"].enumerated() {
      nodes.append(
        NodeRow(
          id: id, address: "10.0.9.\(index + 1):8080", version: "1.0.0", state: .active,
          startedAt: Timestamp(seconds: start.seconds - 93_000),
          listeners: listeners.count { $0.node == id }, endpoints: endpoints.count, requestRate: 700, inFlight: 21, cpu: 0.34,
          rssBytes: 41_000_000))
    }
    blocks = [
      BlockRow(
        id: "b-0c11", scope: .agent, match: "agent-13 at checkout", endpoint: "checkout", by: "alice", reason: "bad build 7f2",
        since: Timestamp(seconds: start.seconds - 125), until: Timestamp(seconds: start.seconds + 475)),
      BlockRow(
        id: "b-0c12", scope: .identity, match: "team-images", by: "bob", since: Timestamp(seconds: start.seconds - 40),
        until: Timestamp(seconds: start.seconds + 3560)),
    ]
    totals = TotalsRow(
      listeners: listeners.count, endpoints: endpoints.count, inFlight: endpoints.reduce(0) { $0 + $1.inFlight },
      requestsTotal: endpoints.reduce(0) { $0 + $1.requestsTotal }, requestRate: endpoints.reduce(0) { $0 + $1.requestRate },
      errorRate: endpoints.reduce(0) { $0 + $1.errorRate },
      status: StatusClasses(successful: 4_950_000, redirection: 21_000, clientError: 84_000, serverError: 12_600),
      latency: LatencySummary(p50: 18, p90: 96, p99: 640, max: 1900), latencyBuckets: [LatencyBucket(index: 230, count: 900)],
      bytesInRate: endpoints.reduce(0) { $0 + $1.bytesInRate }, bytesOutRate: endpoints.reduce(0) { $0 + $1.bytesOutRate })
    failures = (0..<7).map { index in
      RecentErrors.Failure(
        at: Timestamp(seconds: start.seconds - Int64(70 - index * 10)),
        code: ["upstream-timeout", "upstream-5xx", "upstream-unreachable"][index % 3],
        status: [504, 500, 502][index % 3], listener: "l-3f2a1\(index % 2)", requestID: "01JD\(index)K7Q2")
    }
    events = [
      event(1, .nodeJoined, ["version": "1.0.0"]),
      event(
        2, .listenerConnected, ["endpoint": "api-gateway", "listener": "l-3f2a00", "agent": "agent-00", "remote_address": "10.0.0.7:52000"]),
      event(
        3, .listenerConnected, ["endpoint": "checkout", "listener": "l-3f2a10", "agent": "agent-10", "remote_address": "10.0.1.7:52007"]),
      event(4, .listenerDisconnected, ["endpoint": "search", "listener": "l-3f2a99", "agent": "agent-29", "reason": "the agent left"]),
      event(
        5, .operatorAction,
        ["action": "disconnect", "endpoint": "checkout", "listener": "l-3f2a13", "by": "alice", "reason": "bad build 7f2"]),
    ]
  }

  private func event(_ number: UInt64, _ kind: StatusEvent.Kind, _ details: [String: String]) -> StatusEvent {
    StatusEvent(
      at: Timestamp(seconds: Stage.start.seconds - 300 + Int64(number) * 41), kind: kind, node: "n-1f3a", number: number, details: details)
  }

  // MARK: Answers

  func replies(to message: ClientMessage, now: Timestamp, sequence: (String) -> UInt64) -> [ServerMessage] {
    switch message {
    case .subscribe(let subscription): return snapshots(subscription, now: now, sequence: sequence) + eventReplies(subscription)
    case .history(let endpoint, let since, _): return since == nil ? [.history(history(endpoint, now: now))] : []
    case .errors(let endpoint): return [.errors(RecentErrors(endpoint: endpoint, errors: failures))]
    case .disconnect(let disconnect):
      let results = disconnect.listeners.map {
        ListenerResult(listener: $0, ok: true, remaining: remaining(after: disconnect.listeners, $0))
      }
      return [
        .result(
          ActionResult(
            id: disconnect.id, results: results, block: disconnect.blockSeconds > 0 && !disconnect.isDryRun ? "b-0c13" : nil,
            matched: disconnect.listeners.count))
      ]
    case .unblock(let id, _), .drainNode(let id, _): return [.result(ActionResult(id: id, ok: true))]
    case .tail(let id, _, _): return requests(id: id, now: now)
    case .unsubscribe, .resync, .untail: return []
    }
  }

  private func remaining(after gone: [String], _ listener: String) -> Int {
    let endpoint = listeners.first { $0.id == listener }?.endpoint
    return listeners.count { $0.endpoint == endpoint && !gone.contains($0.id) }
  }

  private func eventReplies(_ subscription: Subscription) -> [ServerMessage] {
    guard let since = subscription.eventsSince else { return [] }
    return events.filter { $0.number > since[$0.node] ?? 0 }.map { .event($0) }
  }

  func snapshots(_ subscription: Subscription, now: Timestamp, sequence: (String) -> UInt64) -> [ServerMessage] {
    var tables = TableChanges()
    if subscription.tables.contains(.nodes) { tables.nodes = nodes.map { RowChange($0) } }
    if subscription.tables.contains(.endpoints) {
      let sorted = subscription.sort == "-request_rate" ? endpoints.sorted { $0.requestRate > $1.requestRate } : endpoints
      tables.endpoints = sorted.prefix(subscription.limit ?? .max).map { RowChange($0) }
    }
    if subscription.tables.contains(.listeners) {
      tables.listeners = listeners.filter { subscription.endpoint == nil || $0.endpointKey == subscription.endpoint }.map { RowChange($0) }
    }
    if subscription.tables.contains(.totals) { tables.totals = [RowChange(totals)] }
    if subscription.tables.contains(.blocks) { tables.blocks = blocks.map { RowChange($0) } }
    let total = tables.endpoints.count
    guard tables.endpoints.count > partSize else {
      return [.snapshot(Snapshot(id: subscription.id, sequence: sequence(subscription.id), now: now, total: total, tables: tables))]
    }
    let parts = (total + partSize - 1) / partSize
    return (0..<parts).map { part in
      var slice = part == 0 ? tables : TableChanges()
      slice.endpoints = Array(tables.endpoints[(part * partSize)..<min(total, (part + 1) * partSize)])
      return .snapshot(
        Snapshot(
          id: subscription.id, sequence: sequence(subscription.id), now: now, total: total, part: part + 1, parts: parts, tables: slice))
    }
  }

  /// A busy hour with a slow stretch in it.
  func history(_ endpoint: String?, now: Timestamp) -> History {
    func series(_ step: Int, _ count: Int) -> HistorySeries {
      var random = SplitMixGenerator(seed: UInt64(step))
      let points = (0..<count).map { index in
        let x = Double(index) / Double(count)
        let wave = 1 + 0.35 * sine(x * 3) + 0.12 * sine(x * 17) + Double.random(in: -0.06...0.06, using: &random)
        let isSlow = x > 0.62 && x < 0.72
        let p50 = 16 * wave * (isSlow ? 2.5 : 1)
        return HistorySeries.Point(
          requestRate: 1300 * wave * (isSlow ? 0.7 : 1), errorRate: isSlow ? 22 * wave : index % 37 == 0 ? 2 : 0, p50: p50, p90: p50 * 4,
          p99: p50 * (isSlow ? 42 : 22),
          latencyBuckets: buckets(p50: p50, isSlow: isSlow))
      }
      return HistorySeries(
        stepMilliseconds: step, from: Timestamp(milliseconds: now.milliseconds / Int64(step) * Int64(step) - Int64(step * count)),
        points: points)
    }
    return History(endpoint: endpoint, now: now, series: [series(1000, 300), series(10_000, 360)])
  }

  private func buckets(p50: Double, isSlow: Bool) -> [LatencyBucket] {
    let shape: [(factor: Double, count: UInt64)] = [
      (0.5, 220), (1, 600), (2, 300), (4, 90), (9, 20), (22, isSlow ? 60 : 6), (50, isSlow ? 14 : 0),
    ]
    return shape.filter { $0.count > 0 }.map { part in
      LatencyBucket(index: LatencyBuckets.index(nanoseconds: UInt64(p50 * part.factor * 1_000_000)), count: part.count)
    }
  }

  /// Of a whole turn; near enough to a sine for a picture, and the same on every machine.
  private func sine(_ turns: Double) -> Double {
    let x = turns - turns.rounded(.down)
    let y = x < 0.5 ? x : x - 0.5
    let half = 16 * y * (0.5 - y)
    return x < 0.5 ? half : -half
  }

  private func requests(id: String, now: Timestamp) -> [ServerMessage] {
    let paths: [String] = ["/", "/v1/orders?…", "/v1/orders/8812/items", "/health", "/v1/search?…", "/assets/app.4f1c.js", "/v1/cart"]
    return (0..<40).map { (index: Int) -> ServerMessage in
      let status = index % 13 == 7 ? 503 : index % 11 == 3 ? 404 : index % 9 == 5 ? 304 : 200
      let latency = Double((index * 37) % 90) + (index % 13 == 7 ? 1200 : 3)
      return .request(
        TailedRequest(
          id: id, at: Timestamp(milliseconds: now.milliseconds - Int64((40 - index) * 180)), method: index % 5 == 1 ? "POST" : "GET",
          path: paths[index % paths.count], status: status, latency: latency, listener: "l-3f2a0\(index % 3)", node: "n-1f3a",
          bytesIn: UInt64(index % 5 == 1 ? 812 : 0), bytesOut: UInt64(400 + index * 913), requestID: "01JDK7Q2M\(index)"))
    }
  }
}
