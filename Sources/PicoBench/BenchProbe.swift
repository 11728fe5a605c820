internal import NIOCore
internal import NIOPosix
internal import PicoCore
internal import PicoTransport

/// One request ahead of a measurement, to find the address and to say in one line what would spoil every request.
enum BenchProbe {
  /// The address that answered. Throws `PicoError`: `unreachable` when nothing answers in HTTP, `noAvailableUpstreams` when
  /// the server knows no listener of the endpoint, `usage` when the server was told none, `invalidToken` or `endpointNotPermitted` when it
  /// refuses.
  static func run(_ configuration: BenchConfiguration, _ tls: BenchTLS?, on group: any EventLoopGroup) async throws -> SocketAddress {
    let place = configuration.authority
    let template = RequestTemplate(configuration)
    let eventLoop = group.next()
    let answer = eventLoop.makePromise(of: Answer.self)
    let channel: any Channel
    do {
      channel = try await ClientBootstrap(group: eventLoop)
        .connectTimeout(.nanoseconds(configuration.timeout.nanoseconds))
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try tls?.secure(channel)
            try channel.pipeline.syncOperations.addHandler(ProbeHandler(template: template, answer: answer))
          }
        }
        .connect(host: configuration.host, port: configuration.port).get()
    } catch {
      answer.fail(error)
      throw PicoError(.unreachable, "cannot connect to \(place): \(reason(error))", side: .upstream)
    }
    guard let address = channel.remoteAddress else { throw PicoError(.unreachable, "\(place) went away", side: .upstream) }
    let timeout = eventLoop.scheduleTask(in: .nanoseconds(configuration.timeout.nanoseconds)) { answer.succeed(.silent) }
    let result = try await answer.futureResult.get()
    timeout.cancel()
    channel.close(promise: nil)
    switch result {
    case .silent:
      throw PicoError(.unreachable, "\(place) did not answer in \(configuration.timeout.text)", side: .upstream)
    case .untrusted(let reason):
      throw PicoError(.unreachable, "\(place): TLS failed: \(reason)", side: .upstream)
    case .closed:
      throw PicoError(.unreachable, "\(place) closed the connection without an answer", side: .upstream)
    case .malformed:
      throw PicoError(.unreachable, "what listens on \(place) does not answer in HTTP/1.1", side: .upstream)
    case .response(errorCode: PicoError.Code.noAvailableUpstreams.rawValue):
      let endpoint = configuration.endpoint ?? "?"
      throw PicoError(
        .noAvailableUpstreams, "endpoint \"\(endpoint)\" has no listener on \(place); start one: pico agent \(endpoint) localhost:3000",
        side: .upstream)
    case .response(errorCode: PicoError.Code.missingEndpointID.rawValue):
      throw PicoError(.usage, "\(place) needs an endpoint: --endpoint NAME", side: .downstream)
    case .response(errorCode: PicoError.Code.missingToken.rawValue):
      throw PicoError(.missingToken, "\(place) wants a token: --token-file FILE", side: .downstream)
    case .response(errorCode: let code?):
      let refusals: [PicoError.Code] = [.invalidToken, .expiredToken, .endpointNotPermitted]
      guard let refusal = refusals.first(where: { $0.rawValue == code }) else { return address }
      throw PicoError(refusal, "\(place) does not accept the token: \(refusal.words)", side: .downstream)
    case .response:
      return address
    }
  }

  enum Answer: Equatable, Sendable {
    /// `errorCode` is the value of `x-pico-error`.
    case response(errorCode: String?)
    case closed
    /// What is wrong with its TLS.
    case untrusted(String)
    case malformed
    case silent
  }

  /// The words of the system for a failure to connect.
  private static func reason(_ error: any Error) -> String {
    if let error = error as? NIOConnectionError {
      if let single = error.connectionErrors.first { return reason(single.error) }
      return "the name \(error.host) does not resolve"
    }
    if let error = error as? IOError {
      return SystemErrorText.text(error.errnoCode).lowercased()
    }
    if case ChannelError.connectTimeout = error { return "no answer in time" }
    return "\(error)"
  }
}

private final class ProbeHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let template: RequestTemplate
  private let answer: EventLoopPromise<BenchProbe.Answer>
  private var received = ByteBuffer()
  /// A second promise would be a bug: each way out goes through `finish`.
  private var isFinished = false

  init(template: RequestTemplate, answer: EventLoopPromise<BenchProbe.Answer>) {
    self.template = template
    self.answer = answer
  }

  func channelActive(context: ChannelHandlerContext) {
    context.write(Self.wrapOutboundOut(template.first), promise: nil)
    var left = template.bytesAfterFirst
    while left > 0, let slice = template.block.getSlice(at: template.block.readerIndex, length: min(left, template.block.readableBytes)) {
      left -= slice.readableBytes
      context.write(Self.wrapOutboundOut(slice), promise: nil)
    }
    context.flush()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var buffer = Self.unwrapInboundIn(data)
    guard !isFinished else { return }
    received.writeBuffer(&buffer)
    let text = String(buffer: received)
    guard text.hasPrefix("HTTP/1."), received.readableBytes < 128 * 1024 else {
      return "HTTP/1.".hasPrefix(text) ? () : finish(.malformed)
    }
    guard let end = text.firstRange(of: "\r\n\r\n") else { return }
    let lines = text[..<end.lowerBound].split(separator: "\r\n")
    let name = "x-pico-error:"
    let value = lines.first { $0.lowercased().hasPrefix(name) }?.dropFirst(name.count)
    finish(.response(errorCode: value.map { String($0.drop { $0 == " " }) }))
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish(.closed)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if TLSContext.isTLS(error) { finish(.untrusted(ConnectErrorText.text(error))) }
    context.close(promise: nil)
  }

  private func finish(_ result: BenchProbe.Answer) {
    guard !isFinished else { return }
    isFinished = true
    answer.succeed(result)
  }
}
