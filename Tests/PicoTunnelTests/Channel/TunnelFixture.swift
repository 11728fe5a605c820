import NIOCore
import NIOEmbedded

@testable import PicoTunnel

/// Takes what a tunnel tells its owner.
final class RecordingDelegate: TunnelDelegate {
  var accepted: [TunnelStream] = []
  var messages: [ControlMessage] = []
  var goAways = 0
  var reasons: [TunnelCloseReason] = []
  var roundTrips = 0
  var accept: (TunnelHandler, TunnelStream) -> (any StreamConsumer)? = { _, stream in RecordingConsumer(stream) }

  func tunnel(_ tunnel: TunnelHandler, didAccept stream: TunnelStream) -> (any StreamConsumer)? {
    accepted.append(stream)
    return accept(tunnel, stream)
  }
  func tunnel(_ tunnel: TunnelHandler, didReceive message: ControlMessage) { messages.append(message) }
  func tunnel(_ tunnel: TunnelHandler, didMeasureRoundTrip nanoseconds: UInt64) { roundTrips += 1 }
  func tunnelDidReceiveGoAway(_ tunnel: TunnelHandler) { goAways += 1 }
  func tunnelDidClose(_ tunnel: TunnelHandler, reason: TunnelCloseReason) { reasons.append(reason) }
}

/// Keeps what arrives on a stream, and does what a test asks when it does.
class RecordingConsumer: StreamConsumer {
  var stream: TunnelStream?
  var received: [UInt8] = []
  var ends = 0
  var resets: [StreamResetCode] = []
  var wasAcknowledged: Bool?
  var writables = 0
  var consumes = false
  var onReceive: () -> Void = {}
  var onEnd: () -> Void = {}
  var onReset: () -> Void = {}
  var onWritable: () -> Void = {}

  init(_ stream: TunnelStream? = nil) { self.stream = stream }

  func streamDidReceive(_ bytes: ByteBuffer) {
    received += Array(bytes.readableBytesView)
    if consumes { stream?.consumed(bytes.readableBytes) }
    onReceive()
  }

  func streamDidEnd() {
    ends += 1
    onEnd()
  }

  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {
    resets.append(code)
    self.wasAcknowledged = wasAcknowledged
    stream = nil
    onReset()
  }

  func streamDidBecomeWritable() {
    writables += 1
    onWritable()
  }
}

extension TunnelStream {
  /// Writes bytes of an array.
  @discardableResult
  func send(_ bytes: [UInt8], end: Bool = false) -> Bool {
    // The buffer is the array's own; the stream copies it.
    unsafe bytes.withUnsafeBytes { unsafe write($0, end: end) }
  }
}

/// A tunnel on an embedded channel, with the bytes of its peer written by hand.
final class TunnelFixture {
  let loop: EmbeddedEventLoop
  let resources: LoopResources
  let channel: EmbeddedChannel
  let delegate = RecordingDelegate()
  let tunnel: TunnelHandler
  /// Messages that went out, as the channel got them.
  private(set) var messages: [[UInt8]] = []

  init(
    _ role: SessionSettings.Role, isPico: Bool = true, loop: EmbeddedEventLoop = EmbeddedEventLoop(),
    _ change: (inout TunnelSettings) -> Void = { _ in }
  )
    throws
  {
    self.loop = loop
    resources = LoopResources(eventLoop: loop, index: 0)
    var settings = TunnelSettings(role: role, isPico: isPico)
    change(&settings)
    tunnel = TunnelHandler(settings: settings, loop: resources, delegate: delegate)
    channel = EmbeddedChannel(loop: loop)
    try channel.pipeline.syncOperations.addHandler(tunnel)
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
  }

  /// Ends the tunnel and what it scheduled: an embedded loop must not be let go with tasks.
  func end() {
    tunnel.close()
    _ = try? channel.finish(acceptAlreadyClosed: true)
    loop.advanceTime(by: .seconds(2))
  }

  var isNode: Bool { tunnel.settings.session.role == .server }

  /// Runs the tick and returns the frames that went out in it.
  func tick() throws -> [SentFrame] {
    loop.run()
    return try sent()
  }

  /// What went out since the last call, without running the loop.
  func sent() throws -> [SentFrame] {
    var frames: [SentFrame] = []
    while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
      let bytes = Array(buffer.readableBytesView)
      messages.append(bytes)
      frames += SentFrame.parse(bytes, isMasked: !isNode)
    }
    return frames
  }

  func setWritable(_ isWritable: Bool) {
    channel.isWritable = isWritable
    channel.pipeline.fireChannelWritabilityChanged()
  }

  /// Bytes as they come from the socket.
  func receiveRaw(_ bytes: [UInt8]) throws {
    guard channel.isActive else { return }
    try channel.writeInbound(ByteBuffer(bytes: bytes))
  }

  /// Session bytes in one binary message, masked as the role wants it.
  func receive(_ bytes: [UInt8]) throws {
    try receiveRaw(WebSocketSample.frame(2, bytes, key: isNode ? [0x5A, 0x01, 0xC3, 0xFF] : nil))
  }

  /// Frames of the session in one binary message.
  func receive(_ headers: YamuxFrameHeader...) throws { try receive(headers.flatMap(Self.bytes)) }

  static func bytes(_ header: YamuxFrameHeader) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 12)
    // Twelve bytes are what a header takes.
    unsafe bytes.withUnsafeMutableBytes { raw in if let start = raw.baseAddress { unsafe header.write(to: start) } }
    return bytes
  }

  /// The control stream with messages on it, as an agent begins.
  func receiveControl(_ bytes: [UInt8], syn: Bool = true) throws {
    try receive(Self.bytes(SessionStateMachineTests.data(1, UInt32(bytes.count), syn ? .syn : [])) + bytes)
  }
}

/// A frame that a tunnel sent.
enum SentFrame: Equatable {
  case session(YamuxFrameHeader, payload: [UInt8])
  case close([UInt8])
  case pong([UInt8])
  case other([UInt8])

  /// Reads whole messages; session frames never cross messages of ours.
  static func parse(_ bytes: [UInt8], isMasked: Bool) -> [SentFrame] {
    let frames = DecodedFrames([bytes], expectsMask: isMasked)
    guard frames.fault == nil else { return [.other(bytes)] }
    var result: [SentFrame] = []
    var rest = frames.payload[...]
    while !rest.isEmpty {
      guard rest.count >= 12, let header = SessionStateMachineTests.read(Array(rest.prefix(12))) else { return [.other(bytes)] }
      rest = rest.dropFirst(12)
      let length = header.type == .data ? Int(header.length) : 0
      guard rest.count >= length else { return [.other(bytes)] }
      result.append(.session(header, payload: Array(rest.prefix(length))))
      rest = rest.dropFirst(length)
    }
    return result + frames.closes.map { .close($0) } + frames.pongs.map { .pong($0) }
  }

  var header: YamuxFrameHeader? { if case .session(let header, _) = self { header } else { nil } }
  var payload: [UInt8] { if case .session(_, let payload) = self { payload } else { [] } }
}
