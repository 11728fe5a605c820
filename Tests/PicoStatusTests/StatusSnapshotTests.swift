import PicoCore
import Testing

@testable import PicoStatus

@Suite struct StatusSnapshotTests {
  static let full = StatusSnapshot(
    now: Timestamp(milliseconds: 1_795_428_000_123), node: "n-0123456789abcdef", version: "0.1.0",
    nodes: [
      NodeRow(
        id: "n-0123456789abcdef", address: "127.0.0.1:8080", version: "0.1.0", state: .draining, startedAt: Timestamp(milliseconds: 5000),
        listeners: 2, endpoints: 1, requestRate: 12.5, inFlight: 3, cpu: 0.25, rssBytes: 12_345_678, connected: true)
    ],
    endpoints: [
      EndpointRow(
        id: "a", tenant: "t", listeners: 2, nodes: 1, inFlight: 3, requestsTotal: .max, requestRate: 12.5, errorRate: 0.5,
        status: StatusClasses(informational: 1, successful: 2, redirection: 3, clientError: 4, serverError: 5),
        latency: LatencySummary(p50: 0.5, p90: 1, p99: 2, max: 4), bytesInRate: 100, bytesOutRate: 200)
    ],
    listeners: [
      ListenerRow(
        id: "l-0123456789abcdef", endpoint: "a", node: "n-0123456789abcdef", agent: "a-1", version: "0.1.0",
        remoteAddress: "[::1]:4000", identity: nil, connectedAt: Timestamp(milliseconds: 6000), state: .unhealthy, roundTrip: 0.25,
        inFlight: 1, requestsTotal: 7, requestRate: 1, errorRate: 0, latency: LatencySummary(p50: 1, p90: 1, p99: 1, max: 1),
        bytesInRate: 1, bytesOutRate: 2)
    ],
    totals: TotalsRow(
      listeners: 2, endpoints: 1, inFlight: 3, requestsTotal: 9, requestRate: 12.5, errorRate: 0.5, status: StatusClasses(successful: 9),
      latency: LatencySummary(p50: 0.5), latencyBuckets: [LatencyBucket(index: 17, count: 4), LatencyBucket(index: 80, count: 1)],
      bytesInRate: 1, bytesOutRate: 2))

  @Test func `a snapshot survives the way through JSON`() throws {
    #expect(try StatusSnapshot(json: Self.full.json) == Self.full)
    let empty = StatusSnapshot(now: Timestamp(milliseconds: 0), node: "n-1", version: "0")
    #expect(try StatusSnapshot(json: empty.json) == empty)
  }

  @Test(arguments: [
    #""now":"2026-11-23T10:00:00.123Z""#, #""node":"n-0123456789abcdef""#, #""started_at":"1970-01-01T00:00:05.000Z""#,
    #""request_rate":12.5"#, #""in_flight":3"#, #""rss_bytes":12345678"#, #""connected":true"#, #""tenant":"t""#,
    #""requests_total":18446744073709551615"#, #""error_rate":0.5"#, #""status":{"1xx":1,"2xx":2,"3xx":3,"4xx":4,"5xx":5}"#,
    #""latency_ms":{"p50":0.5,"p90":1,"p99":2,"max":4}"#, #""bytes_in_rate":100"#, #""bytes_out_rate":200"#,
    #""remote_address":"[::1]:4000""#, #""connected_at":"1970-01-01T00:00:06.000Z""#, #""state":"unhealthy""#, #""rtt_ms":0.25"#,
    #""latency_buckets":[[17,4],[80,1]]"#, #""state":"draining""#,
  ])
  func `the names on the wire are those of the contract`(fragment: String) throws {
    let text = String(decoding: Self.full.json, as: UTF8.self)
    #expect(text.contains(fragment), "\(text)")
  }

  @Test func `members and states of a newer version are taken as they come`() throws {
    var text = String(decoding: Self.full.json, as: UTF8.self)
    text.replace("\"draining\"", with: "\"hibernating\"")
    text.replace("\"version\":", with: "\"mood\":{\"deep\":[1]},\"version\":", maxReplacements: 1)
    let snapshot = try StatusSnapshot(json: Array(text.utf8))
    #expect(snapshot.nodes.first?.state.rawValue == "hibernating")
    #expect(snapshot.totals == Self.full.totals)
  }

  @Test(arguments: ["", "[]", "{", #"{"node":"n-1"}"#, #"{"now":"yesterday","node":"n-1","version":"0"}"#])
  func `what is not a snapshot is refused`(text: String) {
    #expect(throws: JSONError.self) { try StatusSnapshot(json: Array(text.utf8)) }
  }
}
