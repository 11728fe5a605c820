internal import NIOCore
internal import NIOPosix
internal import PicoCore
internal import PicoTunnel

/// A connection to the TCP service behind an endpoint: bytes both ways, each of which ends by itself.
///
/// ```
/// let connection = try await DialedConnection.dial(DialSettings(server: "http://localhost:8080", endpoint: "db"))
/// try await connection.write(Array("hello".utf8))
/// connection.finish()
/// while let bytes = try await connection.read() { … }
/// ```
/// All calls throw ``DialError``. A task that is cancelled while it waits here closes the connection; so does letting it go.
public final class DialedConnection: Sendable {
  private let eventLoop: any EventLoop
  private let inbox: NIOLoopBound<DialedInbox>

  private init(_ inbox: NIOLoopBound<DialedInbox>, _ eventLoop: any EventLoop) {
    self.inbox = inbox
    self.eventLoop = eventLoop
  }

  deinit {
    let inbox = inbox
    eventLoop.execute { inbox.value.close() }
  }

  /// Connects to the server and asks for the endpoint. That the service itself is there shows with the first read.
  public static func dial(_ settings: DialSettings) async throws -> DialedConnection {
    let dialer: EndpointDialer
    do throws(PicoError) {
      dialer = try EndpointDialer(settings)
    } catch {
      throw DialError(.invalidSettings, error.description)
    }
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let promise = eventLoop.makePromise(of: NIOLoopBound<DialedInbox>.self)
    eventLoop.execute {
      dialer.dial(on: LoopResources(eventLoop: eventLoop, index: 0)) { result in
        switch result {
        case .success(let stream): promise.succeed(NIOLoopBound(DialedInbox(stream), eventLoop: eventLoop))
        case .failure(let error): promise.fail(error)
        }
      }
    }
    let connection = DialedConnection(try await promise.futureResult.get(), eventLoop)
    try Task.checkCancellation()
    return connection
  }

  /// The next bytes, at least one; nil when the service has ended its side.
  public func read() async throws -> [UInt8]? {
    try await cancellable { $0.read() }
  }

  /// Returns when there is room for more.
  public func write(_ bytes: [UInt8]) async throws {
    try await cancellable { $0.write(bytes) }
  }

  /// Ends this side behind what was written; reading goes on.
  public func finish() {
    let inbox = inbox
    eventLoop.execute { inbox.value.stream.finish() }
  }

  /// Ends both sides at once.
  public func close() {
    let inbox = inbox
    eventLoop.execute { inbox.value.close() }
  }

  private func cancellable<Value: Sendable>(
    _ body: @escaping @Sendable (DialedInbox) -> EventLoopFuture<Value>
  ) async throws -> Value {
    let inbox = inbox
    return try await withTaskCancellationHandler {
      try await eventLoop.flatSubmit { body(inbox.value) }.get()
    } onCancel: {
      close()
    }
  }
}

/// What came and was not read yet, and who waits. Confined to its loop.
private final class DialedInbox: EndpointStreamConsumer {
  let stream: EndpointStream
  private let eventLoop: any EventLoop
  private var received: [UInt8] = []
  private var readers: CircularBuffer<EventLoopPromise<[UInt8]?>> = []
  private var writers: [EventLoopPromise<Void>] = []
  private var isEnded = false
  private var failure: DialError?

  /// Unread bytes at which the service is held up.
  private static let limit = 256 << 10

  init(_ stream: EndpointStream) {
    self.stream = stream
    eventLoop = stream.eventLoop
    stream.consumer = self
  }

  func read() -> EventLoopFuture<[UInt8]?> {
    let promise = eventLoop.makePromise(of: [UInt8]?.self)
    readers.append(promise)
    answer()
    return promise.futureResult
  }

  private func answer() {
    while let reader = readers.first {
      if !received.isEmpty {
        let bytes = received
        received = []
        readers.removeFirst()
        reader.succeed(bytes)
        stream.resume()
      } else if isEnded {
        readers.removeFirst()
        reader.succeed(nil)
      } else if let failure {
        readers.removeFirst()
        reader.fail(failure)
      } else {
        return
      }
    }
  }

  func write(_ bytes: [UInt8]) -> EventLoopFuture<Void> {
    if let failure { return eventLoop.makeFailedFuture(failure) }
    if stream.isFinished { return eventLoop.makeFailedFuture(DialError(.closed, "this side of the connection has ended")) }
    guard !stream.write(ByteBuffer(bytes: bytes)) else { return eventLoop.makeSucceededVoidFuture() }
    let promise = eventLoop.makePromise(of: Void.self)
    writers.append(promise)
    return promise.futureResult
  }

  func close() {
    stream.abort()
    streamDidClose(DialError(.closed, "the connection was closed"))
  }

  func streamDidReceive(_ bytes: ByteBuffer) {
    received.append(contentsOf: bytes.readableBytesView)
    if received.count >= Self.limit { stream.pause() }
    answer()
  }

  func streamDidEnd() {
    isEnded = true
    answer()
  }

  func streamDidBecomeWritable() {
    let waiting = writers
    writers = []
    for writer in waiting { writer.succeed() }
  }

  func streamDidClose(_ error: DialError?) {
    if failure == nil { failure = error ?? DialError(.closed, "the connection has ended") }
    let waiting = writers
    writers = []
    for writer in waiting { writer.fail(failure ?? DialError(.closed, "")) }
    answer()
  }
}
