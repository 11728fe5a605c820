internal import NIOCore

/// Stands first in an admin connection and ends it when a request is too large or too slow to come, or when nothing happens at all.
///
/// `AdminHandler` says when a request was whole and when its answer is out.
final class AdminConnectionLimits: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// What this handler sends down the pipeline as an error, once.
  enum Exceeded: Error {
    case size
    case time
  }

  private enum State {
    /// Between requests.
    case idle
    /// Some bytes of a request came.
    case receiving(bytes: Int)
    /// The request is whole and its answer not yet out.
    case answering
    case exceeded
  }

  private let maximumBytes: Int
  private let requestTimeout: TimeAmount
  private let idleTimeout: TimeAmount
  private var state = State.idle
  private var deadline: Scheduled<Void>?

  init(maximumBytes: Int, requestTimeout: TimeAmount, idleTimeout: TimeAmount) {
    self.maximumBytes = maximumBytes
    self.requestTimeout = requestTimeout
    self.idleTimeout = idleTimeout
  }

  func channelActive(context: ChannelHandlerContext) {
    closeLater(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    context.fireChannelInactive()
  }

  /// The connection is a WebSocket from here on, which has limits of its own.
  func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = Self.unwrapInboundIn(data).readableBytes
    switch state {
    case .idle:
      state = .receiving(bytes: bytes)
      failLater(context)
    case .receiving(let before):
      state = .receiving(bytes: before + bytes)
    case .answering:
      break
    case .exceeded:
      return
    }
    if case .receiving(let total) = state, total > maximumBytes {
      exceed(.size, context)
      return
    }
    context.fireChannelRead(data)
  }

  /// A request is whole; its answer may take as long as it takes.
  func requestEnded() {
    guard case .receiving = state else { return }
    state = .answering
    deadline?.cancel()
  }

  /// An answer is out and the connection stays.
  func responseEnded(context: ChannelHandlerContext) {
    guard case .answering = state else { return }
    state = .idle
    closeLater(context)
  }

  private func exceed(_ limit: Exceeded, _ context: ChannelHandlerContext) {
    state = .exceeded
    deadline?.cancel()
    context.fireErrorCaught(limit)
  }

  private func failLater(_ context: ChannelHandlerContext) {
    deadline?.cancel()
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: requestTimeout) { [self] in
      if case .receiving = state { exceed(.time, context) }
    }
  }

  private func closeLater(_ context: ChannelHandlerContext) {
    deadline?.cancel()
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: idleTimeout) { [self] in
      if case .idle = state { context.close(promise: nil) }
    }
  }
}
