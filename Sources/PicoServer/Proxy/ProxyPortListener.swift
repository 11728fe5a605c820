internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel
internal import Synchronization

/// Opens a listening port for requests, listeners or both, and makes channels of its connections.
enum ProxyPortListener {
  static func open(_ address: HostPort, key: String, port: ProxyPort, tls: PortTLS?, loops: NodeLoops) throws -> Acceptor {
    let node = loops.node
    let turn = Turn()
    return try Acceptor(try ListenAddresses.resolve(address, key: key), key: key, logger: node.logger) { descriptor in
      // Whom a PROXY protocol header speaks for is known only later.
      if !port.contains(.links), !(port.contains(.requests) && node.settings.usesProxyProtocol) {
        let access = node.access.withLock { $0 }
        if access.isOn, access.permitted(ListenSocket.peer(of: descriptor), on: port).isEmpty {
          node.limits.refusedConnections.record(port.counted, .address)
          Glibc.close(descriptor)
          return
        }
      }
      guard node.connections.add(1, ordering: .relaxed).newValue <= node.maxConnections.load(ordering: .relaxed) else {
        node.connections.subtract(1, ordering: .relaxed)
        node.limits.refusedConnections.record(port.counted, .limit)
        Glibc.close(descriptor)
        return
      }
      node.arrivals.add(1, ordering: .relaxed)
      adopt(Arrival(descriptor: descriptor, port: port, tls: tls), on: loops.loops[turn.take() % loops.loops.count], node) {
        node.arrivals.subtract(1, ordering: .relaxed)
      }
      awaitRoom(node, loops)
    }
  }

  private static let arrivalsPerLoop = 32

  /// A loop takes all that waits for it before it looks at its sockets again, so little is made to wait: the rest does in the kernel. Not longer
  /// than a second, as a loop may be at something else.
  private static func awaitRoom(_ node: Node, _ loops: NodeLoops) {
    var patience = 2000
    while patience > 0, node.arrivals.load(ordering: .relaxed) >= arrivalsPerLoop * loops.loops.count {
      usleep(500)
      patience -= 1
    }
  }

  /// Takes its turn around the loops.
  private final class Turn: Sendable {
    private let value = Atomic<Int>(0)

    func take() -> Int { value.add(1, ordering: .relaxed).oldValue }
  }

  /// A connection that a loop is to take: new, or from another loop with what was known and read of it.
  struct Arrival: Sendable {
    var descriptor: CInt
    var port: ProxyPort
    /// Nil in the clear.
    var tls: PortTLS?
    var moved: Moved?

    struct Moved: Sendable {
      var forwarding: ForwardingContext
      var peer: DownstreamPeer
      /// The client's rate has the request already.
      var isCountedAhead: Bool
      /// As a PROXY protocol header said.
      var statedClient: String?
      /// From the first byte of a request on.
      var bytes: ByteBuffer
      var moves: Int
    }
  }

  /// TCP_NOTSENT_LOWAT of tcp(7), which the C library's headers here do not name for Swift: how much the kernel takes beyond what the other
  /// side has room for. Without, its buffer grows to megabytes: a small request of a tunnel queues behind a large one, and for a client that
  /// does not read they are fetched from its service.
  private static let notSentLowWater = NIOBSDSocket.Option(rawValue: 25)

  /// Makes a channel of the descriptor on a loop. The connection is counted already; the count goes with the channel.
  /// - Parameter taken: called when the loop has begun with it.
  static func adopt(_ arrival: Arrival, on loop: NodeLoops.Loop, _ node: Node, taken: @escaping @Sendable () -> Void = {}) {
    loop.eventLoop.execute {
      taken()
      ClientBootstrap(group: loop.eventLoop)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .channelOption(.tcpOption(notSentLowWater), value: 128 << 10)
        .channelOption(.allowRemoteHalfClosure, value: true)
        .channelOption(.maxMessagesPerRead, value: 2)
        // A channel keeps what it read into last. Heads of requests fit; a busy connection's grows by doubling.
        .channelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 512, maximum: 64 << 10))
        .channelInitializer { channel in
          channel.closeFuture.whenComplete { _ in node.connections.subtract(1, ordering: .relaxed) }
          return channel.eventLoop.makeCompletedFuture { try configure(channel, arrival, loop.context) }
        }
        .withConnectedSocket(arrival.descriptor)
        .whenFailure { error in
          // The channel counts itself out only once it was initialised; a socket that died before is no news.
          node.logger.debug("connection lost before it was served", metadata: ["reason": "\(error)"])
        }
    }
  }

  private static func configure(_ channel: any Channel, _ arrival: Arrival, _ context: LoopContext) throws {
    let handler = ProxyHandler(loop: context, port: arrival.port, descriptor: arrival.descriptor)
    if let moved = arrival.moved {
      handler.resume(moved)
    } else {
      // The channel itself learns its addresses later.
      let peer = ListenSocket.peer(of: arrival.descriptor)
      handler.forwarding.clientAddress = peer.flatMap { HeaderText($0.description) } ?? HeaderText()
      handler.meet(peer)
    }
    if arrival.moved == nil, arrival.port.contains(.requests), context.node.settings.usesProxyProtocol {
      try channel.pipeline.syncOperations.addHandler(ProxyProtocolHandler(handler))
    }
    if let tls = arrival.tls { try handler.secure(channel, with: tls) }
    try channel.pipeline.syncOperations.addHandler(handler)
  }
}

/// What a `*.listen` key means as sockets.
enum ListenAddresses {
  /// `localhost` is 127.0.0.1 and ::1; an empty host is every address.
  static func resolve(_ address: HostPort, key: String) throws -> [SocketAddress] {
    do {
      switch address.host {
      case "localhost":
        return [try SocketAddress(ipAddress: "127.0.0.1", port: address.port), try SocketAddress(ipAddress: "::1", port: address.port)]
      case "": return [try SocketAddress(ipAddress: "::", port: address.port)]
      default:
        if let literal = try? SocketAddress(ipAddress: address.host, port: address.port) { return [literal] }
        return [try SocketAddress.makeAddressResolvingHost(address.host, port: address.port)]
      }
    } catch {
      throw PicoError(.badConfiguration, "\(key): \(address): no such address", side: .internal)
    }
  }
}

/// The number of descriptors that this process may have.
enum DescriptorLimit {
  /// Raises the soft limit to the hard one, and tells it.
  static func raise() -> Int {
    var limit = rlimit()
    // The pointers are to a local of the right type.
    guard unsafe getrlimit(__rlimit_resource_t(7), &limit) == 0 else { return 1024 }
    if limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      _ = unsafe setrlimit(__rlimit_resource_t(7), &limit)
      _ = unsafe getrlimit(__rlimit_resource_t(7), &limit)
    }
    return Int(min(limit.rlim_cur, 1 << 20))
  }
}
