package import PicoConfiguration
package import PicoCore
package import PicoTracing
package import PicoTransport

/// The options of an agent and their defaults. `AgentConfiguration+Keys.swift` gives each its key.
package struct AgentConfiguration: Sendable, Equatable {
  /// At least one, once it was read.
  package var listeners: [ListenerConfiguration] = []
  package var server = Server()
  package var metrics = Metrics()
  package var agent = Identity()
  package var tracing = TracingConfiguration()
  package var log = LogConfiguration()
  /// How long requests in flight may go on after SIGTERM.
  package var gracePeriod: Duration = .seconds(60)

  package init() {}

  /// Where the tunnels go to.
  package struct Server: Sendable, Equatable {
    package var url = BaseURL(isTLS: false, address: HostPort(host: "localhost", port: 8080))
    /// Read again before each connection.
    package var tokenFile: String?
    /// `nil` is directly: what the environment says is put in when the configuration is read.
    package var httpProxy: ProxySetting?
    package var tls = TLS()
    /// Whether the token may go in the clear to a host that is not loopback.
    package var allowPlaintextToken = false
    package var `protocol` = TunnelProtocol.pico
  }

  package struct TLS: Sendable, Equatable {
    /// A PEM file of certificate authorities; `nil` is the system's.
    package var ca: String?
    /// The name that the certificate must have; `nil` is the host.
    package var serverName: String?
    /// PEM files of what a server that asks for a certificate is shown; both or none.
    package var certificate: String?
    package var key: String?

    /// What was given, by the last word of its key.
    package var given: [(key: String, isGiven: Bool)] {
      [("ca", ca != nil), ("server-name", serverName != nil), ("cert", certificate != nil), ("key", key != nil)]
    }

    /// The last word of the key that was given without the other, and the other's.
    package var incomplete: (given: String, missing: String)? {
      switch (certificate, key) {
      case (.some, nil): ("cert", "key")
      case (nil, .some): ("key", "cert")
      default: nil
      }
    }

    package var credentials: TLSContext.Credentials? {
      guard let certificate, let key else { return nil }
      return TLSContext.Credentials(certificateFile: certificate, keyFile: key)
    }
  }

  /// What the other end of the tunnel speaks.
  package enum TunnelProtocol: String, Sendable, ConfigurationChoice {
    case pico
    /// A Piko server.
    case piko
  }

  package struct Metrics: Sendable, Equatable {
    /// `nil` serves no metrics.
    package var listen: HostPort?
  }

  package struct Identity: Sendable, Equatable {
    /// `nil` is a random one for each process.
    package var id: AgentID?
    /// Sent to the server as it is; at most 2 KiB as a whole.
    package var metadata: [MetadataEntry] = []
  }
}

/// One endpoint and the service behind it.
package struct ListenerConfiguration: Sendable, Equatable {
  /// Never the placeholder once it was read: the key is required.
  package var endpoint = ListenerConfiguration.placeholder
  package var upstream = Upstream.http(HostPort(host: "localhost", port: 80))
  /// Until the response head of the upstream; zero leaves it to the server's `proxy.timeout`.
  package var timeout: Duration = .zero
  /// What `Host` becomes; `nil` leaves it alone.
  package var hostHeader: String?
  /// Tunnels.
  package var connections = 1
  /// The share of requests in relation to other listeners of the endpoint.
  package var weight = 1
  package var health = Health()
  package var accessLog = AccessLogDestination.off
  /// Idle connections kept to the upstream, for each event loop.
  package var poolSize = 256
  /// How long such a connection is kept, unless the upstream's `Keep-Alive` says more.
  package var poolIdle: Duration = .milliseconds(1500)
  package var tls = AgentConfiguration.TLS()

  /// Checks of the upstream.
  package struct Health: Sendable, Equatable {
    /// Asked for with GET; 200 to 399 is up. `nil` only connects, if there is an interval.
    package var path: String?
    /// `nil` checks nothing.
    package var interval: Duration?
  }

  package init(endpoint: EndpointID, upstream: Upstream) {
    self.endpoint = endpoint
    self.upstream = upstream
  }

  init() {}

  private static let placeholder: EndpointID = {
    guard let id = EndpointID("endpoint") else { preconditionFailure("the placeholder is a name") }
    return id
  }()
}

/// `KEY=VALUE` of an agent's metadata.
package struct MetadataEntry: Hashable, Sendable, ConfigurationScalar {
  /// 1 to 64 of `A-Z a-z 0-9 . _ ~ -`.
  package let key: String
  package let value: String

  package static let configurationKind = "KEY=VALUE"
  package var configurationText: String { "\(key)=\(value)" }

  package init(configurationText text: String) throws(MalformedValue) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, (1...64).contains(parts[0].utf8.count), parts[0].utf8.allSatisfy(EndpointID.isNameByte) else {
      throw MalformedValue(text, isNot: "a metadata entry", like: "region=eu, zone=eu-1a")
    }
    key = String(parts[0])
    value = String(parts[1])
  }
}
