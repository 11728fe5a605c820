import PicoCore
import Testing

@testable import PicoServer

/// One line of the text format, taken apart by a reader that shares nothing with the writer.
struct PrometheusSample: Equatable {
  var name: String
  var labels: [String: String]
  var value: Double

  init?(line: Substring) {
    var rest = line
    func take(while condition: (Character) -> Bool) -> String {
      let taken = rest.prefix(while: condition)
      rest = rest.dropFirst(taken.count)
      return String(taken)
    }
    let isName: (Character) -> Bool = { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
    name = take(while: isName)
    labels = [:]
    guard !name.isEmpty else { return nil }
    if rest.first == "{" {
      repeat {
        rest = rest.dropFirst()
        let label = take(while: isName)
        guard rest.hasPrefix("=\"") else { return nil }
        rest = rest.dropFirst(2)
        var value = ""
        while let next = rest.first, next != "\"" {
          rest = rest.dropFirst()
          guard next == "\\" else {
            value.append(next)
            continue
          }
          switch rest.popFirst() {
          case "n": value.append("\n")
          case "\\": value.append("\\")
          case "\"": value.append("\"")
          default: return nil
          }
        }
        rest = rest.dropFirst()
        labels[label] = value
      } while rest.first == ","
      guard rest.popFirst() == "}" else { return nil }
    }
    guard rest.popFirst() == " ", let number = Double(rest == "+Inf" ? "inf" : String(rest)) else { return nil }
    value = number
  }
}

@Suite struct PrometheusTextTests {
  static var report: MetricsReport {
    var histogram = LatencyHistogram()
    histogram.record(nanoseconds: 400_000)
    histogram.record(nanoseconds: 30_000_000, times: 2)
    histogram.record(nanoseconds: 60_000_000_000)
    var report = MetricsReport()
    report.requests = [
      .init(status: 200, method: "GET", count: 3), .init(endpoint: "a\"b\\c\nd", status: 502, method: "other", count: .max),
    ]
    report.requestDuration = HistogramReport(histogram)
    report.requestsInFlight = 7
    report.requestBytes = 1000
    report.responseBytes = 2000
    report.retries = 5
    report.errors = [.init(code: "no-available-upstreams", count: 9)]
    report.limits = [.init(code: "proxy.rate-limit", count: 6)]
    report.refusedConnections = [.init(port: "admin", reason: "address-not-permitted", count: 8)]
    report.handshakeFailures = [
      .init(port: "proxy", reason: "timeout", count: 6), .init(port: "admin", reason: "timeout", count: 0),
    ]
    report.listeners = 2
    report.endpoints = 1
    report.tunnelStreams = 4
    report.refusedRetries = 3
    report.health.isReady = false
    report.health.connections = 11
    report.health.maxConnections = 12
    report.health.bufferedBytes = 13
    report.health.maxBufferedBytes = 14
    report.health.memoryLimitBytes = 15
    report.health.certificates = [.init(key: "proxy.tls", expiry: 1_900_000_000)]
    report.health.keySources = [.init(section: "admin.auth", keys: 16, isFailing: true)]
    return report
  }

  static func samples(_ text: String) throws -> [PrometheusSample] {
    try text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
      try #require(PrometheusSample(line: line), "\(line)")
    }
  }

  @Test(
    arguments: [
      ("pico_proxy_requests_total", ["status": "200", "method": "GET"], 3),
      ("pico_proxy_requests_total", ["endpoint": "a\"b\\c\nd", "status": "502", "method": "other"], 0x1p64),
      ("pico_proxy_request_duration_seconds_bucket", ["le": "0.0005"], 1),
      ("pico_proxy_request_duration_seconds_bucket", ["le": "0.025"], 1),
      ("pico_proxy_request_duration_seconds_bucket", ["le": "0.05"], 3),
      ("pico_proxy_request_duration_seconds_bucket", ["le": "30"], 3),
      ("pico_proxy_request_duration_seconds_bucket", ["le": "+Inf"], 4),
      ("pico_proxy_request_duration_seconds_count", [:], 4),
      ("pico_proxy_request_duration_seconds_sum", [:], 60.0604),
      ("pico_proxy_requests_in_flight", [:], 7), ("pico_proxy_request_bytes_total", [:], 1000),
      ("pico_proxy_response_bytes_total", [:], 2000), ("pico_proxy_retries_total", [:], 5),
      ("pico_proxy_errors_total", ["code": "no-available-upstreams"], 9),
      ("pico_limit_refusals_total", ["limit": "proxy.rate-limit"], 6),
      ("pico_connections_refused_total", ["port": "admin", "reason": "address-not-permitted"], 8), ("pico_listeners", [:], 2),
      ("pico_endpoints", [:], 1),
      ("pico_tls_handshake_failures_total", ["port": "proxy", "reason": "timeout"], 6),
      ("pico_tls_handshake_failures_total", ["port": "admin", "reason": "timeout"], 0),
      ("pico_proxy_retries_refused_total", [:], 3), ("pico_ready", [:], 0), ("pico_connections", [:], 11),
      ("pico_connections_limit", [:], 12), ("pico_tunnel_buffered_bytes", [:], 13), ("pico_tunnel_buffered_limit_bytes", [:], 14),
      ("pico_memory_limit_bytes", [:], 15),
      ("pico_tls_certificate_expiry_timestamp_seconds", ["certificate": "proxy.tls"], 1_900_000_000),
      ("pico_auth_keys", ["source": "admin.auth"], 16), ("pico_auth_key_source_failing", ["source": "admin.auth"], 1),
      ("pico_tunnel_streams", [:], 4), ("pico_tunnel_rtt_seconds_count", [:], 0), ("pico_build_info", ["version": PicoVersion.current], 1),
    ] as [(String, [String: String], Double)])
  func `a counter is read back as it was`(name: String, labels: [String: String], value: Double) throws {
    let samples = try Self.samples(Self.report.prometheusText(usage: nil)).filter { $0.name == name && $0.labels == labels }
    #expect(samples.count == 1)
    #expect(abs((samples.first?.value ?? .nan) - value) < 1e-9 * max(1, value))
  }

  @Test func `every sample stands behind the type of its family and no series comes twice`() throws {
    let text = Self.report.prometheusText(usage: ProcessUsage.current())
    var family = ""
    var families: Set<String> = []
    var series: [PrometheusSample] = []
    for line in text.split(separator: "\n") {
      if line.hasPrefix("# TYPE ") {
        family = String(line.split(separator: " ")[2])
        #expect(families.insert(family).inserted, "\(family) comes twice")
      } else if !line.hasPrefix("# HELP ") {
        var sample = try #require(PrometheusSample(line: line), "\(line)")
        sample.value = 0
        #expect(["", "_bucket", "_sum", "_count"].map { family + $0 }.contains(sample.name), "\(line)")
        #expect(!series.contains(sample), "\(line)")
        series.append(sample)
      }
    }
    #expect(text.hasSuffix("\n"))
  }

  @Test(arguments: [
    "process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds", "process_max_fds",
    "process_start_time_seconds", "process_threads",
  ])
  func `the process has its metrics`(name: String) throws {
    let samples = try Self.samples(MetricsReport().prometheusText(usage: ProcessUsage.current()))
    #expect((samples.first { $0.name == name }?.value ?? 0) > 0)
  }

  @Test func `buckets never fall`() throws {
    var histogram = LatencyHistogram()
    for exponent in 0..<40 { histogram.record(nanoseconds: 1 << UInt64(exponent)) }
    let report = HistogramReport(histogram)
    var last: UInt64 = 0
    for (_, count) in report.buckets {
      #expect(count >= last)
      last = count
    }
    #expect(report.count >= last)
    #expect(report.count == 40)
  }
}
