internal import Logging
internal import NIOCore
internal import NIOSSL
internal import PicoCore
internal import PicoTransport
internal import PicoTunnel
internal import Synchronization

/// How one port encrypts. Each connection takes what holds when it is accepted, and keeps it.
final class PortTLS: Sendable {
  /// Such as `proxy.tls`.
  let key: String
  private let current: Locked<NIOSSLContext>
  private let handshakeTimeout: TimeAmount
  private let logger: Logger

  /// Nil where the port is in the clear.
  /// - Throws: ``PicoError`` `badConfiguration` that names the key and the file.
  static func open(_ files: TLSFiles, key: String, handshakeTimeout: Duration, logger: Logger) throws(PicoError) -> PortTLS? {
    guard files.isOn else { return nil }
    return PortTLS(
      key: key, context: try files.makeContext(key: key),
      handshakeTimeout: .nanoseconds(Int64(clamping: handshakeTimeout.inNanoseconds)), logger: logger)
  }

  private init(key: String, context: NIOSSLContext, handshakeTimeout: TimeAmount, logger: Logger) {
    self.key = key
    self.logger = logger
    self.handshakeTimeout = handshakeTimeout
    current = Locked(context)
  }

  /// Puts TLS at the end of the pipeline.
  func secure(_ channel: any Channel) throws -> TLSEdge {
    var options = NIOSSLHandler.Configuration()
    // What a large response made of the buffer would stay with the connection.
    options.maximumPreservedOutboundBufferCapacity = 64 << 10
    let edge = TLSEdge()
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(edge)
    try pipeline.addHandler(
      NIOSSLServerHandler(context: current.withLock { $0 }, configuration: options), name: EncryptionHandler.name)
    try pipeline.addHandler(
      TLSInnerHandler(timeout: handshakeTimeout) { [logger, key] fault, client in
        let remote = client.map(\.display) ?? ""
        logger.debug("TLS handshake failed", metadata: ["port": "\(key)", "reason": "\(fault)", "remote": "\(remote)"])
      })
    return edge
  }
}

/// The TLS of a node's ports.
struct PortsTLS: Sendable {
  let proxy: PortTLS?
  /// Nil too where requests and listeners share a socket.
  let upstream: PortTLS?
  let admin: PortTLS?

  var all: [PortTLS] { [proxy, upstream, admin].compactMap { $0 } }

  init(_ configuration: ServerConfiguration, logger: Logger) throws(PicoError) {
    let timeout = configuration.proxy.headTimeout
    proxy = try PortTLS.open(configuration.proxy.tls, key: "proxy.tls", handshakeTimeout: timeout, logger: logger)
    upstream =
      configuration.sharesSocket
      ? nil : try PortTLS.open(configuration.upstream.tls, key: "upstream.tls", handshakeTimeout: timeout, logger: logger)
    admin = try PortTLS.open(configuration.admin.tls, key: "admin.tls", handshakeTimeout: timeout, logger: logger)
  }
}
