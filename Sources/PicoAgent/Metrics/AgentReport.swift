internal import PicoClient
internal import PicoCore
internal import PicoTracing

/// What an agent counted, for whoever reads its metrics.
struct AgentReport: Sendable {
  struct Row: Sendable {
    var endpoint: String
    var upstream: String
    var tunnels: ListenerReport.Counts
    var pool = PoolReport()
  }

  var listeners: [Row]
  /// Nil when nothing is traced.
  var spans: SpanExporter.Counts?

  /// Each listener has a tunnel.
  var isReady: Bool { listeners.allSatisfy { $0.tunnels.tunnels > 0 } }

  /// The Prometheus text exposition format 0.0.4. Endpoint names hold nothing that needs an escape, upstreams may.
  func prometheus() -> String {
    var text = ""
    func family(_ name: String, _ kind: String, _ help: String, _ value: (Row) -> UInt64) {
      text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
      for row in listeners { text += "\(name){\(row.labels)} \(value(row))\n" }
    }
    family("pico_agent_tunnels", "gauge", "Tunnels that are open.") { UInt64(max(0, $0.tunnels.tunnels)) }
    family("pico_agent_tunnel_connects_total", "counter", "Tunnels opened so far.") { UInt64($0.tunnels.connects) }
    family("pico_agent_tunnel_failures_total", "counter", "Attempts to open a tunnel that failed.") { UInt64($0.tunnels.failures) }
    family("pico_agent_blocked", "gauge", "1 while an operator's block keeps the listener away.") { $0.tunnels.isBlocked ? 1 : 0 }
    family("pico_agent_streams", "gauge", "Streams that are open.") { UInt64($0.pool.active) }
    family("pico_agent_streams_total", "counter", "Streams taken.") { $0.pool.statistics.streams }
    family("pico_agent_upstream_idle_connections", "gauge", "Idle connections to the upstream.") { UInt64($0.pool.idle) }
    family("pico_agent_upstream_connects_total", "counter", "Connections to the upstream.") { $0.pool.statistics.connects }
    family("pico_agent_upstream_reuses_total", "counter", "Requests on a connection that was used before.") { $0.pool.statistics.reuses }
    family("pico_agent_cancelled_total", "counter", "Streams that ended before their response.") { $0.pool.statistics.cancelled }
    family("pico_agent_bytes_to_upstream_total", "counter", "Bytes passed to the upstream.") { $0.pool.statistics.bytesToUpstream }
    family("pico_agent_bytes_from_upstream_total", "counter", "Bytes received from the upstream.") { $0.pool.statistics.bytesFromUpstream }
    text += "# HELP pico_agent_responses_total Final responses of the upstream.\n# TYPE pico_agent_responses_total counter\n"
    for row in listeners {
      for index in 1..<6 {
        text += "pico_agent_responses_total{\(row.labels),status=\"\(index)xx\"} \(row.pool.statistics.responses[index])\n"
      }
    }
    text += "# HELP pico_agent_upstream_errors_total Exchanges that failed.\n# TYPE pico_agent_upstream_errors_total counter\n"
    for row in listeners {
      let statistics = row.pool.statistics
      for (code, count) in [
        ("connect", statistics.connectFailures), ("timeout", statistics.timeouts), ("malformed-response", statistics.malformedResponses),
        ("broken-off", statistics.brokenOff),
      ] {
        text += "pico_agent_upstream_errors_total{\(row.labels),code=\"\(code)\"} \(count)\n"
      }
    }
    if let spans { text += Self.text(spans) }
    text += "# HELP pico_build_info The version.\n# TYPE pico_build_info gauge\npico_build_info{version=\"\(PicoVersion.current)\"} 1\n"
    if let usage = ProcessUsage.current() { text += Self.process(usage) }
    return text
  }

  private static func text(_ spans: SpanExporter.Counts) -> String {
    """
    # HELP pico_tracing_spans_exported_total Spans that the collector took.
    # TYPE pico_tracing_spans_exported_total counter
    pico_tracing_spans_exported_total \(spans.exported)
    # HELP pico_tracing_spans_dropped_total Spans that nobody got.
    # TYPE pico_tracing_spans_dropped_total counter
    pico_tracing_spans_dropped_total{reason="queue-full"} \(spans.droppedByQueue)
    pico_tracing_spans_dropped_total{reason="export-failed"} \(spans.droppedByExport)

    """
  }

  private static func process(_ usage: ProcessUsage) -> String {
    func line(_ name: String, _ kind: String, _ help: String, _ value: String) -> String {
      "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n\(name) \(value)\n"
    }
    return line("process_cpu_seconds_total", "counter", "User and system time.", "\(usage.cpu.inSeconds)")
      + line("process_resident_memory_bytes", "gauge", "Resident memory.", "\(usage.residentBytes)")
      + line("process_start_time_seconds", "gauge", "When the process started, since 1970.", "\(usage.startedAt)")
      + (usage.openDescriptors.map { line("process_open_fds", "gauge", "Open file descriptors.", "\($0)") } ?? "")
      + line("process_max_fds", "gauge", "The most descriptors that may be open.", "\(ProcessUsage.descriptorLimit)")
  }
}

extension AgentReport.Row {
  fileprivate var labels: String {
    let escaped = upstream.escapedForDisplay.flatMap { $0 == "\\" || $0 == "\"" ? ["\\", $0] : [$0] }
    return "endpoint=\"\(endpoint)\",upstream=\"\(String(escaped))\""
  }
}
