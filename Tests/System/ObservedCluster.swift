import Support

/// Two nodes, encrypted and with keys, an agent at one of them and traffic through the other: everything that the metrics can show is there.
struct ObservedCluster: Sendable {
  let stage: Stage
  /// The body of `/metrics` of the node that clients come to.
  let node: String
  /// That of the other one, which has the agent's listener.
  let otherNode: String
  /// The body of `/metrics` of the agent.
  let agent: String

  static let shared = Task { try await ObservedCluster() }

  private init() async throws {
    let stage = try Stage()
    self.stage = stage
    let authority = try TestAuthority(in: stage.directory)
    let credentials = try authority.issue("node")
    let secret = try stage.directory.write("secret", String(repeating: "s3cret-", count: 9))
    let etcd = try await EtcdServers(on: stage)
    let (ports, admins, links) = ((freePort(), freePort()), (freePort(), freePort()), (freePort(), freePort()))
    for (port, admin, link) in [(ports.0, admins.0, links.0), (ports.1, admins.1, links.1)] {
      try await stage.serve(
        "node-\(port)",
        [
          Stage.pico, "server", "--proxy.listen", "127.0.0.1:\(port)", "--admin.listen", "127.0.0.1:\(admin)", "--proxy.tls.cert",
          credentials.certificate, "--proxy.tls.key", credentials.key, "--admin.auth.hmac-secret-file", secret, "--metrics.endpoint-label",
          "--cluster.etcd", "http://127.0.0.1:\(etcd.ports[0])", "--cluster.name", "observed", "--cluster.listen", "127.0.0.1:\(link)",
          "--cluster.secret-file", secret, "--cluster.allow-loopback", "--tunnel.ping-interval", "200ms", "--proxy.client-rate-limit", "50",
        ], port: admin)
    }
    func metrics(_ port: Int) async throws -> String {
      try await stage.run("curl", ["curl", "-sS", "--fail", "http://127.0.0.1:\(port)/metrics"]).output
    }
    try await eventually("both nodes know each other") {
      let (one, two) = (try await metrics(admins.0), try await metrics(admins.1))
      return [one, two].allSatisfy { $0.contains("pico_cluster_nodes{state=\"active\"} 2") }
    }
    let (upstream, own) = (freePort(), freePort())
    try await stage.serve("upstream", [Stage.python, client("upstream.py"), "\(upstream)", "upstream"], port: upstream)
    try await stage.serve(
      "agent",
      [
        Stage.pico, "agent", "web", "127.0.0.1:\(upstream)", "--server", "https://127.0.0.1:\(ports.1)", "--ca", authority.file,
        "--metrics.listen", "127.0.0.1:\(own)",
      ], port: own)
    func get(_ endpoint: String, _ more: [String] = []) async throws -> String {
      let url = "https://127.0.0.1:\(ports.0)/name"
      let answer = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", authority.file]
      return try await stage.run("curl", answer + ["-H", "x-pico-endpoint: \(endpoint)"] + more + [url]).output
    }
    try await eventually("a request over the hop") { try await get("web") == "200" }
    for _ in 0..<5 { _ = try await get("web", ["-d", "some bytes"]) }
    _ = try await get("nobody")
    // More at once than a client may have in a second, and one that speaks no TLS.
    _ = try await get("web", (0..<80).flatMap { _ in ["-o", "/dev/null", "https://127.0.0.1:\(ports.0)/name"] })
    _ = try await stage.run("curl", ["curl", "-s", "http://127.0.0.1:\(ports.0)/"])
    try await eventually("a ping that was answered") {
      try await metrics(admins.1).split(separator: "\n").contains { $0.hasPrefix("pico_tunnel_rtt_seconds_count ") && !$0.hasSuffix(" 0") }
    }
    node = try await metrics(admins.0)
    otherNode = try await metrics(admins.1)
    agent = try await metrics(own)
  }

  /// Names of samples, such as `pico_proxy_request_duration_seconds_bucket`.
  static func names(_ text: String) -> Set<String> {
    Set(text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { String($0.prefix { $0 != "{" && $0 != " " }) })
  }

  var names: Set<String> { [node, otherNode, agent].reduce(["up"]) { $0.union(Self.names($1)) } }

  /// The sum of all samples of a name, or the sample of a name with its labels.
  static func sum(_ series: String, in text: String) -> Double {
    text.split(separator: "\n").filter { $0.hasPrefix(series + "{") || $0.hasPrefix(series + " ") }
      .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
  }
}

/// The metrics that a text of PromQL names. What stands in quotes is none.
func metricNames(in expression: String) -> Set<String> {
  let bare = expression.replacing(#/"[^"]*"/#, with: "")
  return Set(bare.matches(of: #/\b(?:pico|process)_[a-z0-9_]+|\bup\b/#).map { String($0.output) })
}
