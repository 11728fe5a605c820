internal import NIOCore
internal import NIOHTTP1
internal import NIOWebSocket
internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// Makes status WebSockets of admin connections, within the limit and by the rules of the port.
final class WatchUpgrade: Sendable {
  private let policy: AdminPolicy
  private let authenticator: PortAuthenticator?
  private let publisher: StatusPublisher
  private let maximum: Int
  private let times: WatchHandler.Times
  private let count = Atomic<Int>(0)

  init(
    policy: AdminPolicy, authenticator: PortAuthenticator? = nil, publisher: StatusPublisher, maximum: Int,
    times: WatchHandler.Times = .init()
  ) {
    self.policy = policy
    self.authenticator = authenticator
    self.publisher = publisher
    self.maximum = maximum
    self.times = times
  }

  /// Stands behind the decoder of a connection until its first request shows what it is.
  func handler(
    encoder: HTTPResponseEncoder, replaces handlers: [any RemovableChannelHandler], on eventLoop: any EventLoop
  ) -> HTTPServerUpgradeHandler {
    // What was found out about the request that asks for the upgrade.
    let found = NIOLoopBoundBox(AdminAccess.anonymous, eventLoop: eventLoop)
    let upgrader = NIOWebSocketServerUpgrader(
      maxFrameSize: WatchHandler.maximumMessage, automaticErrorHandling: false,
      shouldUpgrade: { [self] channel, head in
        let request = AdminRequest(head)
        guard let authenticator else { return channel.eventLoop.makeSucceededFuture(accept(request, .anonymous, channel)) }
        let client = channel.peerAddress
        return channel.eventLoop.makeFutureWithTask { await authenticator.accessLater(of: request, from: client) }.map { [self] access in
          found.value = access
          return accept(request, access, channel)
        }
      },
      upgradePipelineHandler: { [self] channel, head in
        let access = found.value
        let caller = Operator(channel, role: policy.role(of: AdminRequest(head), access), access)
        let permit = authenticator.flatMap { WatchPermit(access, $0) }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            ClientFrameCheck(),
            NIOWebSocketFrameAggregator(
              minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1024, maxAccumulatedFrameSize: WatchHandler.maximumMessage),
            WatchHandler(publisher: publisher, caller: caller, permit: permit, times: times))
        }
      })
    return HTTPServerUpgradeHandler(
      upgraders: [upgrader], httpEncoder: encoder, extraHTTPHandlers: handlers, upgradeCompletionHandler: { _ in })
  }

  /// Nil leaves the request to the handler of requests, which says why.
  private func accept(_ request: AdminRequest, _ access: AdminAccess, _ channel: any Channel) -> HTTPHeaders? {
    guard policy.decide(request, access) == .serve(.watch) else { return nil }
    guard count.add(1, ordering: .relaxed).newValue <= maximum else {
      count.subtract(1, ordering: .relaxed)
      return nil
    }
    channel.closeFuture.whenComplete { [self] _ in count.subtract(1, ordering: .relaxed) }
    return HTTPHeaders()
  }

  /// Why a request for the WebSocket became none.
  func refusal(of head: HTTPRequestHead) -> AdminResponse {
    let asks = head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
    guard asks else { return AdminResponse(.upgradeRequired, status: .upgradeRequired) }
    guard count.load(ordering: .relaxed) < maximum else { return AdminResponse(.overloaded, status: .serviceUnavailable) }
    return AdminResponse(.malformedRequest, status: .badRequest)
  }
}
