import PicoCore
import Testing

@testable import PicoStatus

@Suite struct StatusMessageTests {
  static let now = Timestamp(milliseconds: 1_795_428_000_123)
  static let rows: TableChanges = {
    var rows = TableChanges()
    rows.nodes = StatusSnapshotTests.full.nodes.map { RowChange($0) }
    rows.endpoints = StatusSnapshotTests.full.endpoints.map { RowChange($0) }
    rows.listeners = StatusSnapshotTests.full.listeners.map { RowChange($0) }
    rows.totals = [RowChange(StatusSnapshotTests.full.totals)]
    rows.blocks = [
      RowChange(
        BlockRow(
          id: "b-1", scope: .agent, match: "agent a-1", endpoint: "a", tenant: "t", by: "127.0.0.1", reason: "\"noisy\"\u{7}", since: now,
          until: now))
    ]
    return rows
  }()

  static let serverMessages: [ServerMessage] = [
    .hello(Hello(node: "n-1", version: "0.1.0", role: .operator, now: now)),
    .snapshot(Snapshot(id: "s1", sequence: 1, now: now, total: 7, part: 2, parts: 3, tables: rows)),
    .snapshot(Snapshot(id: "s1", sequence: 1, now: now, total: 0, tables: TableChanges())),
    .update(Update(id: "s1", sequence: .max, now: now, total: 1, tables: rows, removed: [.endpoints: ["a", "t/b"], .listeners: ["l-1"]])),
    .update(Update(id: "s1", sequence: 2, now: now, total: 1)),
    .history(
      History(
        endpoint: "a", now: now,
        series: [
          HistorySeries(
            stepMilliseconds: 1000, from: now,
            points: [
              .init(requestRate: 1.5, errorRate: 0.5, p50: 1, p90: 2, p99: 3, latencyBuckets: [LatencyBucket(index: 495, count: 9)]),
              .init(),
            ]), HistorySeries(stepMilliseconds: 10_000, from: now, points: []),
        ])),
    .history(History(endpoint: nil, now: now, series: [])),
    .errors(
      RecentErrors(
        endpoint: "a", errors: [.init(at: now, code: "upstream-unreachable", status: 502, listener: "l-1", requestID: "r")])),
    .result(
      ActionResult(
        id: "c1",
        results: [ListenerResult(listener: "l-1", ok: true, remaining: 0), ListenerResult(listener: "l-2", ok: false, error: "not-found")],
        block: "b-1", matched: 2)),
    .result(ActionResult(id: "u1", ok: false, error: "not-found")),
    .request(
      TailedRequest(
        id: "t1", at: now, method: "GET", path: "/a?…", status: 200, latency: 1.25, listener: "l-1", node: "n-1", bytesIn: 0, bytesOut: 12,
        requestID: "r", skipped: 3)),
    .event(StatusEvent(at: now, kind: .listenerConnected, node: "n-1", number: 4, details: ["endpoint": "a", "listener": "l-1"])),
    .error(StatusError(id: "s1", code: .badMessage, message: "expected a comma or the end at byte 3")),
    .error(StatusError(code: .tooSlow, message: "skipped")),
    .unknown(type: "horoscope"),
  ]

  @Test(arguments: serverMessages) func `a message of the server survives the way through JSON`(message: ServerMessage) throws {
    #expect(try ServerMessage(json: message.json) == message)
  }

  static let clientMessages: [ClientMessage] = [
    .subscribe(Subscription(id: "s1")),
    .subscribe(
      Subscription(
        id: "s1", tables: [.listeners, .blocks, .totals], intervalMilliseconds: 250, scope: .node, endpoints: ["a*", "b"], endpoint: "a",
        filter: "rate>10", sort: "-request_rate", limit: 500, eventsSince: ["n-1": 3])),
    .subscribe(Subscription(id: "s1", eventsSince: [:])),
    .unsubscribe(id: "s1"), .resync(id: "s1"), .history(endpoint: nil, since: nil), .history(endpoint: "a", since: now),
    .errors(endpoint: "a"),
    .disconnect(Disconnect(id: "c1", listeners: ["l-1"])),
    .disconnect(
      Disconnect(
        id: "c1", listeners: ["l-1", "l-2"], mode: .now, blockSeconds: 600, scope: .identity, minimumRemaining: 1, reason: "noisy",
        isDryRun: true)),
    .unblock(id: "u1", block: "b-1"), .drainNode(id: "d1", node: "n-1"), .tail(id: "t1", endpoint: "a", sample: 0.25), .untail(id: "t1"),
  ]

  @Test(arguments: clientMessages) func `a message of a dashboard survives the way through JSON`(message: ClientMessage) throws {
    #expect(try ClientMessage(json: message.json) == message)
  }

  @Test(arguments: [
    (#"{"type":"subscribe","id":"s1"}"#, ClientMessage.subscribe(Subscription(id: "s1"))),
    (#"{"type":"subscribe","id":"s1","interval_ms":1}"#, .subscribe(Subscription(id: "s1", intervalMilliseconds: 100))),
    (#"{"type":"subscribe","id":"s1","interval_ms":999999999}"#, .subscribe(Subscription(id: "s1", intervalMilliseconds: 60_000))),
    (#"{"type":"subscribe","id":"s1","protocol":1,"mood":[{}]}"#, .subscribe(Subscription(id: "s1"))),
    (#"{"type":"tail","id":"t1","endpoint":"a"}"#, .tail(id: "t1", endpoint: "a", sample: 1)),
    (#"{"type":"history","endpoint":null}"#, .history(endpoint: nil, since: nil)),
    (#"{"id":"s1","type":"resync"}"#, .resync(id: "s1")),
  ])
  func `what is left out has its default`(text: String, message: ClientMessage) throws {
    #expect(try ClientMessage(json: Array(text.utf8)) == message)
  }

  @Test(arguments: [
    ("", StatusError.Code.badMessage), ("[]", .badMessage), ("{}", .badMessage), (#"{"type":7}"#, .badMessage),
    (#"{"type":"subscribe"}"#, .badMessage), (#"{"type":"subscribe","id":"s","tables":["moods"]}"#, .badMessage),
    (#"{"type":"subscribe","id":"s","scope":"world"}"#, .badMessage), (#"{"type":"subscribe","id":"s","limit":0}"#, .badMessage),
    (#"{"type":"tail","id":"t","endpoint":"a","sample":0}"#, .badMessage),
    (#"{"type":"tail","id":"t","endpoint":"a","sample":2}"#, .badMessage),
    (#"{"type":"disconnect","id":"c","listeners":[]}"#, .badMessage),
    (#"{"type":"disconnect","id":"c","listeners":["l"],"mode":"gently"}"#, .badMessage),
    (#"{"type":"disconnect","id":"c","listeners":["l"],"scope":"world"}"#, .badMessage),
    (#"{"type":"disconnect","id":"c","listeners":["l"],"block_seconds":-1}"#, .badMessage),
    (#"{"type":"disconnect","id":"c","listeners":["l"],"block_seconds":86401}"#, .badMessage),
    (#"{"type":"disconnect","id":"c","listeners":["l"],"min_remaining":-1}"#, .badMessage),
    (#"{"type":"dance","id":"x"}"#, .unknownType), (#"{"type":"resync","id":"s"} x"#, .badMessage),
  ])
  func `a wrong message is answered with what is wrong`(text: String, code: StatusError.Code) {
    let error = #expect(throws: StatusError.self) { try ClientMessage(json: Array(text.utf8)) }
    #expect(error?.code == code, "\(error?.message ?? "")")
  }

  @Test func `an answer names the message at fault`() {
    let error = #expect(throws: StatusError.self) { try ClientMessage(json: Array(#"{"id":"x","type":"dance"}"#.utf8)) }
    #expect(error == StatusError(id: "x", code: .unknownType, message: #"unknown type "dance""#))
  }

  @Test func `another version of the protocol is refused with both versions`() throws {
    let error = #expect(throws: StatusError.self) { try ClientMessage(json: Array(#"{"type":"subscribe","id":"s","protocol":2}"#.utf8)) }
    #expect(error == StatusError(id: "s", code: .badMessage, message: "protocol 2 is asked for, and this node speaks 1"))
    #expect(
      try ClientMessage(json: Array(#"{"type":"subscribe","id":"s","protocol":1}"#.utf8)) == .subscribe(Subscription(id: "s")))
  }

  // MARK: Changes

  @Test func `an update carries the members that moved, and no other`() throws {
    let old = EndpointRow(id: "a", requestsTotal: 5, requestRate: 100, latency: LatencySummary(p50: 10, p90: 20, p99: 30, max: 40))
    var new = old
    new.requestRate = 104
    new.latency.p99 = 31
    #expect(new.members(changedFrom: old) == [])
    new.requestRate = 106
    new.requestsTotal = 6
    let change = RowChange(new, members: new.members(changedFrom: old))
    var writer = JSONWriter()
    change.write(to: &writer)
    #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"id":"a","requests_total":6,"request_rate":106}"#)
    var reader = JSONReader(writer.bytes)
    var rebuilt = old
    try RowChange<EndpointRow>(from: &reader).apply(to: &rebuilt)
    #expect(rebuilt == EndpointRow(id: "a", requestsTotal: 6, requestRate: 106, latency: old.latency))
  }

  @Test func `a change to zero or to nothing is always a change`() throws {
    let old = ListenerRow(id: "l", endpoint: "a", node: "n", remoteAddress: "", connectedAt: Self.now, roundTrip: 0.001, requestRate: 0.001)
    var new = old
    new.requestRate = 0
    new.roundTrip = nil
    let change = RowChange(new, members: new.members(changedFrom: old))
    var rebuilt = old
    var reader = JSONReader(Self.bytes(change))
    try RowChange<ListenerRow>(from: &reader).apply(to: &rebuilt)
    #expect(rebuilt == new)
  }

  @Test func `a row of a tenant says so in every update`() {
    let row = EndpointRow(id: "a", tenant: "t")
    #expect(String(decoding: Self.bytes(RowChange(row, members: [])), as: UTF8.self) == #"{"id":"a","tenant":"t"}"#)
    #expect(row.key == "t/a")
    #expect(EndpointRow(id: "a").key == "a")
  }

  @Test func `a series whose members differ in length is refused`() {
    let text =
      #"{"type":"history","endpoint":null,"now":"2026-11-23T10:00:00Z","series":[{"step_ms":1000,"from":"2026-11-23T10:00:00Z","request_rate":[1],"error_rate":[],"p50":[1],"p90":[1],"p99":[1],"latency_buckets":[[]]}]}"#
    #expect(throws: JSONError.self) { try ServerMessage(json: Array(text.utf8)) }
  }

  private static func bytes(_ value: some JSONValue) -> [UInt8] {
    var writer = JSONWriter()
    value.write(to: &writer)
    return writer.bytes
  }
}
