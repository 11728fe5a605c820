internal import NIOCore
internal import PicoCore
internal import Synchronization

/// What the admin port asks of the node about who may connect, and tells it of whom it refused.
struct AdminGate: Sendable {
  let node: Node

  func permits(_ peer: IPAddress?) -> Bool { node.access.withLock { $0.admin }.permits(peer) }

  func recordRefusal(_ reason: RefusedConnections.Reason) { node.limits.refusedConnections.record(.admin, reason) }

  func noteHeldBack(_ peer: IPAddress?) {
    node.limits.note(.adminFailures, client: peer?.description ?? "", now: NIODeadline.now().uptimeNanoseconds)
  }
}

/// Stands first in an admin connection and closes it before anything is read when its address is not let in.
final class AdminGateHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer

  private let gate: AdminGate

  init(_ gate: AdminGate) { self.gate = gate }

  func channelActive(context: ChannelHandlerContext) {
    guard gate.permits(context.channel.peerAddress) else {
      gate.recordRefusal(.address)
      return context.close(promise: nil)
    }
    context.fireChannelActive()
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }
}

extension Channel {
  /// Nil for a Unix socket.
  var peerAddress: IPAddress? { remoteAddress?.ipAddress.flatMap { IPAddress($0) } }
}
