package import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import PicoCore

/// The admin port: probes, metrics and the status over HTTP/1.1 and as a WebSocket. It shares event loops with the data path, so it is small
/// and bounded: what it shows is built away from them.
package final class AdminServer: Sendable {
  package struct Settings: Sendable {
    /// Where to listen. Several that differ only in family with port 0 get one port. One is enough: families that the machine
    /// does not have are left out.
    package var addresses: [SocketAddress]
    package var policy: AdminPolicy
    /// The configuration key that an error names.
    package var key: String
    /// Bytes of a request, body and all.
    package var maximumRequestBytes = 64 * 1024
    /// From the first byte of a request to its last, and from the beginning of a connection to its first.
    package var requestTimeout = TimeAmount.seconds(10)
    /// Between requests.
    package var idleTimeout = TimeAmount.seconds(75)
    /// For one past it a connection without a whole request is closed, or itself where there is none.
    package var maximumConnections = 512
    /// Status WebSockets past it are refused with 503.
    package var maximumWatchers = 64
    /// Who may come in; nil without authentication.
    var authenticator: PortAuthenticator?
    /// Whom the port lets in; nil for everybody.
    var gate: AdminGate?
    /// Nil in the clear.
    var tls: PortTLS?

    package init(addresses: [SocketAddress], policy: AdminPolicy = AdminPolicy(), key: String = "admin.listen") {
      self.addresses = addresses
      self.policy = policy
      self.key = key
    }
  }

  /// Where it listens, with the ports that the system chose.
  package let addresses: [SocketAddress]
  private let listeners: [any Channel]
  private let connections: AdminConnections
  private let gate: AdminGate?

  private init(listeners: [any Channel], connections: AdminConnections, gate: AdminGate?) {
    self.gate = gate
    self.listeners = listeners
    self.connections = connections
    addresses = listeners.compactMap(\.localAddress)
  }

  /// Listens when it returns. Throws `PicoError` that names the key and the address: `addressInUse`, or `badConfiguration` for any
  /// other failure to bind.
  ///
  /// `publisher` serves the status WebSocket; nil where there is none.
  package static func start(
    settings: Settings, source: any AdminSource, publisher: StatusPublisher? = nil, group: any EventLoopGroup
  ) async throws -> AdminServer {
    var settings = settings
    settings.policy.isLoopback = settings.addresses.allSatisfy(\.isLoopback)
    let connections = AdminConnections(maximum: settings.maximumConnections)
    let watch = publisher.map {
      WatchUpgrade(
        policy: settings.policy, authenticator: settings.authenticator, publisher: $0, maximum: settings.maximumWatchers)
    }
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 128)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { [settings] channel in
        guard connections.add(channel) else {
          settings.gate?.recordRefusal(.limit)
          return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        return channel.eventLoop.makeCompletedFuture { try configure(channel, settings, connections, source, watch) }
      }
    var listeners: [any Channel] = []
    var failure: PicoError?
    for var address in settings.addresses {
      if address.port == 0, let port = listeners.first?.localAddress?.port { address.port = port }
      do {
        listeners.append(try await bootstrap.bind(to: address).get())
      } catch {
        let code = (error as? IOError)?.errnoCode
        let reason = code.map(SystemErrorText.text) ?? "\(error)"
        let problem =
          code == EADDRINUSE
          ? PicoError(.addressInUse, "\(settings.key): \(address.display) is in use", side: .internal)
          : PicoError(.badConfiguration, "\(settings.key): cannot listen on \(address.display): \(reason)", side: .internal)
        if code == EADDRNOTAVAIL || code == EAFNOSUPPORT {
          failure = problem
          continue
        }
        // Where the socket of all IPv6 addresses takes IPv4 too, it is enough.
        if code == EADDRINUSE, address.ipAddress == "0.0.0.0", listeners.contains(where: { $0.localAddress?.ipAddress == "::" }) {
          continue
        }
        for listener in listeners { try? await listener.close() }
        throw problem
      }
    }
    if listeners.isEmpty, let failure { throw failure }
    return AdminServer(listeners: listeners, connections: connections, gate: settings.gate)
  }

  /// Closes the sockets and every connection; what was being answered is cut off.
  package func shutdown() async {
    for listener in listeners { try? await listener.close() }
    let closing = connections.closeAll().map { $0.close() as EventLoopFuture<Void> }
    for closed in closing { try? await closed.get() }
  }

  /// Lists of addresses are other ones: ends connections from addresses that are not let in any more.
  func closeRefused() {
    guard let gate else { return }
    for channel in connections.all where !gate.permits(channel.peerAddress) { channel.close(promise: nil) }
  }

  private static func configure(
    _ channel: any Channel, _ settings: Settings, _ connections: AdminConnections, _ source: any AdminSource, _ watch: WatchUpgrade?
  ) throws {
    var limit = NIOHTTPDecoderLimitConfiguration()
    limit.maxHeaderFieldSize = settings.maximumRequestBytes
    limit.maxHeaderListSize = settings.maximumRequestBytes
    let limits = AdminConnectionLimits(
      maximumBytes: settings.maximumRequestBytes, requestTimeout: settings.requestTimeout, idleTimeout: settings.idleTimeout
    ) { connections.change(channel, to: $0) }
    let pipeline = channel.pipeline.syncOperations
    if let gate = settings.gate { try pipeline.addHandler(AdminGateHandler(gate)) }
    if let tls = settings.tls { _ = try tls.secure(channel) }
    try pipeline.addHandler(limits)
    let encoder = HTTPResponseEncoder()
    // What stands behind the head of an upgrade belongs to the WebSocket.
    let decoder = ByteToMessageHandler(
      HTTPRequestDecoder(leftOverBytesStrategy: watch == nil ? .dropBytes : .forwardBytes, limitConfiguration: limit))
    let handler = AdminHandler(
      policy: settings.policy, authenticator: settings.authenticator, source: source, gate: settings.gate, limits: limits,
      watch: watch)
    try pipeline.addHandler(encoder)
    try pipeline.addHandler(decoder)
    if let watch { try pipeline.addHandler(watch.handler(encoder: encoder, replaces: [limits, decoder, handler], on: channel.eventLoop)) }
    try pipeline.addHandler(handler)
  }
}

extension SocketAddress {
  /// 127.0.0.0/8, `::1` or a Unix socket; of the address itself, not of what a name stands for.
  fileprivate var isLoopback: Bool {
    guard let host = ipAddress else { return pathname != nil }
    return IPAddress(host)?.isLoopback ?? false
  }

  /// `HOST:PORT`, or the path of a Unix socket.
  var display: String {
    guard let host = ipAddress, let port else { return pathname ?? description }
    return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
