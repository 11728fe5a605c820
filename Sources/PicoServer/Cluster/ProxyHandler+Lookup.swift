internal import NIOCore
internal import PicoCore

extension ProxyHandler {
  /// No node is known to have the endpoint: the request begins anew when the store was asked. False when there is nobody to ask, or the store was asked for this request already.
  func looksUp(_ endpoint: EndpointID, with bytes: ByteBuffer) -> Bool {
    guard !hasLookedUp, let context, let membership = node.membership else { return false }
    hasLookedUp = true
    isCountedAhead = loop.limits.looksAtClients
    setAside(with: bytes)
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.eventLoop.makeFutureWithTask { await membership.lookUp(endpoint) }.whenComplete { _ in bound.value.answerCame() }
    return true
  }
}
