internal import Logging
internal import NIOCore
internal import PicoClient
internal import PicoCore
internal import PicoHTTP
internal import PicoTransport
internal import Synchronization

/// Asks the service whether it is well, again and again, and tells the server. Two failures in a row are down, one success is up.
final class HealthProbe: Sendable {
  private struct State {
    var timer: RepeatedTask?
    var isRunning = false
    var failures = 0
    var isUp = true
  }

  private let service: UpstreamService
  private let eventLoop: any EventLoop
  private let logger: Logger
  private let listener: Listener
  private let interval: TimeAmount
  private let request: ByteBuffer
  private let state = Locked(State())

  private static let failuresBeforeDown = 2
  private static let shortestWait = TimeAmount.seconds(1)
  private static let longestWait = TimeAmount.seconds(5)

  /// Nil when the listener asks for no checks.
  init?(service: UpstreamService, eventLoop: any EventLoop, logger: Logger, _ listener: Listener) {
    let health = service.configuration.health
    guard health.path != nil || health.interval != nil else { return nil }
    self.service = service
    self.eventLoop = eventLoop
    self.logger = logger
    self.listener = listener
    interval = .nanoseconds((health.interval ?? .seconds(5)).nanoseconds)
    let host = service.configuration.hostHeader ?? service.authority
    request =
      health.path.map { ByteBuffer(string: "GET \($0) HTTP/1.1\r\nHost: \(host)\r\nUser-Agent: pico\r\nConnection: close\r\n\r\n") }
      ?? ByteBuffer()
  }

  func start() {
    let timer = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: interval) { [weak self] _ in self?.probe() }
    state.withLock { $0.timer = timer }
  }

  func stop() {
    let timer = state.withLock { $0.timer.take() }
    timer?.cancel()
  }

  private func probe() {
    let isRunning = state.withLock { state in
      defer { state.isRunning = true }
      return state.isRunning
    }
    guard !isRunning else { return }
    let outcome = eventLoop.makePromise(of: String?.self)
    let handler = ProbeHandler(request: request, waitsForTLS: service.usesTLS, outcome: outcome)
    let limit = min(max(interval, Self.shortestWait), Self.longestWait)
    let connect = service.connect(on: eventLoop, handler: handler)
    let deadline = eventLoop.scheduleTask(in: limit) { outcome.succeed("no answer in \(limit.nanoseconds / 1_000_000) ms") }
    connect.whenFailure { outcome.succeed(ConnectErrorText.text($0)) }
    outcome.futureResult.whenComplete { result in
      deadline.cancel()
      connect.whenSuccess { $0.close(promise: nil) }
      self.didEnd(reason: (try? result.get()) ?? nil)
    }
  }

  /// - Parameter reason: why the service is not well; nil if it is.
  private func didEnd(reason: String?) {
    let change: Bool? = state.withLock { state in
      state.isRunning = false
      guard state.timer != nil else { return nil }
      state.failures = reason == nil ? 0 : state.failures + 1
      let isUp = state.failures == 0 || (state.isUp && state.failures < Self.failuresBeforeDown)
      guard isUp != state.isUp else { return nil }
      state.isUp = isUp
      return isUp
    }
    guard let change else { return }
    var metadata: Logger.Metadata = [
      "endpoint": "\(service.configuration.endpoint)", "upstream": "\(service.configuration.upstream)",
    ]
    if let reason { metadata["reason"] = "\(reason.escapedForDisplay)" }
    logger.log(level: change ? .info : .warning, change ? "upstream is well" : "upstream is not well", metadata: metadata)
    listener.setHealth(isUp: change, reason: reason ?? "")
  }
}
