internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import PicoCore
internal import PicoTransport

/// Asks an admin port.
struct AdminClient {
  private let url: BaseURL
  private let token: String?
  private let tls: NIOSSLContext?
  /// For connecting and for the answer.
  private let timeout: TimeAmount

  private static let maximumBytes = 256 << 20

  init(_ url: BaseURL, tls: NIOSSLContext? = nil, token: String? = nil, timeout: TimeAmount = .seconds(10)) {
    self.url = url
    self.tls = tls
    self.token = token
    self.timeout = timeout
  }

  /// The body of a 200. Throws `PicoError`: `unreachable` when nothing answers, `forbidden` for 401 and 403, else what the status says.
  func get(_ path: String) async throws -> [UInt8] {
    let (status, body) = try await exchange(path)
    switch status {
    case 200: return body
    case 401: throw unauthorized
    case 403: throw PicoError(.forbidden, "\(url) refuses (status 403)", side: .downstream)
    case 503: throw PicoError(.overloaded, "\(url) is not ready (status 503)", side: .upstream)
    default: throw PicoError(.malformedResponse, "\(url)\(path) answers with status \(status): is it an admin port?", side: .upstream)
    }
  }

  /// The status and the body of whatever is answered, but 401 and 403. `json` is the body to send.
  func send(_ method: HTTPMethod, _ path: String, json: [UInt8]? = nil) async throws -> (status: Int, body: [UInt8]) {
    let answer = try await exchange(path, method, json)
    guard answer.status != 401 else { throw unauthorized }
    guard answer.status != 403 else {
      throw PicoError(.forbidden, "\(url) refuses (status 403): it takes actions of operators only", side: .downstream)
    }
    return answer
  }

  private var unauthorized: PicoError {
    let reason = token == nil ? "it wants a token (--token-file)" : "it does not accept the token"
    return PicoError(.invalidToken, "\(url) refuses (status 401): \(reason)", side: .downstream)
  }

  private func exchange(
    _ path: String, _ method: HTTPMethod = .GET, _ json: [UInt8]? = nil
  ) async throws -> (status: Int, body: [UInt8]) {
    let answer: EventLoopPromise<(status: Int, body: [UInt8])>
    let channel: any Channel
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    answer = eventLoop.makePromise()
    do {
      channel = try await ClientBootstrap(group: eventLoop)
        .connectTimeout(timeout)
        .channelInitializer { [tls, url] channel in
          channel.eventLoop.makeCompletedFuture {
            if let tls { try channel.pipeline.syncOperations.addHandler(TLSContext.handler(tls, host: url.address.host)) }
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(AnswerHandler(maximumBytes: Self.maximumBytes, answer: answer))
          }
        }
        .connect(host: url.address.host, port: url.address.port).get()
    } catch {
      answer.fail(error)
      throw PicoError(.unreachable, "cannot reach \(url); is pico server running?", side: .upstream)
    }
    let late = eventLoop.scheduleTask(in: timeout) { answer.fail(ChannelError.connectTimeout(timeout)) }
    defer {
      late.cancel()
      channel.close(promise: nil)
    }
    var headers = HTTPHeaders([("host", url.authority), ("user-agent", "pico/\(PicoVersion.current)"), ("connection", "close")])
    if let token { headers.add(name: "authorization", value: "Bearer \(token)") }
    if let json {
      headers.add(name: "content-type", value: "application/json")
      headers.add(name: "content-length", value: String(json.count))
    }
    let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    if let json { channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: json))), promise: nil) }
    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    do {
      return try await answer.futureResult.get()
    } catch let error where TLSContext.isTLS(error) {
      throw PicoError(.unreachable, "\(url): TLS failed: \(ConnectErrorText.text(error))", side: .upstream)
    } catch {
      throw PicoError(.unreachable, "\(url) gave no answer in HTTP; is it an admin port?", side: .upstream)
    }
  }
}

/// Collects one answer.
private final class AnswerHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  private struct TooLarge: Error {}

  private let maximumBytes: Int
  private let answer: EventLoopPromise<(status: Int, body: [UInt8])>
  private var status = 0
  private var body: [UInt8] = []

  init(maximumBytes: Int, answer: EventLoopPromise<(status: Int, body: [UInt8])>) {
    self.maximumBytes = maximumBytes
    self.answer = answer
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch Self.unwrapInboundIn(data) {
    case .head(let head): status = Int(head.status.code)
    case .body(let part):
      body.append(contentsOf: part.readableBytesView)
      if body.count > maximumBytes { answer.fail(TooLarge()) }
    case .end: answer.succeed((status, body))
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    answer.fail(error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    answer.fail(ChannelError.eof)
  }
}
