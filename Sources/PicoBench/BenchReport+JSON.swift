internal import FoundationEssentials
internal import PicoCore

extension BenchReport {
  /// One JSON object, UTF-8 and a line end: latencies in milliseconds, CPU in microseconds for each response.
  package func json() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return Array(try encoder.encode(Document(self))) + [UInt8(ascii: "\n")]
  }

  private struct Document: Encodable {
    var url: String
    var method: String
    var endpoint: String?
    var connections: Int
    var threads: Int
    var rate: Double?
    var body_bytes: Int
    var seconds: Double
    var requests: UInt64
    var responses: UInt64
    var requests_per_second: Double
    var status: [String: UInt64]
    var errors: BenchCounts.Errors
    var bytes_received: UInt64
    var bytes_sent: UInt64
    var bytes_received_per_second: Double
    var bytes_sent_per_second: Double
    var latency_ms: [String: Double]
    var processes: [Process]
    var cpu_us_per_request: Double?
    var generator_cpu_us_per_request: Double
    var generator_load: Double
    var server: Server?

    struct Process: Encodable {
      var pid: Int32
      var cpu_seconds: Double?
      var cpu_us_per_request: Double?
      var rss_bytes: UInt64?
    }

    struct Server: Encodable {
      var requests: UInt64
      var status_5xx: UInt64
    }

    init(_ report: BenchReport) {
      let configuration = report.configuration
      let counts = report.counts
      url = configuration.url
      method = configuration.method
      endpoint = configuration.endpoint
      connections = configuration.connections
      threads = report.threads
      rate = configuration.rate
      body_bytes = configuration.bodyBytes
      seconds = report.elapsed.inSeconds
      requests = counts.requests
      responses = counts.responses
      requests_per_second = report.requestsPerSecond
      status = Dictionary(uniqueKeysWithValues: (1...5).map { ("\($0)xx", counts.statusClasses[$0]) })
      errors = counts.errors
      bytes_received = counts.bytesReceived
      bytes_sent = counts.bytesSent
      bytes_received_per_second = report.bytesReceivedPerSecond
      bytes_sent_per_second = report.bytesSentPerSecond
      latency_ms = ["max": counts.latency.max.inMilliseconds, "mean": counts.latency.mean.inMilliseconds]
      for percent in BenchReport.percentiles {
        latency_ms["p\(BenchReport.number(percent))"] = counts.latency.percentile(percent).inMilliseconds
      }
      processes = report.usage.processes.map { process in
        Process(
          pid: process.pid, cpu_seconds: process.cpu?.inSeconds, cpu_us_per_request: process.cpu.map(report.cpuPerRequest),
          rss_bytes: process.residentBytes)
      }
      let sum = report.usage.processes.compactMap(\.cpu).reduce(.zero, +)
      cpu_us_per_request = processes.isEmpty ? nil : report.cpuPerRequest(sum)
      generator_cpu_us_per_request = report.cpuPerRequest(report.usage.own)
      generator_load = report.ownLoad
      server = report.server.map { Server(requests: $0.requests, status_5xx: $0.serverErrors) }
    }
  }
}
