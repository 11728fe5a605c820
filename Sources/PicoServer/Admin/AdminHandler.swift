internal import NIOCore
internal import NIOHTTP1
internal import NIOWebSocket
internal import PicoAuth
internal import PicoCore
internal import PicoStatus

/// Answers the requests of one admin connection, one after the other.
final class AdminHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let policy: AdminPolicy
  private let authenticator: PortAuthenticator?
  private let source: any AdminSource
  private let gate: AdminGate?
  private let limits: AdminConnectionLimits
  /// Nil where there is no status WebSocket.
  private let watch: WatchUpgrade?
  /// Of the request that is coming.
  private var head: HTTPRequestHead?
  /// What came of its body, where it is wanted.
  private var body = ByteBuffer()
  /// Requests that came whole while an earlier one is being answered.
  private var waiting = CircularBuffer<(head: HTTPRequestHead, body: ByteBuffer)>()
  private var isAnswering = false
  /// The connection closes once everything that waits is answered: nothing more is read.
  private var isFinished = false

  /// Requests that may wait on one connection; one more ends it.
  private static let maximumWaiting = 16
  /// Bytes of their bodies together.
  private static let maximumWaitingBytes = 64 << 10

  init(
    policy: AdminPolicy, authenticator: PortAuthenticator? = nil, source: any AdminSource, gate: AdminGate? = nil,
    limits: AdminConnectionLimits,
    watch: WatchUpgrade?
  ) {
    self.policy = policy
    self.authenticator = authenticator
    self.source = source
    self.gate = gate
    self.limits = limits
    self.watch = watch
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isFinished else { return }
    switch Self.unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
    case .body(var part):
      guard head?.method == .POST else { break }
      body.writeBuffer(&part)
      // Behind a request that is being answered the limits of the connection do not count.
      if body.readableBytes > Self.maximumWaitingBytes { context.close(promise: nil) }
    case .end:
      guard let head else { return }
      let body = body
      self.head = nil
      self.body = ByteBuffer()
      limits.requestEnded()
      if !isAnswering {
        answer(head, body, context)
      } else if waiting.count < Self.maximumWaiting,
        waiting.reduce(body.readableBytes, { $0 + $1.body.readableBytes }) <= Self.maximumWaitingBytes
      {
        waiting.append((head, body))
      } else {
        context.close(promise: nil)
      }
    }
  }

  /// An error that has an answer ends the connection after it; behind a request that is still being answered it ends it after that.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A handshake that is wrong comes on as a request, and has its answer.
    guard !isFinished, !(error is NIOWebSocketUpgradeError) else { return }
    isFinished = true
    guard !isAnswering else { return }
    guard let response = response(to: error) else {
      context.close(promise: nil)
      return
    }
    isAnswering = true
    write(response, to: nil, context)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard let event = event as? ChannelEvent, event == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
    isFinished = true
    if !isAnswering { context.close(promise: nil) }
  }

  private func randomRequestID() -> String {
    var generator = SystemRandomNumberGenerator()
    return RequestID.random(using: &generator).description
  }

  private func response(to error: any Error) -> AdminResponse? {
    switch error {
    case AdminConnectionLimits.Exceeded.size where head != nil: AdminResponse(.requestBodyTooLarge, status: .payloadTooLarge)
    case AdminConnectionLimits.Exceeded.size, HTTPParserError.headerOverflow:
      AdminResponse(.requestHeadTooLarge, status: .requestHeaderFieldsTooLarge)
    case AdminConnectionLimits.Exceeded.time: AdminResponse(.requestTimeout, status: .requestTimeout)
    case is HTTPParserError: AdminResponse(.malformedRequest, status: .badRequest)
    default: nil
    }
  }

  private func answer(_ head: HTTPRequestHead, _ body: ByteBuffer, _ context: ChannelHandlerContext) {
    isAnswering = true
    let request = AdminRequest(head)
    guard let authenticator else { return answer(request, .anonymous, head, body, context) }
    let client = context.channel.peerAddress
    if let access = authenticator.access(of: request, from: client) { return answer(request, access, head, body, context) }
    context.eventLoop.makeFutureWithTask { await authenticator.accessLater(of: request, from: client) }
      .assumeIsolated()
      .whenComplete { result in
        self.answer(request, (try? result.get()) ?? .refused(.missing), head, body, context)
      }
  }

  private func answer(
    _ request: AdminRequest, _ access: AdminAccess, _ head: HTTPRequestHead, _ body: ByteBuffer, _ context: ChannelHandlerContext
  ) {
    if access == .heldBack { gate?.noteHeldBack(context.channel.peerAddress) }
    let caller = Operator(context.channel, role: policy.role(of: request, access), access)
    let scope = caller.scope
    switch policy.decide(request, access) {
    case .refuse(let response):
      write(response, to: head, context)
    case .serve(.health):
      write(AdminResponse(status: .ok, body: Array("{\"status\":\"ok\"}\n".utf8)), to: head, context)
    case .serve(.ready):
      write(AdminResponse(readiness: source.readiness), to: head, context)
    case .serve(.metrics):
      writeLater(head, context) { source in
        let text = await source.metrics(scope).prometheusText(usage: ProcessUsage.current())
        return AdminResponse(status: .ok, contentType: PrometheusText.contentType, body: Array(text.utf8))
      }
    case .serve(.status):
      guard let extent = request.extent else {
        return write(AdminResponse(malformed: StatusError(code: .badMessage, message: "scope is cluster or node")), to: head, context)
      }
      writeLater(head, context) { source in
        AdminResponse(status: .ok, body: await source.statusSnapshot(scope, of: extent).json)
      }
    case .serve(.route):
      guard let question = RouteQuestion(query: request.query) else {
        return write(AdminResponse(.malformedRequest, status: .badRequest), to: head, context)
      }
      writeLater(head, context) { source in
        guard let answer = await source.route(question, scope) else { return AdminResponse(.forbidden, status: .forbidden) }
        return AdminResponse(status: .ok, body: answer.json + [0x0A])
      }
    case .serve(.watch):
      // Only requests that did not become a WebSocket come here.
      write(watch?.refusal(of: head) ?? AdminResponse(.notFound, status: .notFound), to: head, context)
    case .serve(.blocks):
      writeLater(head, context) { source in AdminResponse(blocks: await source.blocks(scope)) }
    case .serve(.block(let id)) where head.method == .DELETE:
      writeLater(head, context) { source in
        AdminResponse(await source.perform(.unblock(id: AdminRequest.randomActionID(), block: id), by: caller))
      }
    case .serve(.block(let id)):
      writeLater(head, context) { source in AdminResponse(block: await source.blocks(scope).first { $0.id == id }) }
    case .serve(.disconnect(let listener)):
      do throws(StatusError) {
        let json = body.readableBytes == 0 ? Array("{}".utf8) : Array(body.readableBytesView)
        let disconnect = try Disconnect(json: json, listener: listener, id: AdminRequest.randomActionID())
        writeLater(head, context) { source in AdminResponse(await source.perform(.disconnect(disconnect), by: caller)) }
      } catch {
        write(AdminResponse(malformed: error), to: head, context)
      }
    }
  }

  /// Builds the answer away from the event loop.
  private func writeLater(
    _ head: HTTPRequestHead, _ context: ChannelHandlerContext, _ build: @escaping @Sendable (any AdminSource) async throws -> AdminResponse
  ) {
    let source = source
    context.eventLoop.makeFutureWithTask { try await build(source) }
      .assumeIsolated()
      .whenComplete { result in
        let response = (try? result.get()) ?? AdminResponse(.internalError, status: .internalServerError)
        self.write(response, to: head, context)
      }
  }

  /// `request` is nil for an error before there was a whole one: then the connection closes.
  private func write(_ response: AdminResponse, to request: HTTPRequestHead?, _ context: ChannelHandlerContext) {
    let keepAlive = request?.isKeepAlive ?? false
    if !keepAlive {
      isFinished = true
      waiting.removeAll()
    }
    var headers = HTTPHeaders()
    headers.add(name: "content-type", value: response.contentType)
    headers.add(name: "content-length", value: String(response.body.count))
    headers.add(name: "cache-control", value: "no-store")
    headers.add(name: "x-content-type-options", value: "nosniff")
    if let code = response.errorCode {
      headers.add(name: "x-pico-error", value: code)
      headers.add(name: "x-request-id", value: request.flatMap { AdminRequest($0).requestID } ?? randomRequestID())
    }
    if response.status == .tooManyRequests { headers.add(name: "retry-after", value: "1") }
    if response.status == .unauthorized { headers.add(name: "www-authenticate", value: "Bearer") }
    if let allow = response.allow { headers.add(name: "allow", value: allow) }
    if !keepAlive {
      headers.add(name: "connection", value: "close")
    } else if request?.version == .http1_0 {
      headers.add(name: "connection", value: "keep-alive")
    }
    let head = HTTPResponseHead(version: .http1_1, status: response.status, headers: headers)
    context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
    if request?.method != .HEAD {
      context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: response.body)))), promise: nil)
    }
    let written = context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).assumeIsolated()
    if let next = waiting.popFirst() {
      answer(next.head, next.body, context)
    } else {
      isAnswering = false
      limits.responseEnded(context: context)
      if isFinished {
        written.whenComplete { _ in
          if request == nil { self.linger(context) } else { context.close(promise: nil) }
        }
      }
    }
  }
}

extension AdminHandler {
  /// Closes after the other end did or a second, and drops what still comes: a connection that is closed over unread bytes is reset,
  /// and the reset may overtake the answer (RFC 9112 section 9.6).
  private func linger(_ context: ChannelHandlerContext) {
    context.close(mode: .output, promise: nil)
    context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { context.close(promise: nil) }
  }
}

extension AdminRequest {
  init(_ head: HTTPRequestHead) {
    let path = head.uri.prefix { $0 != "?" }
    var ids = head.headers["x-request-id"][...]
    let id = ids.popFirst()
    self.init(
      method: head.method, path: String(path),
      query: String(head.uri[path.endIndex...].dropFirst()),
      version: head.version, hosts: head.headers["host"], origins: head.headers["origin"],
      isForwarded: head.headers.contains { Self.isForwarding($0.name.lowercased()) },
      contentTypes: head.headers["content-type"],
      requestID: id.flatMap { id in
        // The bytes are looked at within the call, not kept.
        let isAcceptable = unsafe Array(id.utf8).withUnsafeBytes { unsafe RequestID.isAcceptable(bytes: $0) }
        return ids.isEmpty && isAcceptable ? id : nil
      },
      authorizations: head.headers["authorization"],
      ownAuthorizations: head.headers["x-pico-authorization"] + head.headers["x-piko-authorization"])
  }

  private static func isForwarding(_ name: String) -> Bool {
    name == "forwarded" || name == "via" || name == "x-real-ip" || name.hasPrefix("x-forwarded-")
  }
}
