internal import NIOCore
internal import NIOTLS
internal import PicoHTTP
internal import PicoTunnel

extension ProxyHandler {
  /// What a client that knows that we speak HTTP/2 begins with, up to the end of its first line (RFC 9113 section 3.4).
  private static let preface = Array("PRI * HTTP/2.0\r\n".utf8)

  /// Whether these bytes, which are no HTTP/1 and the first of their connection, are the beginning of HTTP/2 in the clear. Asked of those alone
  /// that are to be refused, so no other request pays for it.
  func isPrefaceOfHTTP2(_ bytes: ByteBuffer) -> Bool {
    guard edge == nil, http2 == nil, written == 0, port.contains(.requests), node.settings.maximumHTTP2Streams > 0 else { return false }
    return bytes.readableBytesView.starts(with: Self.preface)
  }

  /// Whether TLS and the client agreed on HTTP/2.
  func agreesOnHTTP2(_ event: Any) -> Bool {
    guard case .handshakeCompleted("h2")? = event as? TLSUserEvent else { return false }
    return http2 == nil && phase == .head
  }

  /// Hands the connection over: from here on each request comes to a handler of its own.
  func becomeHTTP2(with bytes: ByteBuffer?) {
    guard let context else { return }
    let connection = HTTP2Connection(self)
    leave()
    do {
      try connection.join(context.channel, behind: self)
    } catch {
      return context.close(promise: nil)
    }
    if let bytes {
      context.fireChannelRead(wrapInboundOut(bytes))
      context.fireChannelReadComplete()
    }
    _ = context.pipeline.syncOperations.removeHandler(self)
  }

  /// This handler's connection is one stream of that connection.
  func serve(_ connection: HTTP2Connection, _ stream: HTTP2StreamHandler) {
    http2 = stream
    forwarding = connection.forwarding
    forwarding.isHTTP2 = true
    peer = connection.peer
    statedClient = connection.statedClient
    routes = connection.routes
    knownToken = connection.knownToken
  }

  /// The request is none, or not as it began.
  func refuse(_ fault: HTTPFault) {
    node.logFault(fault, of: forwarding.clientAddress)
    switch phase {
    case .head where !isAwaitingAnswer: refuseHead(fault.requestError)
    case .head: context?.close(promise: nil)
    case .exchange where exchange.response != .done: abandon(fault.requestError)
    case .exchange, .upgraded, .lingering, .left: break
    }
  }
}
