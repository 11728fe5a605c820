internal import NIOCore
internal import NIOHTTP1
internal import PicoCore
internal import PicoTransport

/// Asks for the WebSocket, and reads the answer of a server that gives none.
final class StatusUpgradeHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  static let path = "/status/v1/watch"

  private let authority: String
  private let token: String?
  private let fail: (StatusFailure) -> Void

  init(authority: String, token: String?, fail: @escaping (StatusFailure) -> Void) {
    self.authority = authority
    self.token = token
    self.fail = fail
  }

  func channelActive(context: ChannelHandlerContext) {
    var headers = HTTPHeaders([("host", authority), ("user-agent", "pico/\(PicoVersion.current)")])
    if let token { headers.add(name: "authorization", value: "Bearer \(token)") }
    let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: Self.path, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if case .head(let head) = unwrapInboundIn(data) { fail(StatusFailure(status: Int(head.status.code))) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(StatusFailure(.notPico, "the server closed the connection without an answer"))
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case is HTTPParserError, is NIOHTTPClientUpgradeError:
      fail(StatusFailure(.notPico, "what answers is not the admin port of a Pico server"))
    case _ where TLSContext.isTLS(error): fail(StatusFailure(.unreachable, "TLS failed: \(error)"))
    default: fail(StatusFailure(.unreachable, ConnectErrorText.text(error)))
    }
  }
}
