internal import Logging
internal import NIOCore
internal import PicoCore
internal import PicoHTTP

/// Takes the PROXY protocol header from the front of a connection, tells the proxy handler whose connection it is, and leaves. A connection
/// that begins with anything else closes without an answer, as no HTTP client sent it. The handler behind it watches the time.
final class ProxyProtocolHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let proxy: ProxyHandler
  private var received = ByteBuffer()
  private var isDone = false

  init(_ proxy: ProxyHandler) { self.proxy = proxy }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isDone else { return context.fireChannelRead(data) }
    received.writeImmutableBuffer(unwrapInboundIn(data))
    switch ProxyProtocolHeader.parse(received.readableBytesSpan) {
    case .incomplete:
      break
    case .malformed:
      isDone = true
      proxy.logMalformedPreamble()
      context.close(promise: nil)
    case .complete(let header):
      isDone = true
      if let client = header.client { proxy.state(client: client) }
      guard proxy.isPeerPermitted else { return context.close(promise: nil) }
      received.moveReaderIndex(forwardBy: header.length)
      if received.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(received)) }
      context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
  }
}

extension ProxyHandler {
  /// The connection is not from whom it seems.
  func state(client: ProxyProtocolHeader.Client) {
    let address = client.address.description
    forwarding.clientAddress = HeaderText(address) ?? HeaderText()
    meet(client.address)
    statedClient = client.address.isIPv4 ? "\(address):\(client.port)" : "[\(address)]:\(client.port)"
  }

  /// Whether there is anything that its address may use this port for; counted when not.
  var isPeerPermitted: Bool {
    guard peer.permitted.isEmpty else { return true }
    node.limits.refusedConnections.record(port.counted, .address)
    return false
  }

  func logMalformedPreamble() {
    node.logger.debug("malformed PROXY protocol header", metadata: ["client": "\(forwarding.clientAddress.text)"])
  }
}
