internal import Glibc
internal import NIOCore
internal import PicoHTTP
internal import PicoTunnel
internal import Synchronization

/// A connection whose requests keep going to listeners of another loop moves there: passing each request from loop to loop costs a
/// wake-up each way, moving costs about as much once.
extension ProxyHandler {
  /// Requests for another loop in a row before the first move; twice as many before each further one.
  private static var patience: Int { 4 }

  /// Whether this connection goes to another loop with the request at the front of `bytes`, which then is that loop's.
  func moves(for routes: EndpointRoutes, with bytes: ByteBuffer) -> Bool {
    guard edge == nil, http2 == nil, let home = routes.home(from: loop.resources) else {
      crossings = 0
      return false
    }
    crossings &+= 1
    guard crossings > Self.patience << min(moves, 16) else { return false }
    crossings = 0
    return move(to: home, with: bytes)
  }

  /// Gives a second descriptor of the socket to the other loop and lets go of this one, which closes nothing.
  private func move(to index: Int, with bytes: ByteBuffer) -> Bool {
    guard let context, !isFlushRequested, out == nil, isWritable, input == nil else { return false }
    // What the client has not taken of earlier responses would be lost with the channel.
    guard let waiting = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes), waiting == 0 else { return false }
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { return false }
    var own = ByteBuffer()
    own.writeImmutableBuffer(bytes)
    let moved = ProxyPortListener.Arrival.Moved(
      forwarding: forwarding, peer: peer, isCountedAhead: loop.limits.looksAtClients, statedClient: statedClient, bytes: own,
      moves: moves + 1)
    loop.statistics.inFlight &-= 1
    exchange.startedAt = 0
    accessRecord = nil
    span = nil
    node.connections.add(1, ordering: .relaxed)
    leave()
    context.close(promise: nil)
    ProxyPortListener.adopt(.init(descriptor: copy, port: port, moved: moved), on: loop.neighbours[index], node)
    return true
  }

  /// On the new loop, before the handler is part of the channel.
  func resume(_ moved: ProxyPortListener.Arrival.Moved) {
    forwarding = moved.forwarding
    peer = moved.peer
    isCountedAhead = moved.isCountedAhead
    // The lists may have changed on the way.
    _ = lookAtPeerAgain()
    statedClient = moved.statedClient
    moves = moved.moves
    arrived = moved.bytes
  }

  /// The channel is ready: the request that the connection came with goes on.
  func readArrived() {
    if let bytes = arrived.take() { readHead(bytes) }
  }
}
