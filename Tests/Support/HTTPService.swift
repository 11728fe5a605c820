internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import PicoCore
internal import Synchronization
package import NIOSSL

/// A small HTTP service for tests, on a port of 127.0.0.1: keeps what it is asked, and answers as it is told.
package final class HTTPService: Sendable {
  package struct Request: Sendable {
    package var method: String
    package var target: String
    /// Names in lower case, in order.
    package var fields: [(name: String, value: String)]
    package var body: [UInt8] = []

    package func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
  }

  package struct Answer: Sendable {
    package var status: Int
    package var body: String

    package init(status: Int = 200, body: String = "ok") {
      self.status = status
      self.body = body
    }
  }

  fileprivate final class Record: Sendable {
    let requests = Locked<[Request]>([])
  }

  private let channel: any Channel
  private let record: Record

  private init(_ channel: any Channel, _ record: Record) {
    self.channel = channel
    port = channel.localAddress?.port ?? 0
    self.record = record
  }

  /// - Parameter tls: encrypts.
  package static func start(tls: NIOSSLContext? = nil, _ answer: @escaping @Sendable (Request) -> Answer = { _ in Answer() }) async throws
    -> HTTPService
  {
    let record = Record()
    let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
          try pipeline.configureHTTPServerPipeline()
          try pipeline.addHandler(ServiceHandler(record, answer))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return HTTPService(channel, record)
  }

  /// Also once it has stopped.
  package let port: Int
  /// All that came whole so far.
  package var requests: [Request] { record.requests.withLock { $0 } }

  /// Takes no more connections.
  package func stop() async throws { try await channel.close().get() }
}

private final class ServiceHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let record: HTTPService.Record
  private let answer: @Sendable (HTTPService.Request) -> HTTPService.Answer
  private var request: HTTPService.Request?
  private var isKeptAlive = true

  init(_ record: HTTPService.Record, _ answer: @escaping @Sendable (HTTPService.Request) -> HTTPService.Answer) {
    self.record = record
    self.answer = answer
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch Self.unwrapInboundIn(data) {
    case .head(let head):
      isKeptAlive = head.isKeepAlive
      request = .init(method: head.method.rawValue, target: head.uri, fields: head.headers.map { ($0.name.lowercased(), $0.value) })
    case .body(let part): request?.body += part.readableBytesView
    case .end:
      guard let request = request.take() else { return }
      record.requests.withLock { $0.append(request) }
      let answer = answer(request)
      let fields: HTTPHeaders = ["content-length": "\(answer.body.utf8.count)"]
      let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: answer.status), headers: fields)
      context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
      context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
      let written = context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).assumeIsolated()
      if !isKeptAlive { written.whenComplete { _ in context.close(promise: nil) } }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
