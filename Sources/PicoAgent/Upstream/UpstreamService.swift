internal import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import PicoClient
internal import PicoCore
internal import PicoTransport
internal import PicoTunnel

/// The service behind one listener, with everything about it that can be computed once.
struct UpstreamService: Sendable {
  let configuration: ListenerConfiguration
  /// Bytes as they are instead of HTTP.
  let isRaw: Bool
  /// Requests are streams of one connection.
  let speaksHTTP2: Bool
  /// What `Host` becomes.
  let hostHeader: ByteBuffer?
  /// Nanoseconds; 0 is no limit.
  let timeout: UInt64
  let poolIdle: UInt64
  private let address: AddressConnector
  private let tls: ClientTLS?
  private let serverName: String

  static let connectTimeout = TimeAmount.seconds(5)
  /// How often certificates and authorities may be looked at: under load connections open all the time.
  private static let lookInterval = TimeAmount.seconds(1)

  /// - Parameter logger: told of certificates and authorities that changed and cannot be used.
  /// - Throws: `badConfiguration` for those that cannot be used now.
  init(_ configuration: ListenerConfiguration, logger: Logger) throws {
    self.configuration = configuration
    hostHeader = configuration.hostHeader.map { ByteBuffer(string: $0) }
    timeout = UInt64(clamping: configuration.timeout.nanoseconds)
    poolIdle = UInt64(clamping: configuration.poolIdle.nanoseconds)
    switch configuration.upstream {
    case .http(let host), .h2c(let host), .tcp(let host), .https(let host):
      address = try AddressConnector(host)
      serverName = configuration.tls.serverName ?? host.host
    case .unix(let path):
      address = try AddressConnector(unixSocket: path)
      serverName = ""
    }
    if case .tcp = configuration.upstream { isRaw = true } else { isRaw = false }
    if case .h2c = configuration.upstream { speaksHTTP2 = true } else { speaksHTTP2 = false }
    if case .https = configuration.upstream {
      tls = try ClientTLS(
        caFile: configuration.tls.ca, key: "listeners: \(configuration.endpoint): tls.ca", credentials: configuration.tls.credentials,
        interval: Self.lookInterval
      ) { error in
        logger.warning("new certificates cannot be used, the former ones stay", metadata: ["reason": "\(error)"])
      }
    } else {
      tls = nil
    }
  }

  /// What `Host` is where no request says it.
  var authority: String {
    switch configuration.upstream {
    case .http(let host), .h2c(let host): host.port == 80 ? host.host : host.description
    case .https(let host): host.port == 443 ? host.host : host.description
    case .tcp(let host): host.description
    case .unix: "localhost"
    }
  }

  var usesTLS: Bool { tls != nil }

  /// Connects with `handler` on the channel, behind TLS if the service uses it. Runs on the event loop.
  func connect(on eventLoop: any EventLoop, handler: some ChannelHandler) -> EventLoopFuture<any Channel> {
    let bound = NIOLoopBound(handler, eventLoop: eventLoop)
    let (tls, serverName) = (tls?.context(), serverName)
    return address.connect(on: eventLoop) {
      ClientBootstrap(group: eventLoop)
        .connectTimeout(Self.connectTimeout)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .channelOption(.allowRemoteHalfClosure, value: true)
        .channelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 128 << 10))
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            if let tls { try pipeline.addHandler(TLSContext.handler(tls, host: serverName), name: EncryptionHandler.name) }
            try pipeline.addHandler(bound.value)
          }
        }
    }
  }
}
