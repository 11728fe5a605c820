package import NIOCore
package import PicoCore

/// Why a proxy opened no connection. Names the proxy and what it answered.
package struct ProxyFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  private init(_ description: String) { self.description = description }

  /// There is no connection to the proxy itself.
  package static func unreachable(_ proxy: HTTPProxy, _ error: any Error) -> ProxyFailure {
    ProxyFailure("cannot connect to the proxy \(proxy): \(ConnectErrorText.text(error))")
  }

  static func silent(_ proxy: HTTPProxy) -> ProxyFailure { ProxyFailure("the proxy \(proxy) gave no answer in time") }
  static func closed(_ proxy: HTTPProxy) -> ProxyFailure { ProxyFailure("the proxy \(proxy) ended the connection without an answer") }
  static func malformed(_ proxy: HTTPProxy) -> ProxyFailure { ProxyFailure("what the proxy \(proxy) answered is not HTTP") }

  static func headTooLarge(_ proxy: HTTPProxy) -> ProxyFailure {
    ProxyFailure("the proxy \(proxy) answered with a head of more than \(ByteSize(bytes: ProxyAnswer.maximumHead))")
  }

  static func refused(_ proxy: HTTPProxy, status: Int, reason: String) -> ProxyFailure {
    let said = "the proxy \(proxy) answered \(status)" + (reason.isEmpty ? "" : ": \(String(reason.prefix(200)).escapedForDisplay)")
    guard status == 407 else { return ProxyFailure(said) }
    return ProxyFailure(
      said + (proxy.authorization == nil ? " (its URL has no user and password)" : " (it does not take the user and password of its URL)"))
  }
}

/// Stands first in a connection to a proxy: asks it for a connection to `target`, keeps from all behind it that there is one until the proxy
/// has answered, and leaves. A failure is a ``ProxyFailure`` caught by those behind, who close.
package final class ProxyConnectHandler: ChannelInboundHandler, RemovableChannelHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  private let proxy: HTTPProxy
  private let target: HostPort
  private let timeout: TimeAmount
  private var answer = ProxyAnswer()
  private var deadline: Scheduled<Void>?
  private var isOver = false

  /// - Parameter timeout: from the connection to the end of the answer's head.
  package init(_ proxy: HTTPProxy, target: HostPort, timeout: TimeAmount) {
    self.proxy = proxy
    self.target = target
    self.timeout = timeout
  }

  package func channelActive(context: ChannelHandlerContext) {
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { self.fail(.silent(self.proxy), context) }
    var head = "CONNECT \(target) HTTP/1.1\r\nHost: \(target)\r\nUser-Agent: pico/\(PicoVersion.current)\r\n"
    if let authorization = proxy.authorization { head += "Proxy-Authorization: \(authorization)\r\n" }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: head + "\r\n")), promise: nil)
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isOver else { return }
    switch answer.receive(unwrapInboundIn(data).readableBytesView) {
    case .needsMore: break
    case .open(let rest): open(rest, context)
    case .refused(let status, let reason): fail(.refused(proxy, status: status, reason: reason), context)
    case .malformed: fail(.malformed(proxy), context)
    case .headTooLarge: fail(.headTooLarge(proxy), context)
    }
  }

  private func open(_ rest: [UInt8], _ context: ChannelHandlerContext) {
    isOver = true
    deadline?.cancel()
    context.fireChannelActive()
    if !rest.isEmpty {
      context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: rest)))
      context.fireChannelReadComplete()
    }
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }

  private func fail(_ failure: ProxyFailure, _ context: ChannelHandlerContext) {
    guard !isOver else { return }
    isOver = true
    deadline?.cancel()
    context.fireErrorCaught(failure)
  }

  package func channelInactive(context: ChannelHandlerContext) {
    fail(.closed(proxy), context)
    context.fireChannelInactive()
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if isOver { context.fireErrorCaught(error) } else { fail(.unreachable(proxy, error), context) }
  }
}
