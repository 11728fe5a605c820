package import Logging
internal import NIOCore
internal import NIOPosix
package import PicoCore
internal import PicoTransport
internal import PicoTunnel
internal import Synchronization

/// Listens for TCP connections and joins each to an endpoint.
package final class Forwarder: Sendable {
  /// Where it listens, with the port that the system chose if it was asked to.
  package let address: HostPort
  private let group: MultiThreadedEventLoopGroup
  private let listening: [any Channel]
  private let open: OpenConnections

  private init(_ address: HostPort, _ group: MultiThreadedEventLoopGroup, _ listening: [any Channel], _ open: OpenConnections) {
    self.address = address
    self.group = group
    self.listening = listening
    self.open = open
  }

  /// Listens when it returns. A failed connection is a line in the log and a reset for whoever connected.
  /// - Throws: ``PicoError``: `addressInUse` or `badConfiguration`, naming the address or the key.
  package static func start(on address: HostPort, to settings: DialSettings, logger: Logger) async throws -> Forwarder {
    let dialer = try EndpointDialer(settings, logger: logger)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
    do {
      let open = OpenConnections()
      var resources: [ObjectIdentifier: NIOLoopBound<LoopResources>] = [:]
      for (index, eventLoop) in group.makeIterator().enumerated() {
        resources[ObjectIdentifier(eventLoop)] = try await eventLoop.submit {
          NIOLoopBound(LoopResources(eventLoop: eventLoop, index: index), eventLoop: eventLoop)
        }.get()
      }
      let bootstrap = bootstrap(group, resources: resources, open: open, dialer: dialer, logger: logger)
      let listening = try await listen(on: address, bootstrap)
      let port = listening.first?.localAddress?.port ?? address.port
      return Forwarder(HostPort(host: address.host, port: port), group, listening, open)
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
  }

  private static func bootstrap(
    _ group: MultiThreadedEventLoopGroup, resources: [ObjectIdentifier: NIOLoopBound<LoopResources>], open: OpenConnections,
    dialer: EndpointDialer, logger: Logger
  ) -> ServerBootstrap {
    ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.backlog, value: 1024)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          // Connections stay on the loops of the group.
          guard let loop = resources[ObjectIdentifier(channel.eventLoop)]?.value else { throw EventLoopError.unsupportedOperation }
          channel.keepAlive()
          try channel.pipeline.syncOperations.addHandler(ForwardedConnection(loop: loop, dialer: dialer, logger: logger))
          open.add(channel)
        }
      }
  }

  /// Every address of a name; a family that the machine lacks is left out as long as another one works.
  private static func listen(on address: HostPort, _ bootstrap: ServerBootstrap) async throws -> [any Channel] {
    var channels: [any Channel] = []
    var failure: (any Error)?
    for host in address.bindHosts {
      // With port 0 both addresses of localhost get the port that the first one was given.
      let port = address.port == 0 ? channels.first?.localAddress?.port ?? 0 : address.port
      do {
        channels.append(try await bootstrap.bind(host: host, port: port).get())
        // One wildcard socket serves both families.
        if address.host.isEmpty { break }
      } catch {
        failure = error
        guard !isMissingFamily(error) else { continue }
        for channel in channels { try? await channel.close().get() }
        channels = []
        break
      }
    }
    if !channels.isEmpty { return channels }
    if let error = failure as? IOError, error.errnoCode == 98 {
      throw PicoError(.addressInUse, "LOCAL_ADDRESS: \(address) is in use", side: .internal)
    }
    let reason = failure.map(ConnectErrorText.text) ?? "no address of this machine"
    throw PicoError(.badConfiguration, "LOCAL_ADDRESS: cannot listen on \(address): \(reason)", side: .internal)
  }

  /// EAFNOSUPPORT, EADDRNOTAVAIL.
  private static func isMissingFamily(_ error: any Error) -> Bool {
    (error as? IOError).map { $0.errnoCode == 97 || $0.errnoCode == 99 } ?? false
  }

  /// Takes no more, lets what is open go on for at most `grace`, and ends. Called a second time it ends what is open at once.
  package func shutdown(grace: Duration) async {
    for channel in listening { try? await channel.close().get() }
    if grace > .zero {
      let deadline = ContinuousClock.now + grace
      while !open.isEmpty, ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(20)) }
    }
    open.closeAll()
    try? await group.shutdownGracefully()
  }
}

/// The accepted connections of all loops.
private final class OpenConnections: Sendable {
  private let channels = Locked<[ObjectIdentifier: any Channel]>([:])

  func add(_ channel: any Channel) {
    let id = ObjectIdentifier(channel)
    channels.withLock { $0[id] = channel }
    channel.closeFuture.whenComplete { _ in self.channels.withLock { $0[id] = nil } }
  }

  var isEmpty: Bool { channels.withLock { $0.isEmpty } }

  /// By reset: what was under way is not whole.
  func closeAll() {
    for channel in channels.withLock({ Array($0.values) }) {
      channel.eventLoop.execute { channel.closeByReset() }
    }
  }
}
