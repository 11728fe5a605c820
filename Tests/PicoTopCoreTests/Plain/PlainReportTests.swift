import PicoCore
import PicoStatus
import Testing

@testable import PicoTopCore

@Suite struct PlainReportTests {
  private static let clock = Timestamp(seconds: 1_800_000_000)

  /// A report on one server that has sent these rows.
  private func report(
    _ format: PlainFormat, rows: [EndpointRow], filter: String? = nil, sort: String? = nil, repeats: Bool = false,
    columns: [String]? = nil
  ) throws -> PlainReport {
    var options = AppOptions(servers: ["a:1"])
    options.startFilter = filter
    options.startSort = sort
    var settings = TopSettings()
    if let columns { settings.columns["endpoints"] = columns }
    var report = try PlainReport(options: options, settings: settings, format: format, repeats: repeats)
    _ = report.handle(.connection(.connected, server: 0), at: .zero)
    let hello = Hello(node: "n-1", version: "1", role: .viewer, now: Self.clock)
    let effects = report.handle(.message(.hello(hello), server: 0), at: .zero)
    guard case .send(.subscribe(let subscription), server: 0)? = effects.first, effects.count == 1 else {
      Issue.record("\(effects)")
      return report
    }
    #expect(!report.isLive(0, at: .zero))
    var tables = TableChanges()
    tables.endpoints = rows.map { RowChange($0) }
    let snapshot = Snapshot(id: subscription.id, sequence: 1, now: Self.clock, total: rows.count, tables: tables)
    _ = report.handle(.message(.snapshot(snapshot), server: 0), at: .zero)
    #expect(report.isLive(0, at: .zero))
    return report
  }

  private func row(_ id: String, rate: Double) -> EndpointRow {
    var row = EndpointRow(blank: id)
    row.requestRate = rate
    return row
  }

  private func text(_ report: PlainReport) -> String {
    var report = report
    return String(decoding: report.text(at: .zero, wall: Self.clock), as: UTF8.self)
  }

  /// The row of a line of JSON.
  private func read(_ line: String) throws -> EndpointRow {
    var reader = JSONReader(Array(line.utf8))
    return try EndpointRow(from: &reader)
  }

  @Test func `columns are as wide as they need to be, figures at the right`() throws {
    let report = try report(
      .table, rows: [row("a", rate: 5), row("a-longer-name", rate: 1200)], columns: ["name", "rate"])
    #expect(text(report) == "ENDPOINT       REQ/S\na-longer-name   1.2k\na               5.00\n")
  }

  @Test func `filter and order hold`() throws {
    let report = try report(
      .csv, rows: [row("b", rate: 20), row("a", rate: 30), row("c", rate: 1)], filter: "rate>10", sort: "name", columns: ["name", "rate"])
    #expect(text(report) == "name,rate\na,30\nb,20\n")
  }

  @Test func `blocks say what the time is, and CSV has one header`() throws {
    var csv = try report(.csv, rows: [row("a", rate: 1)], repeats: true, columns: ["name", "rate"])
    #expect(String(decoding: csv.text(at: .zero, wall: Self.clock), as: UTF8.self) == "time,name,rate\n2027-01-15T08:00:00.000Z,a,1\n")
    #expect(String(decoding: csv.text(at: .zero, wall: Self.clock), as: UTF8.self) == "2027-01-15T08:00:00.000Z,a,1\n")
    let table = try report(.table, rows: [], repeats: true, columns: ["name"])
    #expect(text(table) == "2027-01-15T08:00:00.000Z\nENDPOINT\n")
  }

  @Test func `rows of a server that is lost are not printed`() throws {
    var report = try report(.csv, rows: [row("a", rate: 1)], columns: ["name"])
    _ = report.handle(.connection(.lost(reason: "gone", retrySeconds: 1), server: 0), at: .seconds(1))
    #expect(!report.isLive(0, at: .seconds(1)))
    #expect(text(report) == "name\n")
  }

  @Test func `JSON reads back, and lines keep every member`() throws {
    var whole = row("a", rate: 2.5)
    whole.tenant = "acme"
    let lines = try report(.ndjson, rows: [whole])
    #expect(try read(text(lines)) == whole)
    #expect(text(lines).contains("\"server\":\"a:1\""))
    let document = try text(report(.json, rows: [whole]))
    #expect(document.hasPrefix("{\"servers\":[{\"server\":\"a:1\",\"node\":\"n-1\"") && document.hasSuffix("]}]}\n"))
  }

  @Test(arguments: PlainFormat.allCases) func `no name reaches the terminal as anything but text`(_ format: PlainFormat) throws {
    let name = "e\u{1B}[2J\u{9B}5n\u{202E}\u{E0041},\"\n"
    var evil = row(name, rate: 1)
    evil.tenant = name
    let text = try text(report(format, rows: [evil], columns: ["name", "tenant"]))
    #expect(!text.unicodeScalars.contains { $0.isUnsafeToDisplay && $0 != "\n" }, "\(text)")
    if format == .ndjson { #expect(try read(text).tenant == name) }
  }

  @Test(arguments: [("rate>", nil, "--filter"), (nil, "nonsense", "--sort")] as [(String?, String?, String)])
  func `what cannot be read names its flag`(_ filter: String?, _ sort: String?, _ flag: String) {
    #expect {
      _ = try report(.table, rows: [], filter: filter, sort: sort)
    } throws: {
      "\($0)".hasPrefix(flag)
    }
  }
}
