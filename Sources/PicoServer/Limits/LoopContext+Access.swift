internal import NIOCore

extension LoopContext {
  /// The lists of addresses are other ones: ends whatever came from an address that is not let in any more, in the middle of a request too.
  /// Clients of a trusted proxy are looked at with their next request.
  func closeRefused() {
    for connection in Array(connections.values) where !connection.lookAtPeerAgain() { connection.context?.close(promise: nil) }
    for connection in Array(http2Connections.values) where !connection.lookAtPeerAgain() { connection.close() }
    for connection in Array(rawConnections.values) where !access.proxy.permits(connection.peer) {
      connection.leave()
    }
    for session in Array(tunnels.values) where !access.upstream.permits(session.peer) {
      session.endUnauthorized("its address is not permitted any more")
    }
  }
}
