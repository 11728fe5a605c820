extension MetricsReport {
  /// How far a node is from what it cannot pass, and what will end it if nobody acts: what alerts look at.
  package struct Health: Equatable, Sendable {
    /// As `/ready` says.
    package var isReady = true
    /// Open on the proxy and the upstream port together, and how many there may be.
    package var connections = 0
    package var maxConnections = 0
    /// Unread in all tunnels, and at how many new requests are refused.
    package var bufferedBytes = 0
    package var maxBufferedBytes = 0
    /// The least of what the machine has and what the control group allows.
    package var memoryLimitBytes = 0
    package var certificates: [Certificate] = []
    package var keySources: [KeySource] = []

    package init() {}

    /// A certificate that a port shows, with those that lead to its authority.
    package struct Certificate: Equatable, Sendable {
      /// What names it in the configuration: `proxy.tls`, `proxy.tls.certificates[0]`.
      package var key: String
      /// The first moment at which one of them does not hold any more, in seconds since 1970.
      package var expiry: Int64
    }

    /// Keys that come from one place of the configuration.
    package struct KeySource: Equatable, Sendable {
      /// `proxy.auth`, `proxy.auth.issuers[0]`.
      package var section: String
      /// Those that count now.
      package var keys: Int
      /// The files or the key set could not be read when that was tried last.
      package var isFailing: Bool
    }
  }
}

extension PrometheusText {
  mutating func health(_ health: MetricsReport.Health) {
    gauge("pico_ready", help: "1 while the node wants new requests, as /ready says.", health.isReady ? 1 : 0)
    gauge("pico_connections", help: "Open connections of the proxy and the upstream port.", health.connections)
    gauge("pico_connections_limit", help: "The most connections of the two ports.", health.maxConnections)
    gauge("pico_tunnel_buffered_bytes", help: "Bytes that wait in tunnels for their reader.", health.bufferedBytes)
    gauge("pico_tunnel_buffered_limit_bytes", help: "Waiting bytes at which new requests are refused.", health.maxBufferedBytes)
    gauge("pico_memory_limit_bytes", help: "What the machine and the control group let the process have.", health.memoryLimitBytes)
    family("pico_tls_certificate_expiry_timestamp_seconds", .gauge, help: "When a certificate that is shown ends, since 1970.")
    for certificate in health.certificates {
      sample("pico_tls_certificate_expiry_timestamp_seconds", labels: [("certificate", certificate.key)], certificate.expiry)
    }
    family("pico_auth_keys", .gauge, help: "Keys that count, by the section of the configuration that they come from.")
    for source in health.keySources { sample("pico_auth_keys", labels: [("source", source.section)], source.keys) }
    family("pico_auth_key_source_failing", .gauge, help: "1 while a key file or key set cannot be read again.")
    for source in health.keySources {
      sample("pico_auth_key_source_failing", labels: [("source", source.section)], source.isFailing ? 1 : 0)
    }
  }
}
