internal import NIOCore

/// Holds up reading from the socket while nobody takes what was read, and knows when bytes came last.
final class ReadGate: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private var context: ChannelHandlerContext?
  private var isShut = false
  /// A read was asked for while the gate was shut.
  private var holdsRead = false
  private var lastRead = NIODeadline.now()

  /// How long the other side has said nothing although it was listened to.
  var silence: TimeAmount { isShut ? .zero : .now() - lastRead }

  func set(isShut: Bool) {
    guard isShut != self.isShut else { return }
    self.isShut = isShut
    guard !isShut else { return }
    lastRead = .now()
    if holdsRead {
      holdsRead = false
      context?.read()
    }
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func read(context: ChannelHandlerContext) {
    if isShut { holdsRead = true } else { context.read() }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    lastRead = .now()
    context.fireChannelRead(data)
  }
}
