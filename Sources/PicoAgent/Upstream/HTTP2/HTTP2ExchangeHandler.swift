internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import PicoHTTP
internal import PicoHTTP2
internal import PicoTunnel

/// One stream to a service that speaks HTTP/2, in front of an ``UpstreamConnection`` that takes it for a connection of HTTP/1.1: the request
/// is taken apart by the same parsers that read it from the tunnel, the response comes as bytes that ``MessageWriter`` made.
final class HTTP2ExchangeHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = HTTP2Frame.FramePayload

  private enum Request {
    case head
    case body
    /// END_STREAM was written.
    case ended
    case reset
  }

  private let connection: HTTP2UpstreamConnection
  private let upstream: HTTP2Upstream
  private var request = Request.head
  private var body = BodyReader(.length(0))
  private var method = HTTPMethod.get
  private var response = MessageWriter()
  private var isHeadRead = false

  init(_ connection: HTTP2UpstreamConnection, _ upstream: HTTP2Upstream) {
    self.connection = connection
    self.upstream = upstream
  }

  func handlerRemoved(context: ChannelHandlerContext) { connection.streamDidEnd() }

  // MARK: The request

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    var bytes = unwrapOutboundIn(data)
    if request == .head, bytes.readableBytes > 0 { readHead(&bytes, context) }
    if request == .body { readBody(bytes, context) }
    promise?.succeed()
  }

  private func readHead(_ bytes: inout ByteBuffer, _ context: ChannelHandlerContext) {
    upstream.request.reset()
    guard case .complete(let count) = upstream.request.parse(bytes.readableBytesSpan, limit: .max) else {
      // The relay writes heads whole, of requests that it has parsed.
      return reset(.internalError, context)
    }
    method = upstream.request.method
    let framing = upstream.request.framing
    let headers = HPACKHeaders(upstream.request, bytes.readableBytesSpan)
    context.write(wrapOutboundOut(.headers(.init(headers: headers, endStream: framing.isComplete))), promise: nil)
    bytes.moveReaderIndex(forwardBy: count)
    request = framing.isComplete ? .ended : .body
    body = BodyReader(framing.kind)
  }

  private func readBody(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
    let span = bytes.readableBytesSpan
    var offset = 0
    // A payload waits for what follows: the last one takes END_STREAM along.
    var payload: ByteBuffer?
    while true {
      switch body.next(span, at: &offset) {
      case .payload(let range):
        if let payload { write(payload, context) }
        payload = bytes.getSlice(at: bytes.readerIndex &+ range.lowerBound, length: range.count)
      case .needsMore:
        if let payload { write(payload, context) }
        return
      case .ended(let trailers):
        request = .ended
        if let trailers {
          if let payload { write(payload, context) }
          context.write(wrapOutboundOut(.headers(.init(headers: trailers, endStream: true))), promise: nil)
        } else {
          write(payload ?? ByteBuffer(), isLast: true, context)
        }
        return
      case .failed:
        return reset(.internalError, context)
      }
    }
  }

  private func write(_ payload: ByteBuffer, isLast: Bool = false, _ context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(payload), endStream: isLast))), promise: nil)
  }

  // MARK: The response

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard request != .reset else { return }
    var bytes = upstream.resources.takeBuffer()
    do throws(HTTPFault) {
      try translate(unwrapInboundIn(data), into: &bytes)
    } catch {
      upstream.resources.giveBack(bytes)
      return context.fireErrorCaught(HTTP2ExchangeFailure.malformed(error))
    }
    if bytes.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(bytes)) }
    upstream.resources.giveBack(bytes)
  }

  private func translate(_ payload: HTTP2Frame.FramePayload, into out: inout ByteBuffer) throws(HTTPFault) {
    switch payload {
    case .headers(let headers) where !isHeadRead:
      let status = try response.writeResponse(headers.headers, isLast: headers.endStream, answering: method, into: &out)
      isHeadRead = status >= 200
    case .headers(let trailers):
      try response.writeTrailers(trailers.headers, into: &out)
    case .data(let data):
      guard isHeadRead else { throw .lengthDisagreesWithData }
      guard case .byteBuffer(let bytes) = data.data else { return }
      try response.writeData(bytes.readableBytesSpan, isLast: data.endStream, into: &out)
    default:
      break
    }
  }

  /// The service gave the stream up, or the connection did.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    request = .reset
    guard let closed = error as? NIOHTTP2Errors.StreamClosed else { return context.fireErrorCaught(error) }
    let isUnseen = closed.errorCode == .refusedStream || connection.lastServed.map { closed.streamID > $0 } ?? false
    context.fireErrorCaught(isUnseen && !isHeadRead ? HTTP2ExchangeFailure.refused : error)
  }

  // MARK: Closing

  /// The relay is done with it. A stream that has ended on both sides closes by itself.
  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    promise?.succeed()
    switch request {
    case .reset: break
    // Nothing of it is on the wire.
    case .head: context.close(promise: nil)
    case .ended where response.isEnded: break
    case .body, .ended: reset(.cancel, context)
    }
  }

  private func reset(_ code: HTTP2ErrorCode, _ context: ChannelHandlerContext) {
    request = .reset
    context.writeAndFlush(wrapOutboundOut(.rstStream(code)), promise: nil)
  }
}

/// Why a stream to a service ended, where that decides what becomes of its exchange.
enum HTTP2ExchangeFailure: Error {
  /// The service said that it has not looked at the request (RFC 9113 section 8.7).
  case refused
  case malformed(HTTPFault)
}
