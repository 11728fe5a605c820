internal import Logging
internal import NIOCore
internal import NIOSSL
internal import PicoCore
internal import PicoTransport
internal import PicoTunnel
internal import Synchronization

/// How one port encrypts: by its files as they were when they could last be used. Each connection takes what holds when it is accepted, and
/// keeps it.
final class PortTLS: Sendable {
  private struct State {
    var files: TLSFiles.Read
    var watch: FileWatch<[FileStamp]>
    var failures = HandshakeFailures()
  }

  /// Such as `proxy.tls`.
  let key: String
  private let files: TLSFiles
  private let state: Locked<State>
  private let handshakeTimeout: TimeAmount
  private let offersHTTP2: Bool
  private let logger: Logger

  /// Nil where the port is in the clear.
  /// - Throws: ``PicoError`` `badConfiguration` that names the key and the file.
  static func open(
    _ files: TLSFiles, key: String, handshakeTimeout: Duration, offersHTTP2: Bool = false, logger: Logger
  ) throws(PicoError) -> PortTLS? {
    guard files.isOn else { return nil }
    return try PortTLS(files, key: key, handshakeTimeout: handshakeTimeout, offersHTTP2: offersHTTP2, logger: logger)
  }

  private init(_ files: TLSFiles, key: String, handshakeTimeout: Duration, offersHTTP2: Bool, logger: Logger) throws(PicoError) {
    self.files = files
    self.key = key
    self.handshakeTimeout = .nanoseconds(Int64(clamping: handshakeTimeout.inNanoseconds))
    self.offersHTTP2 = offersHTTP2
    self.logger = logger
    // Before the files are read: what changes in between is seen as a change.
    let stamps = files.stamps
    state = Locked(State(files: try files.read(key: key, offersHTTP2: offersHTTP2), watch: FileWatch(read: stamps)))
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
      NIOSSLServerHandler(context: state.withLock { $0.files.context }, configuration: options), name: EncryptionHandler.name)
    try pipeline.addHandler(
      TLSInnerHandler(timeout: handshakeTimeout, asksForCertificate: files.clientCA != nil) { [self] failure, fault, client in
        state.withLock { $0.failures.count(failure) }
        let remote = client.map(\.display) ?? ""
        logger.debug("TLS handshake failed", metadata: ["port": "\(key)", "reason": "\(fault)", "remote": "\(remote)"])
      })
    return edge
  }

  /// Of handshakes since the start.
  var failures: HandshakeFailures { state.withLock { $0.failures } }
  /// Those that new connections are shown.
  var certificates: [MetricsReport.Health.Certificate] { state.withLock { $0.files.certificates } }

  // MARK: Files that change

  /// Looks at the files, and reads them when they changed and stand still. Blocks, as the next one does.
  func look() {
    let stamps = files.stamps
    if state.withLock({ $0.watch.look(stamps) }) { read() }
  }

  /// Reads the files, whatever they are.
  func readAgain() {
    let stamps = files.stamps
    state.withLock { $0.watch.take(stamps) }
    read()
  }

  private func read() {
    do throws(PicoError) {
      let read = try files.read(key: key, offersHTTP2: offersHTTP2)
      state.withLock { $0.files = read }
      logger.notice("certificates read again", metadata: ["port": "\(key)"])
    } catch {
      logger.warning("new certificates cannot be used, the former ones stay", metadata: ["reason": "\(error)"])
    }
  }
}

extension TLSFiles {
  fileprivate var stamps: [FileStamp] { paths.map { FileStamp(path: $0) } }
}

/// The TLS of a node's ports.
struct PortsTLS: Sendable {
  let proxy: PortTLS?
  /// Nil too where requests and listeners share a socket.
  let upstream: PortTLS?
  let admin: PortTLS?
  /// Of links.
  let cluster: PortTLS?

  private var all: [PortTLS] { [proxy, upstream, admin, cluster].compactMap { $0 } }

  init(_ configuration: ServerConfiguration, logger: Logger) throws(PicoError) {
    let timeout = configuration.proxy.headTimeout
    proxy = try PortTLS.open(
      configuration.proxy.tls, key: "proxy.tls", handshakeTimeout: timeout, offersHTTP2: configuration.proxy.http2, logger: logger)
    upstream =
      configuration.sharesSocket
      ? nil : try PortTLS.open(configuration.upstream.tls, key: "upstream.tls", handshakeTimeout: timeout, logger: logger)
    admin = try PortTLS.open(configuration.admin.tls, key: "admin.tls", handshakeTimeout: timeout, logger: logger)
    cluster =
      configuration.cluster.isOn
      ? try PortTLS.open(configuration.cluster.tls, key: "cluster.tls", handshakeTimeout: timeout, logger: logger) : nil
  }

  /// Some port encrypts.
  var isOn: Bool { !all.isEmpty }

  /// As ``PortTLS/look()``, of every port.
  func look() {
    for port in all { port.look() }
  }

  func readAgain() {
    for port in all { port.readAgain() }
  }

  var certificates: [MetricsReport.Health.Certificate] { all.flatMap(\.certificates) }

  /// Every reason of every port that encrypts.
  var handshakeFailures: [MetricsReport.PortCount] {
    [("proxy", proxy), ("upstream", upstream), ("admin", admin), ("cluster", cluster)].flatMap { name, port in
      port?.failures.all.map { .init(port: name, reason: $0.reason.rawValue, count: $0.count) } ?? []
    }
  }
}
