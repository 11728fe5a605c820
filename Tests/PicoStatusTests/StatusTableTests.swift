import PicoCore
import Testing

@testable import PicoStatus

@Suite struct StatusTableTests {
  static let snapshot = StatusSnapshot(
    now: Timestamp(milliseconds: 100_000_000), node: "n-1", version: "0.1.0",
    nodes: [
      NodeRow(
        id: "n-1", address: "127.0.0.1:8080", version: "0.1.0", state: .active, startedAt: Timestamp(milliseconds: 100_000_000 - 3_720_000),
        listeners: 2, endpoints: 2, requestRate: 1234.5, inFlight: 3, cpu: 0.256, rssBytes: 12 << 20, connected: true),
      NodeRow(
        id: "n-22", address: "[::1]:8080", version: "0.1.0", state: .draining, startedAt: Timestamp(milliseconds: 99_990_000),
        connected: false),
    ],
    endpoints: [
      EndpointRow(id: "a", listeners: 12, nodes: 1, requestRate: 0.125, latency: LatencySummary(p50: 1.5, p99: 99.96)),
      EndpointRow(id: "long-name", listeners: 1, nodes: 1, bytesOutRate: 1536),
    ],
    listeners: [
      ListenerRow(
        id: "l-1", endpoint: "a", node: "n-1", agent: "evil\u{1B}[2J\u{202E}", remoteAddress: "10.0.0.1:5",
        connectedAt: Timestamp(milliseconds: 99_999_000), roundTrip: 0.25),
      ListenerRow(id: "l-2", endpoint: "a", node: "n-1", remoteAddress: "10.0.0.2:5", connectedAt: Timestamp(milliseconds: 0)),
    ],
    totals: TotalsRow(listeners: 2, endpoints: 2, inFlight: 3, requestsTotal: 9, requestRate: 12.34, errorRate: 0))

  @Test func `columns stand below each other, figures at the right`() {
    #expect(
      Self.snapshot.endpointsTable == """
        ENDPOINT   LISTENERS  NODES  IN FLIGHT  REQUESTS  REQ/S  ERR/S  P50 MS  P99 MS  IN/S    OUT/S
        a                 12      1          0         0   0.13      0     1.5     100   0 B      0 B
        long-name          1      1          0         0      0      0       0       0   0 B  1.5 KiB

        """)
  }

  @Test func `a node that cannot be reached says so`() {
    #expect(
      Self.snapshot.nodesTable == """
        NODE  ADDRESS         VERSION  STATE          UP  LISTENERS  ENDPOINTS  IN FLIGHT  REQ/S   CPU     RSS
        n-1   127.0.0.1:8080  0.1.0    active       1h2m          2          2          3   1235  0.26  12 MiB
        n-22  [::1]:8080      0.1.0    unreachable   10s          0          0          0      0     0     0 B

        """)
  }

  @Test func `what an agent says of itself cannot move the cursor`() {
    let table = Self.snapshot.listenersTable
    #expect(table.contains(#"evil\u{1b}[2J\u{202e}  10.0.0.1:5 "#), "\(table)")
    #expect(!table.unicodeScalars.contains("\u{1B}"))
    #expect(table.contains("0.25"))
    #expect(table.split(separator: "\n").last?.contains("     -  ") == true, "\(table)")
  }

  @Test func `tenants have a column only when there are any`() {
    #expect(!Self.snapshot.endpointsTable.contains("TENANT"))
    var snapshot = Self.snapshot
    snapshot.endpoints[0].tenant = "acme"
    #expect(snapshot.endpointsTable.hasPrefix("TENANT  ENDPOINT"))
  }

  @Test func `sums are one line`() {
    #expect(
      Self.snapshot.totalsText
        == "2 endpoints, 2 listeners, 3 requests in flight, 12.3 requests/s, 0 errors/s, 9 requests in all\n")
  }

  @Test func `one thing is no plural, and none is`() {
    var snapshot = Self.snapshot
    snapshot.totals.endpoints = 1
    snapshot.totals.listeners = 1
    snapshot.totals.inFlight = 1
    snapshot.totals.requestsTotal = 1
    #expect(snapshot.totalsText == "1 endpoint, 1 listener, 1 request in flight, 12.3 requests/s, 0 errors/s, 1 request in all\n")
    snapshot.totals.listeners = 0
    #expect(snapshot.totalsText.hasPrefix("1 endpoint, 0 listeners, "))
  }

  @Test func `an empty table is its header`() {
    let empty = StatusSnapshot(now: Timestamp(milliseconds: 0), node: "n-1", version: "0")
    #expect(empty.endpointsTable.split(separator: "\n").count == 1)
  }
}
