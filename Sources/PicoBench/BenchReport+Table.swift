internal import PicoCore

extension BenchReport {
  /// For a terminal: one fact a line, the line end included.
  package var table: String {
    let rate = configuration.rate.map { "constant rate \(Self.number($0))/s" } ?? "closed loop"
    let endpoint = configuration.endpoint.map { " endpoint \($0)" } ?? ""
    var lines = [
      "\(configuration.method) \(configuration.url)\(endpoint): "
        + "\(configuration.connections) connections, \(threads) \(threads == 1 ? "thread" : "threads"), \(rate), "
        + "\(Self.number(elapsed.inSeconds)) s",
      "",
      Self.row("requests/s", Self.number(requestsPerSecond)),
      Self.row("responses", "\(counts.responses) of \(counts.requests)"),
    ]
    let classes = counts.statusClasses.enumerated().filter { $0.offset > 0 && $0.element > 0 }
    lines.append(Self.row("status", classes.isEmpty ? "none" : classes.map { "\($0.offset)xx \($0.element)" }.joined(separator: "  ")))
    lines.append(Self.row("errors", counts.errors.total == 0 ? "none" : errorWords))
    lines.append(
      Self.row("received", "\(Self.bytes(Double(counts.bytesReceived))), \(Self.bytes(bytesReceivedPerSecond))/s")
    )
    lines.append(Self.row("sent", "\(Self.bytes(Double(counts.bytesSent))), \(Self.bytes(bytesSentPerSecond))/s"))
    lines.append("")
    let basis = configuration.rate == nil ? "from sending" : "from when it was due"
    lines.append(Self.row("latency", basis))
    for percent in Self.percentiles {
      lines.append(Self.row("  p\(Self.number(percent))", Self.time(counts.latency.percentile(percent))))
    }
    lines.append(Self.row("  max", Self.time(counts.latency.max)))
    lines.append(Self.row("  mean", Self.time(counts.latency.mean)))
    if !usage.processes.isEmpty {
      lines.append("")
      for process in usage.processes {
        let cpu = process.cpu.map { "\(Self.number(cpuPerRequest($0))) µs CPU/request, \(Self.number($0.inSeconds)) s CPU" } ?? "has gone"
        let memory = process.residentBytes.map { ", \(Self.bytes(Double($0))) resident" } ?? ""
        lines.append(Self.row("process \(process.pid)", cpu + memory))
      }
      let sum = usage.processes.compactMap(\.cpu).reduce(.zero, +)
      if usage.processes.count > 1 {
        lines.append(Self.row("together", "\(Self.number(cpuPerRequest(sum))) µs CPU/request"))
      }
    }
    if let server {
      lines.append("")
      lines.append(Self.row("server", "counted \(server.requests) requests, \(server.serverErrors) with 5xx"))
    }
    if ownLoad > 0.95, !usage.processes.contains(where: { $0.pid == ProcessUsage.ownID }) {
      lines.append("")
      lines.append("the load generator was busy \(Self.number(ownLoad * 100)) % of the time: this may be its limit; try more --threads")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private var errorWords: String {
    let errors = counts.errors
    let all = [
      ("connect", errors.connect), ("timeout", errors.timeout), ("closed", errors.closed), ("truncated", errors.truncated),
      ("malformed", errors.malformed), ("unsent", errors.unsent),
    ]
    return all.filter { $0.1 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: "  ")
  }

  private static func row(_ name: String, _ value: String) -> String {
    name + String(repeating: " ", count: max(1, 16 - name.count)) + value
  }

  /// Three digits that count, and no `.0`.
  static func number(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    let size = abs(value)
    let scale: Double = size >= 100 ? (size < 1000 && size != size.rounded() ? 10 : 1) : size >= 10 ? 100 : 1000
    let rounded = (value * scale).rounded() / scale
    return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
  }

  static func time(_ duration: Duration) -> String {
    let nanoseconds = Double(duration.nanoseconds)
    if nanoseconds < 1e6 { return "\(number(nanoseconds / 1e3)) µs" }
    return nanoseconds < 1e9 ? "\(number(nanoseconds / 1e6)) ms" : "\(number(nanoseconds / 1e9)) s"
  }

  static func bytes(_ value: Double) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = value
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return "\(number(value)) \(units[unit])"
  }
}
