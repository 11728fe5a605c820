package import PicoCore
internal import PicoTracing

extension MetricsReport {
  /// The body of `/metrics`. `usage` is of this process; without it the `process_` families are left out.
  package func prometheusText(usage: ProcessUsage?) -> String {
    var output = PrometheusText()
    output.family("pico_build_info", .gauge, help: "Always 1; the label holds the version.")
    output.sample("pico_build_info", labels: [("version", PicoVersion.current)], 1)
    output.family("pico_proxy_requests_total", .counter, help: "Requests by the status and method of their response head.")
    for request in requests {
      let labels = [("status", String(request.status)), ("method", request.method)]
      output.sample("pico_proxy_requests_total", labels: (request.endpoint.map { [("endpoint", $0)] } ?? []) + labels, request.count)
    }
    output.histogram(
      "pico_proxy_request_duration_seconds", help: "From the request head to the response head.", requestDuration)
    output.gauge("pico_proxy_requests_in_flight", help: "Requests that have begun and not ended.", requestsInFlight)
    output.counter("pico_proxy_request_bytes_total", help: "Request body bytes from downstream.", requestBytes)
    output.counter("pico_proxy_response_bytes_total", help: "Response body bytes to downstream.", responseBytes)
    output.counter("pico_proxy_retries_total", help: "Requests that were given to another listener.", retries)
    output.counter("pico_proxy_retries_refused_total", help: "Retries that the budget did not allow.", refusedRetries)
    output.family("pico_proxy_errors_total", .counter, help: "Errors that Pico itself answered or logged, by code.")
    for error in errors {
      output.sample("pico_proxy_errors_total", labels: [("code", error.code)], error.count)
    }
    output.family("pico_limit_refusals_total", .counter, help: "Answers 429, by the key of the limit.")
    for limit in limits { output.sample("pico_limit_refusals_total", labels: [("limit", limit.code)], limit.count) }
    output.family("pico_connections_refused_total", .counter, help: "Connections that were closed before a byte was read.")
    for refused in refusedConnections {
      output.sample("pico_connections_refused_total", labels: [("port", refused.port), ("reason", refused.reason)], refused.count)
    }
    output.family("pico_tls_handshake_failures_total", .counter, help: "TLS handshakes that came to nothing, by port and reason.")
    for failure in handshakeFailures {
      output.sample("pico_tls_handshake_failures_total", labels: [("port", failure.port), ("reason", failure.reason)], failure.count)
    }
    if let cluster {
      output.family("pico_cluster_nodes", .gauge, help: "Nodes of the cluster that this one knows of, itself among them.")
      for (state, count) in [("active", cluster.active), ("draining", cluster.draining), ("unreachable", cluster.unreachable)] {
        output.sample("pico_cluster_nodes", labels: [("state", state)], count)
      }
      output.family("pico_cluster_store_stale_seconds", .gauge, help: "Since what is known was proved to be what the store holds.")
      output.sample("pico_cluster_store_stale_seconds", cluster.storeStaleSeconds)
      output.family("pico_cluster_forwarded_total", .counter, help: "Streams that were opened to listeners of other nodes.")
      for node in cluster.forwarded { output.sample("pico_cluster_forwarded_total", labels: [("node", node.node)], node.count) }
    }
    if let spans {
      output.counter("pico_tracing_spans_exported_total", help: "Spans that the collector took.", spans.exported)
      output.family("pico_tracing_spans_dropped_total", .counter, help: "Spans that nobody got.")
      for (reason, count) in [("queue-full", spans.droppedByQueue), ("export-failed", spans.droppedByExport)] {
        output.sample("pico_tracing_spans_dropped_total", labels: [("reason", reason)], count)
      }
    }
    output.gauge("pico_listeners", help: "Listeners that are registered here.", listeners)
    output.gauge("pico_endpoints", help: "Endpoints with at least one listener here.", endpoints)
    output.histogram("pico_tunnel_rtt_seconds", help: "Round trips of the pings over tunnels.", tunnelRoundTrip)
    output.gauge("pico_tunnel_streams", help: "Streams that are open over all tunnels.", tunnelStreams)
    output.health(health)
    if let usage { output.process(usage) }
    return output.text
  }
}

extension PrometheusText {
  /// The `process_` families that Prometheus client libraries agree on.
  package mutating func process(_ usage: ProcessUsage) {
    family("process_cpu_seconds_total", .counter, help: "User and system time.")
    sample("process_cpu_seconds_total", usage.cpu.inSeconds)
    gauge("process_resident_memory_bytes", help: "Resident memory.", usage.residentBytes)
    gauge("process_virtual_memory_bytes", help: "Virtual memory.", usage.virtualBytes)
    gauge("process_threads", help: "Threads.", usage.threads)
    if let open = usage.openDescriptors {
      gauge("process_open_fds", help: "Open file descriptors.", open)
    }
    gauge("process_max_fds", help: "The most file descriptors that may be open.", ProcessUsage.descriptorLimit)
    family("process_start_time_seconds", .gauge, help: "Start of the process since 1970.")
    sample("process_start_time_seconds", usage.startedAt)
  }
}
