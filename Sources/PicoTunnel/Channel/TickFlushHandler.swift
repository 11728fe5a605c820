package import NIOCore

/// In front of a protocol whose streams flush one by one: what they all wrote in a tick goes out at its end, as one write.
package final class TickFlushHandler: ChannelOutboundHandler, TickFlushing {
  package typealias OutboundIn = ByteBuffer

  private let loop: LoopResources
  private var context: ChannelHandlerContext?
  private var isRequested = false

  package init(loop: LoopResources) {
    self.loop = loop
  }

  package func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  package func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  package func flush(context: ChannelHandlerContext) {
    guard !isRequested else { return }
    isRequested = true
    loop.flushAtEndOfTick(self)
  }

  package func flushTick() {
    isRequested = false
    context?.flush()
  }

  /// What was written before still goes out.
  package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if isRequested { context.flush() }
    context.close(mode: mode, promise: promise)
  }
}
