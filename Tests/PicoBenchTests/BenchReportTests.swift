import FoundationEssentials
import PicoCore
import Testing

@testable import PicoBench

@Suite struct BenchReportTests {
  static var report: BenchReport {
    var configuration = BenchConfiguration()
    configuration.endpoint = "a"
    configuration.rate = 1000
    var counts = BenchCounts()
    for milliseconds in 1...1000 { counts.latency.record(.milliseconds(milliseconds)) }
    counts.requests = 1010
    counts.responses = 1000
    counts.responsesInTime = 990
    counts.statusClasses = [0, 0, 900, 0, 0, 100]
    counts.errors.truncated = 10
    counts.bytesReceived = 2 << 20
    var report = BenchReport(
      configuration: configuration, threads: 1, counts: counts, elapsed: .seconds(10),
      usage: BenchReport.Usage(processes: [.init(pid: 7, cpu: .milliseconds(20), residentBytes: 3 << 20)], own: .milliseconds(9900)))
    report.server = BenchReport.ServerCounts(requests: 1010, serverErrors: 100)
    return report
  }

  @Test(arguments: [
    "constant rate 1000/s", "requests/s      99\n", "responses       1000 of 1010\n", "status          2xx 900  5xx 100\n",
    "errors          truncated 10\n", "received        2 MiB, 204.8 KiB/s\n", "latency         from when it was due\n",
    "  max           1 s\n",
    "process 7       20 µs CPU/request, 0.02 s CPU, 3 MiB resident\n", "server          counted 1010 requests, 100 with 5xx\n",
    "busy 99 % of the time",
  ])
  func `the table tells`(line: String) {
    #expect(Self.report.table.contains(line), "\(Self.report.table)")
  }

  @Test func `the JSON has the same figures and percentiles within 4 percent`() throws {
    let object = try #require(try JSONReader.object(Self.report.json()))
    #expect(object["requests_per_second"] == .number(99))
    #expect(
      object["status"] == .object(["1xx": .number(0), "2xx": .number(900), "3xx": .number(0), "4xx": .number(0), "5xx": .number(100)]))
    #expect(object["cpu_us_per_request"] == .number(20))
    #expect(object["seconds"] == .number(10))
    guard case .object(let latency) = object["latency_ms"] else {
      Issue.record("no latency")
      return
    }
    #expect(Set(latency.keys) == ["p50", "p90", "p99", "p99.9", "p99.99", "max", "mean"])
    for (name, expected) in [("p50", 500.0), ("p90", 900), ("p99", 990), ("p99.9", 999), ("max", 1000)] {
      guard case .number(let value) = latency[name] else {
        Issue.record("\(name) is no number")
        continue
      }
      #expect(abs(value / expected - 1) < 0.04, "\(name) \(value)")
    }
  }

  @Test(
    arguments: [(0, "0"), (0.1234567, "0.123"), (1.5, "1.5"), (12.345, "12.35"), (123.44, "123.4"), (123, "123"), (54_321.9, "54322")]
      as [(Double, String)])
  func `numbers have the digits that count`(value: Double, text: String) {
    #expect(BenchReport.number(value) == text)
  }

  @Test(
    arguments: [(.nanoseconds(1500), "1.5 µs"), (.milliseconds(12), "12 ms"), (.milliseconds(1250), "1.25 s")] as [(Duration, String)])
  func `times have their unit`(duration: Duration, text: String) {
    #expect(BenchReport.time(duration) == text)
  }
}

/// JSON as a reader sees it.
private enum JSONReader {
  enum Value: Equatable, Decodable {
    case number(Double), text(String), array([Value]), object([String: Value]), null

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        self = .null
      } else if let value = try? container.decode(Double.self) {
        self = .number(value)
      } else if let value = try? container.decode(String.self) {
        self = .text(value)
      } else if let value = try? container.decode([Value].self) {
        self = .array(value)
      } else {
        self = .object(try container.decode([String: Value].self))
      }
    }
  }

  static func object(_ bytes: [UInt8]) throws -> [String: Value]? {
    guard case .object(let members) = try JSONDecoder().decode(Value.self, from: Data(bytes)) else { return nil }
    return members
  }
}
