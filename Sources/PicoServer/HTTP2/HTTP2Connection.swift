internal import Logging
internal import NIOCore
internal import NIOHTTP2
internal import PicoHTTP
internal import PicoHTTP2
internal import PicoTunnel

/// One downstream connection that speaks HTTP/2: what concerns none of its streams, or all. Confined to its loop.
///
/// Each stream is a channel of its own with an ``HTTP2StreamHandler`` and a ``ProxyHandler``, which serves the one request of it as it serves
/// those of HTTP/1.1 connections. Frames, HPACK and flow control are the library's.
final class HTTP2Connection: ChannelInboundHandler, Sweepable {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  let loop: LoopContext
  let port: ProxyPort
  /// As they are for each of its requests.
  let forwarding: ForwardingContext
  private(set) var peer: DownstreamPeer
  let statedClient: String?
  /// Of the request that was last at its end: the next one is often for the same.
  var routes: EndpointRoutes?
  var knownToken: KnownToken?

  private let descriptor: CInt
  private let maximumStreams: Int
  private var context: ChannelHandlerContext?
  private var streams = 0
  private var lastStream = HTTP2StreamID.rootStream
  private var farewell = HTTP2Farewell()
  /// The client has answered our settings.
  private var isSettled = false
  private let beganAt: UInt64
  /// Since when there is no stream.
  private var idleSince: UInt64
  private var waiting = 0
  /// When the client last took something of what waits for it.
  private var takenAt: UInt64 = 0

  /// Takes the place of `proxy`, which found out what its client speaks.
  init(_ proxy: ProxyHandler) {
    loop = proxy.loop
    port = proxy.port
    forwarding = proxy.forwarding
    peer = proxy.peer
    statedClient = proxy.statedClient
    descriptor = proxy.descriptor
    maximumStreams = proxy.node.settings.maximumHTTP2Streams
    beganAt = proxy.loop.resources.now()
    idleSince = beganAt
  }

  /// Puts itself behind `handler`.
  func join(_ channel: any Channel, behind handler: any ChannelHandler) throws {
    let pipeline = channel.pipeline.syncOperations
    let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
    let http2 = NIOHTTP2Handler(
      mode: .server, eventLoop: channel.eventLoop,
      connectionConfiguration: HTTP2Options.connection(maximumStreams: maximumStreams, maximumHead: loop.limits.maxHead),
      streamConfiguration: HTTP2Options.stream
    ) { channel in
      channel.eventLoop.makeCompletedFuture { try bound.value.begin(channel) }
    }
    try pipeline.addHandlers([TickFlushHandler(loop: loop.resources), http2, self], position: .after(handler))
  }

  // MARK: Streams

  private func begin(_ stream: any Channel) throws {
    if let id = try stream.syncOptions?.getOption(HTTP2StreamChannelOptions.streamID) { lastStream = max(lastStream, id) }
    streams += 1
    let proxy = ProxyHandler(loop: loop, port: port, descriptor: -1)
    let handler = HTTP2StreamHandler(self, proxy)
    proxy.serve(self, handler)
    try stream.pipeline.syncOperations.addHandlers([handler, proxy])
  }

  func streamDidEnd() {
    streams -= 1
    idleSince = loop.resources.now()
    run(farewell.look(streams: streams, now: idleSince))
  }

  // MARK: Channel events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    loop.http2Connections[ObjectIdentifier(self)] = self
    loop.resources.startSweeping(self)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    loop.http2Connections[ObjectIdentifier(self)] = nil
    loop.resources.stopSweeping(self)
  }

  /// Frames of no stream. The library answers them.
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data).payload {
    case .settings(.ack): isSettled = true
    case .ping(_, ack: true):
      run(farewell.pingCameBack())
      run(farewell.look(streams: streams, now: loop.resources.now()))
    default: break
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // Nobody who speaks HTTP/2 ends one side alone.
    guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    context.close(promise: nil)
  }

  /// Faults of the connection, for which the library has written a GOAWAY. Those of one stream are not told apart from them; but for two, they
  /// are of a client that does not keep to the protocol.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case is NIOHTTP2Errors.NoSuchStream, is NIOHTTP2Errors.StreamError: break
    default:
      loop.node.logger.debug(
        "HTTP/2 connection ended", metadata: ["reason": "\(type(of: error))", "client": "\(forwarding.clientAddress.text)"])
      context.close(promise: nil)
    }
  }

  // MARK: Ending

  /// The node is leaving: what is open is finished, and nothing new comes.
  func drain(now: UInt64) {
    run(farewell.leave(now: now))
    run(farewell.look(streams: streams, now: now))
  }

  /// Ends the connection with all its streams.
  func close() {
    sayLast()
    context?.close(promise: nil)
  }

  /// Lists of addresses are other ones now; false when nothing is left that the client may do here.
  func lookAtPeerAgain() -> Bool {
    peer.permitted = loop.access.permitted(peer.address, on: port)
    return peer.permitted.contains(.requests)
  }

  private func run(_ action: HTTP2Farewell.Action) {
    switch action {
    case .nothing: break
    case .announce:
      write(.goAway(lastStreamID: .maxID, errorCode: .noError, opaqueData: nil))
      write(.ping(HTTP2PingData(withInteger: 0), ack: false))
      context?.flush()
    case .sayLast: sayLast()
    case .close: context?.close(promise: nil)
    }
  }

  private func sayLast() {
    write(.goAway(lastStreamID: lastStream, errorCode: .noError, opaqueData: nil))
    context?.flush()
  }

  private func write(_ payload: HTTP2Frame.FramePayload) {
    context?.write(wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: payload)), promise: nil)
  }

  // MARK: Time

  func sweep(now: UInt64) {
    run(farewell.look(streams: streams, now: now))
    guard let context else { return }
    if !isSettled, now &- beganAt > loop.limits.headTimeout { return close() }
    if streams == 0, farewell.state == .none {
      // One that has asked for nothing yet has no longer than it would have for the head of a request.
      let limit = lastStream == .rootStream ? loop.limits.headTimeout : loop.limits.idleTimeout
      if now &- idleSince > limit { return close() }
    }
    guard !context.channel.isWritable else {
      waiting = 0
      return
    }
    let left = ((try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0) &+ OutputQueue.bytes(of: descriptor)
    if waiting == 0 || left < waiting { takenAt = now }
    waiting = left
    if now &- takenAt > loop.limits.bodyIdleTimeout { context.channel.closeByReset() }
  }
}
