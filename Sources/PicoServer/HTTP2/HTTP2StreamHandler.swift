internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import PicoHTTP
internal import PicoHTTP2
internal import PicoTunnel

/// One stream of HTTP/2, in front of a ``ProxyHandler`` that takes it for an HTTP/1.1 connection with one request: requests go in as bytes
/// that ``MessageWriter`` made, and what comes out is taken apart by the same parsers that read responses of services.
///
/// Ends are those of HTTP/2: END_STREAM ends a response, and closing is a reset where that was not sent, or where the client still sends. The
/// response to a malformed request ends with a reset in place of END_STREAM (RFC 9113 section 8.1.1).
final class HTTP2StreamHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = HTTP2Frame.FramePayload

  private enum Response {
    case head
    case body
    /// The last of it was written.
    case ended
    /// A reset was written or came.
    case reset
  }

  private let connection: HTTP2Connection
  private let proxy: ProxyHandler
  private var context: ChannelHandlerContext?
  private var request = MessageWriter()
  private var method = HTTPMethod.get
  private var isHeadRead = false
  /// Why nothing of the request is looked at any more.
  private var fault: HTTPFault?
  private var response = Response.head
  private var body = BodyReader(.length(0))
  private var end: EventLoopFuture<Void>?
  private var isEndFlushed = false
  /// Payload that went through the client's window.
  private(set) var taken = 0
  private var isWindowHeld = false

  /// From here on a write is worth being told when it is taken.
  private static let toldFrom = 4 << 10

  init(_ connection: HTTP2Connection, _ proxy: ProxyHandler) {
    self.connection = connection
    self.proxy = proxy
  }

  private var loop: LoopContext { connection.loop }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    releaseWindow()
    connection.routes = proxy.routes
    connection.knownToken = proxy.knownToken
    // The two hold each other.
    proxy.http2 = nil
    connection.streamDidEnd()
  }

  func channelInactive(context: ChannelHandlerContext) {
    if response != .ended { response = .reset }
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    response = .reset
    context.fireErrorCaught(error)
  }

  // MARK: The request

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard fault == nil else { return }
    switch unwrapInboundIn(data) {
    case .headers(let headers) where !isHeadRead:
      isHeadRead = true
      pass(context) { out throws(HTTPFault) in method = try request.writeRequest(headers.headers, isLast: headers.endStream, into: &out) }
    case .headers(let trailers):
      pass(context) { out throws(HTTPFault) in try request.writeTrailers(trailers.headers, into: &out) }
    case .data(let data):
      guard case .byteBuffer(let bytes) = data.data else { return }
      pass(context) { out throws(HTTPFault) in try request.writeData(bytes.readableBytesSpan, isLast: data.endStream, into: &out) }
    default:
      break
    }
  }

  private func pass(_ context: ChannelHandlerContext, _ write: (inout ByteBuffer) throws(HTTPFault) -> Void) {
    var bytes = loop.resources.takeBuffer()
    do throws(HTTPFault) {
      try write(&bytes)
    } catch {
      fault = error
      loop.resources.giveBack(bytes)
      return proxy.refuse(error)
    }
    if bytes.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(bytes)) }
    loop.resources.giveBack(bytes)
  }

  /// The proxy reads no more for now. What the window lets in meanwhile counts as unread bytes of the node.
  func holdWindow() {
    guard !isWindowHeld, !request.isEnded, context != nil else { return }
    isWindowHeld = true
    loop.hold(HTTP2Options.streamWindow)
  }

  func releaseWindow() {
    guard isWindowHeld else { return }
    isWindowHeld = false
    loop.hold(-HTTP2Options.streamWindow)
  }

  // MARK: The response

  /// The request was none of HTTP/2, which is a stream error. CONNECT is, and is not offered.
  private var isMalformed: Bool { fault != nil && fault != .connectMethod }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    var bytes = unwrapOutboundIn(data)
    while response == .head, bytes.readableBytes > 0 { readHead(&bytes, context) }
    if response == .body { readBody(bytes, context) }
    guard let promise else { return }
    // Whoever asks wants to close behind everything.
    if let end { end.cascade(to: promise) } else { promise.succeed() }
  }

  private func readHead(_ bytes: inout ByteBuffer, _ context: ChannelHandlerContext) {
    let storage = loop.takeHead()
    defer { loop.giveBack(storage) }
    let question = ResponseHead.Question(method: method, asksForUpgrade: false)
    guard case .complete(let count) = storage.response.parse(bytes.readableBytesSpan, limit: .max, answering: question) else {
      // The proxy writes heads whole, and 101 only where it was asked for.
      return reset(.internalError, context)
    }
    let headers = HPACKHeaders(storage.response, bytes.readableBytesSpan)
    bytes.moveReaderIndex(forwardBy: count)
    guard !storage.response.isInterim else {
      return context.write(wrapOutboundOut(.headers(.init(headers: headers))), promise: nil)
    }
    let framing = storage.response.framing(answering: method)
    if framing.isComplete {
      writeLast(.headers(.init(headers: headers, endStream: !isMalformed)), context)
    } else {
      context.write(wrapOutboundOut(.headers(.init(headers: headers))), promise: nil)
      body = BodyReader(framing.kind)
      response = .body
    }
  }

  private func readBody(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
    let span = bytes.readableBytesSpan
    var offset = 0
    // A payload waits for what follows: the last one takes END_STREAM along.
    var payload: ByteBuffer?
    while true {
      switch body.next(span, at: &offset) {
      case .payload(let range):
        if let payload { writePayload(payload, context) }
        payload = bytes.getSlice(at: bytes.readerIndex &+ range.lowerBound, length: range.count)
      case .needsMore:
        if let payload { writePayload(payload, context) }
        return
      case .ended(nil):
        return writeLast(.data(.init(data: .byteBuffer(payload ?? ByteBuffer()), endStream: !isMalformed)), context)
      case .ended(let trailers?):
        if let payload { writePayload(payload, context) }
        return writeLast(.headers(.init(headers: trailers, endStream: !isMalformed)), context)
      case .failed:
        return reset(.internalError, context)
      }
    }
  }

  private func writePayload(_ payload: ByteBuffer, _ context: ChannelHandlerContext) {
    var promise: EventLoopPromise<Void>?
    if payload.readableBytes >= Self.toldFrom || !context.channel.isWritable {
      let told = context.eventLoop.makePromise(of: Void.self)
      told.futureResult.assumeIsolated().whenSuccess { [self] in taken &+= payload.readableBytes }
      promise = told
    }
    context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(payload)))), promise: promise)
  }

  private func writeLast(_ payload: HTTP2Frame.FramePayload, _ context: ChannelHandlerContext) {
    response = .ended
    let promise = context.eventLoop.makePromise(of: Void.self)
    end = promise.futureResult
    promise.futureResult.assumeIsolated().whenSuccess { [self] in isEndFlushed = true }
    context.write(wrapOutboundOut(payload), promise: promise)
  }

  // MARK: Closing

  /// The proxy is done with its connection. A stream that has ended on both sides closes by itself.
  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    promise?.succeed()
    switch response {
    case .reset: break
    case .ended where isEndFlushed && !isMalformed: if !request.isEnded { reset(.noError, context) }
    case .head, .body, .ended: reset(isMalformed ? .protocolError : response == .head ? .cancel : .internalError, context)
    }
  }

  private func reset(_ code: HTTP2ErrorCode, _ context: ChannelHandlerContext) {
    response = .reset
    context.writeAndFlush(wrapOutboundOut(.rstStream(code)), promise: nil)
  }
}
