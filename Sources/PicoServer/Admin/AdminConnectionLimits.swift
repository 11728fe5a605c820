internal import NIOCore

/// Stands first in an admin connection and ends it when a request is too large or too slow to come, or when nothing happens at all:
/// soon where no request ever came.
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
    /// No byte came yet.
    case silent
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
  /// Told how easily the connection gives way to another.
  private let stands: (ConnectionPlaces.Standing) -> Void
  private var state = State.silent
  private var deadline: Scheduled<Void>?

  init(
    maximumBytes: Int, requestTimeout: TimeAmount, idleTimeout: TimeAmount, stands: @escaping (ConnectionPlaces.Standing) -> Void
  ) {
    self.maximumBytes = maximumBytes
    self.requestTimeout = requestTimeout
    self.idleTimeout = idleTimeout
    self.stands = stands
  }

  func channelActive(context: ChannelHandlerContext) {
    closeLater(context, in: requestTimeout)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    context.fireChannelInactive()
  }

  /// The connection is a WebSocket from here on, which has limits of its own.
  func handlerRemoved(context: ChannelHandlerContext) {
    deadline?.cancel()
    stands(.busy)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = Self.unwrapInboundIn(data).readableBytes
    switch state {
    case .silent, .idle:
      state = .receiving(bytes: bytes)
      stands(.receiving)
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
    stands(.busy)
    deadline?.cancel()
  }

  /// An answer is out and the connection stays.
  func responseEnded(context: ChannelHandlerContext) {
    guard case .answering = state else { return }
    state = .idle
    stands(.idle)
    closeLater(context, in: idleTimeout)
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

  private func closeLater(_ context: ChannelHandlerContext, in time: TimeAmount) {
    deadline?.cancel()
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in
      switch state {
      case .silent, .idle: context.close(promise: nil)
      case .receiving, .answering, .exceeded: break
      }
    }
  }
}
