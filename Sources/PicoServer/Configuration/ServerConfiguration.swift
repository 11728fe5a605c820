package import PicoConfiguration
package import PicoCore
package import PicoTracing

/// The options of a node and their defaults. `ServerConfiguration+Keys.swift` gives each its key.
package struct ServerConfiguration: Sendable, Equatable {
  package var proxy = Proxy()
  package var upstream = Upstream()
  package var admin = Admin()
  package var cluster = Cluster()
  package var tunnel = Tunnel()
  package var memory = Memory()
  package var metrics = Metrics()
  package var tracing = TracingConfiguration()
  package var node = Node()
  package var log = LogConfiguration()
  package var server = Server()
  /// How long requests in flight may go on after SIGTERM.
  package var gracePeriod: Duration = .seconds(60)
  /// How long everything is still served after SIGTERM while `/ready` says 503.
  package var drainDelay: Duration = .zero

  package init() {}

  /// The port of requests.
  package struct Proxy: Sendable, Equatable {
    package var listen = HostPort(host: "localhost", port: 8080)
    /// Until the response head.
    package var timeout: Duration = .seconds(30)
    /// From the first byte of a request to the end of its head.
    package var headTimeout: Duration = .seconds(10)
    /// Between requests of a connection.
    package var idleTimeout: Duration = .seconds(660)
    /// For a client that does not send what it declared or does not take what is sent to it.
    package var bodyIdleTimeout: Duration = .seconds(60)
    package var maxHead = ByteSize.kibibytes(64)
    /// 0 is no limit.
    package var maxBody = ByteSize(bytes: 0)
    /// `nil` is 80 % of the descriptor limit.
    package var maxConnections: Int?
    /// In flight; 0 is no limit.
    package var maxRequestsPerEndpoint = 0
    /// Requests a second for one endpoint; 0 is no limit.
    package var rateLimit = 0
    /// Requests a second for one client; 0 is no limit.
    package var clientRateLimit = 0
    package var access = AddressPolicy()
    package var endpointFrom: [EndpointSource] = [.header, .host]
    /// Suffixes of `Host` below which the first label names an endpoint; empty is any.
    package var domains: [ProxyDomain] = []
    package var proxyProtocol = false
    package var trustedProxies: [AddressRange] = []
    package var accessLog = AccessLogDestination.off
    /// `nil` is that of the log.
    package var accessLogFormat: AccessLogFormat?
    package var accessLogHeaders: [HeaderName] = []
    /// Whether `Via` is added to requests and responses.
    package var via = false
    package var retryBuffer = ByteSize.kibibytes(64)
    package var http2 = true
    /// Requests at a time on one connection of HTTP/2.
    package var http2MaxStreams = 100
    package var tls = TLSFiles()
    package var auth = Authentication()
  }

  /// The port of listeners.
  package struct Upstream: Sendable, Equatable {
    /// `nil` is the same socket as the proxy port.
    package var listen: HostPort?
    /// 0 is no limit.
    package var maxListeners = 0
    /// 0 is no limit.
    package var maxListenersPerEndpoint = 0
    /// Of one identity; 0 is no limit.
    package var maxListenersPerToken = 1000
    /// A second; 0 is no limit.
    package var registrationRate = 5000
    /// A second from one address; 0 is no limit.
    package var registrationRatePerAddress = 0
    package var access = AddressPolicy()
    /// Nothing is that of the proxy port, with one socket for both.
    package var tls = TLSFiles()
    package var auth = Authentication()
  }

  /// The port of status, metrics and probes.
  package struct Admin: Sendable, Equatable {
    package var listen = HostPort(host: "localhost", port: 8081)
    /// A further port with `/health` and `/ready` only.
    package var probeListen: HostPort?
    package var allowedOrigins: [String] = []
    package var allowedHosts: [String] = []
    /// Status WebSockets at a time.
    package var maxWatchers = 64
    package var access = AddressPolicy()
    package var tls = TLSFiles()
    package var auth = Authentication()
    /// Whether `/health`, `/ready` and `/metrics` want a token too.
    package var protectsHealth = false
  }

  package struct Tunnel: Sendable, Equatable {
    package var pingInterval: Duration = .seconds(5)
    /// Without any byte for this long, the other end is gone.
    package var pingTimeout: Duration = .seconds(10)
    package var streamWindow = StreamWindow.automatic
    package var maxStreams = 1024
    /// Unread bytes of one session.
    package var maxBuffered = ByteSize.mebibytes(32)
  }

  package struct Memory: Sendable, Equatable {
    /// Unread bytes of all sessions; `nil` is a quarter of the memory limit.
    package var maxBuffered: ByteSize?
  }

  package struct Metrics: Sendable, Equatable {
    /// Whether metrics have an `endpoint` label.
    package var endpointLabel = false
  }

  package struct Node: Sendable, Equatable {
    package var idPrefix = NodePrefix(text: "n-")
  }

  package struct Server: Sendable, Equatable {
    /// Event loops; 0 is one for each core.
    package var threads = 0
  }
}
