internal import NIOCore
internal import PicoHTTP
internal import PicoTunnel

/// A service that speaks HTTP/2, as one event loop sees it: the connection that streams are opened on, made when the first one is wanted and
/// again when it is used up or gone. Confined to its loop.
final class HTTP2Upstream: Sweepable {
  let resources: LoopResources
  private let service: UpstreamService
  /// Told of each connection that is there.
  private let connected: () -> Void
  private var current: HTTP2UpstreamConnection?
  /// For the connection that is being made.
  private var waiting: [(Result<HTTP2UpstreamConnection, any Error>) -> Void] = []
  /// For heads of requests, each of which is read at once.
  var request = RequestHead()

  init(service: UpstreamService, resources: LoopResources, connected: @escaping () -> Void) {
    self.service = service
    self.resources = resources
    self.connected = connected
    resources.startSweeping(self)
  }

  /// Opens a stream with `handler` behind what makes HTTP/1.1 of it. The stream itself comes to be with the first bytes that are written.
  func open(_ handler: UpstreamConnection) -> EventLoopFuture<any Channel> {
    if let current, current.takesStreams { return current.open(handler) }
    let promise = resources.eventLoop.makePromise(of: (any Channel).self)
    connection { result in
      switch result {
      case .success(let connection): connection.open(handler).cascade(to: promise)
      case .failure(let error): promise.fail(error)
      }
    }
    return promise.futureResult
  }

  /// Those who ask while one is being made share it.
  private func connection(_ use: @escaping (Result<HTTP2UpstreamConnection, any Error>) -> Void) {
    waiting.append(use)
    guard waiting.count == 1 else { return }
    let connection = HTTP2UpstreamConnection(self)
    service.connect(on: resources.eventLoop, handler: connection).assumeIsolated().whenComplete { [self] result in
      if case .success = result, connection.takesStreams {
        current = connection
        connected()
      }
      let uses = waiting
      waiting = []
      for use in uses { use(result.map { _ in connection }) }
    }
  }

  func didEnd(_ connection: HTTP2UpstreamConnection) {
    if current === connection { current = nil }
  }

  /// Ends what is idle; what is at work ends with its streams.
  func close() {
    resources.stopSweeping(self)
    current?.retire()
    current = nil
  }

  func sweep(now: UInt64) {
    guard let current, current.isIdle(now: now) else { return }
    self.current = nil
    current.retire()
  }
}
