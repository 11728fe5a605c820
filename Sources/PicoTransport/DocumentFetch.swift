package import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
package import PicoCore

/// Gets one small document over HTTP, or hands one in: no redirects, no proxies, no more than it was told to take.
package struct DocumentFetch: Sendable {
  private let server: BaseURL
  private let path: String
  private let address: AddressConnector
  private let tls: NIOSSLContext?
  private let maximumSize: Int
  private let timeout: TimeAmount

  /// - Parameters:
  ///   - path: with its slash in front, and the query.
  ///   - caFile: a PEM file of authorities; nil is the system's.
  ///   - key: the configuration key of `caFile`, for the error.
  ///   - timeout: from the first attempt to connect to the last byte.
  package init(
    server: BaseURL, path: String, caFile: String?, key: String, maximumSize: Int, timeout: TimeAmount
  ) throws(PicoError) {
    self.server = server
    self.path = path
    self.maximumSize = maximumSize
    self.timeout = timeout
    do {
      address = try AddressConnector(server.address)
    } catch {
      throw PicoError(.badConfiguration, "\(key): \(server) cannot be connected to", side: .internal, cause: error)
    }
    tls = server.isTLS ? try TLSContext.make(caFile: caFile, key: key) : nil
  }

  /// Why there is no document, in a few words.
  package struct Failure: Error, Sendable, CustomStringConvertible {
    package let description: String
    /// Of an answer that was not 200.
    package var status: Int?
  }

  /// The body of a 200. Ends with a failure when the task is cancelled; the loop has to live until it has ended.
  package func run(on eventLoop: any EventLoop) async throws(Failure) -> [UInt8] {
    try await exchange(.GET, headers: [("accept", "application/json")], body: nil, on: eventLoop)
  }

  /// POSTs a document and returns the body of a 200. Ends as ``run(on:)`` does.
  package func post(
    _ document: [UInt8], type: String, headers: [(String, String)], on eventLoop: any EventLoop
  ) async throws(Failure) -> [UInt8] {
    let own = [("content-type", type), ("content-length", String(document.count))]
    return try await exchange(.POST, headers: own + headers, body: ByteBuffer(bytes: document), on: eventLoop)
  }

  private func exchange(
    _ method: HTTPMethod, headers: [(String, String)], body: ByteBuffer?, on eventLoop: any EventLoop
  ) async throws(Failure) -> [UInt8] {
    let answer = eventLoop.makePromise(of: [UInt8].self)
    let (tls, host, maximumSize, timeout) = (tls, server.address.host, maximumSize, timeout)
    let late = eventLoop.scheduleTask(in: timeout) {
      answer.fail(Failure(description: "no answer in \(timeout.nanoseconds / 1_000_000_000) s"))
    }
    let connecting = address.connect(on: eventLoop) {
      ClientBootstrap(group: eventLoop).connectTimeout(timeout).channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          if let tls { try pipeline.addHandler(TLSContext.handler(tls, host: host)) }
          try pipeline.addHTTPClientHandlers()
          try pipeline.addHandler(DocumentHandler(maximumSize: maximumSize, answer: answer))
        }
      }
    }
    let own = [("host", server.authority), ("user-agent", "pico/\(PicoVersion.current)"), ("connection", "close")]
    let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: HTTPHeaders(own + headers))
    connecting.whenComplete { result in
      switch result {
      case .failure(let error): answer.fail(Failure(description: ConnectErrorText.text(error)))
      case .success(let channel):
        answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if let body { channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil) }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
      }
    }
    defer { late.cancel() }
    do {
      return try await withTaskCancellationHandler {
        try await answer.futureResult.get()
      } onCancel: {
        answer.fail(Failure(description: "stopped"))
      }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(description: "\(error)")
    }
  }
}

/// Collects one answer.
private final class DocumentHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  private let maximumSize: Int
  private let answer: EventLoopPromise<[UInt8]>
  private var body: [UInt8] = []

  init(maximumSize: Int, answer: EventLoopPromise<[UInt8]>) {
    self.maximumSize = maximumSize
    self.answer = answer
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch Self.unwrapInboundIn(data) {
    case .head(let head):
      if head.status.code >= 200, head.status != .ok {
        fail("it answers with status \(head.status.code)", status: Int(head.status.code), context)
      }
    case .body(let part):
      body.append(contentsOf: part.readableBytesView)
      if body.count > maximumSize { fail("it has more than \(maximumSize) bytes", context) }
    case .end: answer.succeed(body)
    }
  }

  private func fail(_ reason: String, status: Int? = nil, _ context: ChannelHandlerContext) {
    answer.fail(DocumentFetch.Failure(description: reason, status: status))
    context.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail(TLSContext.isTLS(error) ? "TLS: \(error)" : ConnectErrorText.text(error), context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    answer.fail(DocumentFetch.Failure(description: "the connection ended before the answer"))
  }
}
