internal import NIOCore
internal import PicoCore

extension ProxyHandler {
  /// No node is known to have the endpoint: the request begins anew when the store was asked. Until then nothing is read, and it counts as in
  /// flight. False when there is nobody to ask, or the store was asked for this request already.
  func looksUp(_ endpoint: EndpointID, with bytes: ByteBuffer) -> Bool {
    guard !hasLookedUp, let context, let membership = node.membership else { return false }
    exchange.startedAt = 0
    accessRecord = nil
    span = nil
    phase = .head
    deadline = 0
    isAwaitingAnswer = true
    hasLookedUp = true
    isCountedAhead = loop.limits.looksAtClients
    keep(bytes)
    pauseReading()
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.eventLoop.makeFutureWithTask { await membership.lookUp(endpoint) }.whenComplete { _ in bound.value.answerCame() }
    return true
  }
}
