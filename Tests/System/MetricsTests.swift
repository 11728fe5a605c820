import Support
import Testing

extension SystemTests {
  @Suite struct Metrics {
    /// What the status of a node is promised to hold, and whether this traffic makes it rise.
    static let promised: [(name: String, rises: Bool)] = [
      ("pico_proxy_requests_total", true), ("pico_proxy_request_duration_seconds_bucket", true),
      ("pico_proxy_request_duration_seconds_sum", true), ("pico_proxy_request_duration_seconds_count", true),
      ("pico_proxy_requests_in_flight", false), ("pico_proxy_request_bytes_total", true), ("pico_proxy_response_bytes_total", true),
      ("pico_proxy_retries_total", false), ("pico_proxy_retries_refused_total", false), ("pico_proxy_errors_total", true),
      ("pico_limit_refusals_total", true), ("pico_connections_refused_total", false), ("pico_tls_handshake_failures_total", true),
      ("pico_listeners", true), ("pico_endpoints", true), ("pico_tunnel_rtt_seconds_bucket", true), ("pico_tunnel_rtt_seconds_sum", true),
      ("pico_tunnel_rtt_seconds_count", true), ("pico_tunnel_streams", false), ("pico_cluster_nodes", true),
      ("pico_cluster_store_stale_seconds", true), ("pico_cluster_forwarded_total", true), ("pico_build_info", true), ("pico_ready", true),
      ("pico_connections", true), ("pico_connections_limit", true), ("pico_tunnel_buffered_bytes", false),
      ("pico_tunnel_buffered_limit_bytes", true), ("pico_memory_limit_bytes", true),
      ("pico_tls_certificate_expiry_timestamp_seconds", true), ("pico_auth_keys", true), ("pico_auth_key_source_failing", false),
      ("process_cpu_seconds_total", true),
      ("process_resident_memory_bytes", true), ("process_virtual_memory_bytes", true), ("process_threads", true),
      ("process_open_fds", true), ("process_max_fds", true), ("process_start_time_seconds", true),
    ]

    @Test func `everything that is promised is there, and rises with traffic`() async throws {
      let cluster = try await ObservedCluster.shared.value
      for (name, rises) in Self.promised {
        let all = cluster.node + cluster.otherNode
        #expect(ObservedCluster.names(all).contains(name), "\(name)")
        if rises { #expect(ObservedCluster.sum(name, in: all) > 0, "\(name)") }
      }
      // The endpoint has its name where its clients come in, and its listener where it is.
      #expect(ObservedCluster.sum("pico_proxy_requests_total{endpoint=\"web\",status=\"200\",method=\"GET\"}", in: cluster.node) > 0)
      #expect(cluster.otherNode.contains("pico_endpoints 1\n"))
      #expect(ObservedCluster.sum("pico_proxy_errors_total{code=\"no-available-upstreams\"}", in: cluster.node) > 0)
    }

    @Test func `promtool has nothing to say about any of it`() async throws {
      let cluster = try await ObservedCluster.shared.value
      for (name, text) in [("node", cluster.node), ("other-node", cluster.otherNode), ("agent", cluster.agent)] {
        let file = try cluster.stage.directory.write("\(name).metrics", text)
        let result = try await cluster.stage.run("promtool", ["sh", "-c", "promtool check metrics < \"$0\"", file])
        #expect(result.code == 0 && result.output.isEmpty && result.error.isEmpty, "\(name): \(result)")
      }
      // It would say something.
      let bad = try cluster.stage.directory.write("bad.metrics", cluster.node.replacing("process_threads", with: "process_threads_total"))
      #expect(try await cluster.stage.run("promtool", ["sh", "-c", "promtool check metrics < \"$0\"", bad]).code != 0)
    }

    @Test func `docs-metrics knows every metric, and no other`() async throws {
      let cluster = try await ObservedCluster.shared.value
      let page = readFile("\(Stage.root)/docs/metrics.md")
      let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }
      let documented = Set(rows.compactMap { $0.firstMatch(of: #/^\| `([a-z_]+)/#).map { String($0.output.1) } })
      let families = [cluster.node, cluster.otherNode, cluster.agent].flatMap { $0.split(separator: "\n") }
        .filter { $0.hasPrefix("# TYPE ") }.map { String($0.split(separator: " ")[2]) }
      #expect(documented == Set(families))
    }
  }
}
