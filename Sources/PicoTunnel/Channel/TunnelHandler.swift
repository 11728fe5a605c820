internal import Logging
package import NIOCore

/// One end of a tunnel on its channel: bytes of the WebSocket in and out, streams on the other side.
///
/// It asks ``WebSocketFrameDecoder`` and ``SessionStateMachine`` what bytes mean and obeys; all frames of one tick go out as one message and
/// one write. Confined to the channel's loop. What session frames mean is in `TunnelHandler+Receiving.swift`, sending in
/// `TunnelHandler+Sending.swift`.
package final class TunnelHandler: ChannelInboundHandler, TickFlushing, Sweepable {
  package typealias InboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  package let loop: LoopResources
  package let settings: TunnelSettings
  /// Counts of what was carried, for statistics: bytes of the WebSocket both ways.
  package private(set) var bytesReceived: UInt64 = 0
  /// The latest round trip in nanoseconds; 0 before the first.
  package internal(set) var roundTrip: UInt64 = 0
  /// Control messages and fields of types that we do not know.
  package private(set) var unknownMessages = 0

  var machine: SessionStateMachine
  var context: ChannelHandlerContext?
  var isWritable = true
  /// The message under construction: room for its header, then frames.
  var out: ByteBuffer?
  var written: [ByteBuffer] = []
  var isFlushRequested = false
  /// Slots with something to send now, first come first served, a quantum each; `isInRing` keeps each slot to one place in it.
  var ring = SlotRing()
  var isInRing: ContiguousArray<Bool> = []
  var streams: ContiguousArray<TunnelStream?> = []
  /// Bytes of frames without payload that were written while the socket took nothing: a peer that provokes answers and reads none of them
  /// is cut off at ``stalledLimit``.
  var stalledBytes = 0

  var delegate: (any TunnelDelegate)?
  private var decoder: WebSocketFrameDecoder
  private var spare: [TunnelStream] = []
  var headerWords: (UInt32, UInt32, UInt32) = (0, 0, 0)
  var headerFill = 0
  var payloadLeft = 0
  var payloadStream: TunnelStream?
  var payloadGeneration: UInt32 = 0
  var isFinBehindPayload = false
  var control: ControlConsumer?
  private var controlBacklog: [ControlMessage] = []
  /// When the last byte came, in steady nanoseconds.
  package private(set) var lastReceived: UInt64
  private var nextPing: UInt64
  private(set) var pingValue: UInt32 = 0
  var pingSentAt: UInt64 = 0
  private var flood = FloodMonitor()
  private(set) var closeReason: TunnelCloseReason?

  private static var stalledLimit: Int { 256 << 10 }

  package init(settings: TunnelSettings, loop: LoopResources, delegate: any TunnelDelegate) {
    self.settings = settings
    self.loop = loop
    self.delegate = delegate
    machine = SessionStateMachine(settings: settings.session)
    decoder = WebSocketFrameDecoder(expectsMask: settings.session.role == .server)
    let now = loop.now()
    lastReceived = now
    // Spread over the interval, so that thousands of tunnels do not ping in the same sweep.
    nextPing = now &+ settings.pingInterval / 2 &+ loop.fastRandom() % (settings.pingInterval / 2 &+ 1)
  }

  package var isOpen: Bool { closeReason == nil && context != nil }
  package var streamCount: Int { machine.streamCount - (control?.stream == nil ? 0 : 1) }
  /// The session nears the end of its stream IDs and should be replaced.
  package var isWornOut: Bool { machine.isWornOut }
  /// Received bytes that no one passed on yet, of all streams.
  package var unreadBytes: Int { machine.unreadBytes }
  package var channel: (any Channel)? { context?.channel }

  func streamID(_ slot: Int) -> UInt32 { machine.streamID(slot) }

  // MARK: Streams

  /// Opens a stream; its first bytes carry the SYN. Nil when the tunnel takes no more: closed, leaving, at its limit, or too much is unread.
  package func open(_ consumer: any StreamConsumer) -> TunnelStream? {
    guard isOpen, machine.unreadBytes < settings.session.maximumBuffered, let slot = machine.open() else { return nil }
    let stream = makeStream(slot)
    stream.consumer = consumer
    return stream
  }

  func makeStream(_ slot: Int) -> TunnelStream {
    let stream = spare.popLast() ?? TunnelStream(tunnel: self)
    stream.slot = slot
    while streams.count <= slot {
      streams.append(nil)
      isInRing.append(false)
    }
    streams[slot] = stream
    return stream
  }

  /// The stream ended; its object may serve again.
  func release(_ stream: TunnelStream) {
    streams[stream.slot] = nil
    if let pending = stream.pending { loop.giveBack(pending) }
    stream.clear()
    if spare.count < 64 { spare.append(stream) }
  }

  // MARK: Control

  /// Sends a control message; kept until the agent's control stream is there. Without `pico.v1` it is dropped.
  package func send(_ message: ControlMessage) {
    guard settings.session.isPico, !settings.session.isLink, isOpen else { return }
    guard let control else {
      controlBacklog.append(message)
      return
    }
    let bytes = ControlDecoder.frame(message)
    unsafe bytes.withUnsafeBytes { unsafe _ = control.stream?.write($0, end: false) }
  }

  /// Asks for no new streams; what is open goes on.
  package func goAway() {
    guard isOpen, !machine.isGoAwaySent else { return }
    append(machine.goAway())
  }

  func receiveControl(_ messages: [ControlMessage]) {
    for message in messages {
      if case .unknown = message { unknownMessages += 1 }
      delegate?.tunnel(self, didReceive: message)
    }
  }

  // MARK: Channel events

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    isWritable = context.channel.isWritable
    loop.startSweeping(self)
    if settings.session.isPico, settings.session.role == .client, !settings.session.isLink {
      let consumer = ControlConsumer(self)
      consumer.stream = open(consumer)
      control = consumer
      flushControlBacklog()
    }
  }

  func flushControlBacklog() {
    let backlog = controlBacklog
    controlBacklog = []
    for message in backlog { send(message) }
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    finish(.closed)
  }

  package func channelInactive(context: ChannelHandlerContext) {
    finish(.closedByPeer)
    context.fireChannelInactive()
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    finish(.failed("\(error)"))
    context.close(promise: nil)
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed? = event as? ChannelEvent {
      context.close(promise: nil)
      return
    }
    context.fireUserInboundEventTriggered(event)
  }

  package func channelWritabilityChanged(context: ChannelHandlerContext) {
    isWritable = context.channel.isWritable
    if isWritable {
      stalledBytes = 0
      if !ring.isEmpty { requestFlush() }
    }
    context.fireChannelWritabilityChanged()
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    receive(unwrapInboundIn(data))
  }

  /// Takes bytes of the WebSocket, also those that came behind the handshake.
  package func receive(_ buffer: ByteBuffer) {
    guard closeReason == nil else { return }
    lastReceived = loop.now()
    bytesReceived &+= UInt64(buffer.readableBytes)
    var position = 0
    while closeReason == nil {
      let event = unsafe buffer.withUnsafeReadableBytes { unsafe decoder.next($0, position: &position) }
      switch event {
      case .needsMore:
        return
      case .payload(let offset, let count, let mask):
        if let mask {
          receiveMasked(buffer, offset: offset, count: count, mask: mask)
        } else {
          receiveSession(buffer, from: buffer.readerIndex &+ offset, count: count)
        }
      case .ping:
        if !isFlood() { sendControlFrame(.pong, decoder.controlPayload) }
      case .pong, .empty:
        _ = isFlood()
      case .close:
        end(Self.isClosePayload(decoder.controlPayload) ? .closedByPeer : .webSocket(.protocolError))
      case .fault(let fault):
        end(.webSocket(fault))
      }
      if stalledBytes > Self.stalledLimit { end(.session(.flood)) }
    }
  }

  /// Counts a WebSocket frame that carries nothing for the session, and ends the tunnel at the limit.
  private func isFlood() -> Bool {
    let session = settings.session
    guard flood.record(now: lastReceived, limit: session.floodLimit, interval: session.floodInterval) else { return false }
    end(.session(.flood))
    return true
  }

  /// Nothing, or a status code that may be on the wire (RFC 6455 sections 5.5.1 and 7.4) and text.
  private static func isClosePayload(_ payload: [UInt8]) -> Bool {
    guard payload.count > 1 else { return payload.isEmpty }
    switch Int(payload[0]) << 8 | Int(payload[1]) {
    case 1000...1003, 1007...1014, 3000...4999: return true
    default: return false
    }
  }

  private func receiveMasked(_ buffer: ByteBuffer, offset: Int, count: Int, mask: WebSocketMask) {
    loop.inbound.clear(minimumCapacity: count)
    _ = unsafe buffer.withUnsafeReadableBytes { source in
      unsafe loop.inbound.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { destination in
        // Both regions have `count` bytes: the decoder said so of the source, the line above of the destination.
        if let from = source.baseAddress, let to = destination.baseAddress {
          unsafe mask.apply(from: from + offset, to: to, count: count)
        }
        return count
      }
    }
    let chunk = loop.inbound
    receiveSession(chunk, from: chunk.readerIndex, count: count)
  }

  // MARK: Time

  package func sweep(now: UInt64) {
    guard isOpen else { return }
    if now &- lastReceived > settings.pingTimeout, now > lastReceived {
      end(.silent)
    } else if now >= nextPing {
      ping(now)
    }
  }

  /// Sends a ping before its time; the delegate is told when it comes back, of this one and of none before it.
  package func ping() {
    if isOpen { ping(loop.now()) }
  }

  private func ping(_ now: UInt64) {
    nextPing = now &+ settings.pingInterval
    pingValue &+= 1
    pingSentAt = now
    append(YamuxFrameHeader(type: .ping, flags: .syn, streamID: 0, length: pingValue))
  }

  // MARK: The end

  /// Closes the tunnel and resets what is open on it.
  package func close() { end(.closed) }

  /// Agents of the plain kind come back only after a reset: a Close frame or an orderly end is the end of their work to them.
  private var leavesByReset: Bool { settings.session.role == .server && !settings.session.isPico }

  func end(_ reason: TunnelCloseReason) {
    guard closeReason == nil, let context else { return }
    // From here on nothing is received, and a flush that fails and reads once more does not come back here.
    closeReason = reason
    var isReset = false
    switch reason {
    case .webSocket(let fault):
      sendControlFrame(.close, [UInt8(fault.rawValue >> 8), UInt8(fault.rawValue & 0xFF)])
    case .session, .control:
      append(YamuxFrameHeader(type: .goAway, flags: [], streamID: 0, length: 1))
      sendControlFrame(.close, [0x03, 0xEA])
    case .closed where leavesByReset, .silent where leavesByReset:
      isReset = true
    case .closed:
      sendControlFrame(.close, [0x03, 0xE8])
    case .closedByPeer:
      sendControlFrame(.close, Array(decoder.controlPayload.prefix(2)))
    default:
      break
    }
    context.flush()
    tearDown(reason)
    if isReset { context.channel.closeByReset() } else { context.close(promise: nil) }
  }

  private func finish(_ reason: TunnelCloseReason) {
    guard closeReason == nil else { return }
    closeReason = reason
    tearDown(reason)
  }

  /// Every stream is taken from its user before the first of them is told, as a consumer may well touch another stream.
  private func tearDown(_ reason: TunnelCloseReason) {
    guard context != nil else { return }
    loop.stopSweeping(self)
    context = nil
    out = nil
    written = []
    ring = SlotRing()
    payloadStream = nil
    let open = streams.compactMap { $0 }
    streams = []
    let told = open.map { stream in
      (
        consumer: stream.consumer, code: stream.wasWritten ? StreamResetCode.sessionLost : .notSent,
        wasAcknowledged: machine.isAcknowledged(stream.slot)
      )
    }
    for stream in open { stream.clear() }
    spare = []
    control = nil
    for (consumer, code, wasAcknowledged) in told { consumer?.streamDidReset(code, wasAcknowledged: wasAcknowledged) }
    let delegate = delegate
    self.delegate = nil
    delegate?.tunnelDidClose(self, reason: reason)
  }
}
