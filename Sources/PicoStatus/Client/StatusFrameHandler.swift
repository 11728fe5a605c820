internal import NIOCore
internal import NIOWebSocket

/// The WebSocket's end: text messages become status messages and back. Pings are answered, and sent so that a dead connection is noticed.
final class StatusFrameHandler: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  /// The most bytes of one message.
  static let maximumMessage = 64 << 20

  private static let pingInterval = TimeAmount.seconds(10)
  private static let silenceLimit = TimeAmount.seconds(30)

  private let gate: ReadGate
  private let receive: (ServerMessage) -> Void
  private let fail: (StatusFailure) -> Void
  private var pings: RepeatedTask?

  init(gate: ReadGate, receive: @escaping (ServerMessage) -> Void, fail: @escaping (StatusFailure) -> Void) {
    self.gate = gate
    self.receive = receive
    self.fail = fail
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let own = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    pings = context.eventLoop.scheduleRepeatedTask(initialDelay: Self.pingInterval, delay: Self.pingInterval) { _ in
      let (handler, context) = own.value
      handler.keepAlive(context)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { pings?.cancel() }

  private func keepAlive(_ context: ChannelHandlerContext) {
    guard gate.silence < Self.silenceLimit else {
      return fail(StatusFailure(.unreachable, "the server has said nothing for \(Self.silenceLimit.nanoseconds / 1_000_000_000) s"))
    }
    write(.ping, ByteBuffer(), context)
  }

  private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext) {
    let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
    context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    switch frame.opcode {
    case .text:
      do throws(JSONError) {
        receive(try ServerMessage(json: Array(frame.unmaskedData.readableBytesView)))
      } catch {
        fail(StatusFailure(.notPico, "a message of the server cannot be read: \(error)"))
      }
    case .binary: fail(StatusFailure(.notPico, "the server sent a binary message"))
    case .ping: write(.pong, frame.unmaskedData, context)
    case .connectionClose: closed(frame.unmaskedData)
    case .pong: break
    default: fail(StatusFailure(.notPico, "the server sent a WebSocket frame of no known kind"))
    }
  }

  private func closed(_ data: ByteBuffer) {
    var data = data
    guard let code = data.readInteger(as: UInt16.self) else {
      return fail(StatusFailure(.unreachable, "the server closed the connection"))
    }
    let reason = String(decoding: data.readableBytesView.prefix(123), as: UTF8.self)
    let text = reason.isEmpty ? "\(code)" : "\(code), \(reason)"
    fail(StatusFailure(code == 1008 ? .refused : .unreachable, "the server closed the connection (\(text))"))
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(StatusFailure(.unreachable, "the connection ended"))
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case is NIOWebSocketError, is NIOWebSocketFrameAggregator.Error:
      fail(StatusFailure(.notPico, "the server sent what is no WebSocket message, or one that is too large"))
    default: fail(StatusFailure(.unreachable, "the connection broke: \(error)"))
    }
  }
}
