package import Logging
package import NIOCore
package import PicoCore
internal import PicoTransport
internal import Synchronization

/// Sends spans to a collector by OTLP over HTTP, in batches, from a task of its own. A batch that the collector cannot take now is tried again a
/// few times while the queue fills; one that it refuses is dropped. Spans that nobody got are counted.
package final class SpanExporter: Sendable {
  /// Who has made the spans: the attributes of OpenTelemetry's resource.
  package struct Resource: Sendable {
    /// `service.name`.
    package var service: String
    /// `service.instance.id`.
    package var instance: String

    package init(service: String, instance: String) {
      self.service = service
      self.instance = instance
    }

    fileprivate var attributes: [(name: String, value: String)] {
      [("service.name", service), ("service.version", PicoVersion.current), ("service.instance.id", instance)]
    }
  }

  /// Since the start.
  package struct Counts: Sendable, Equatable {
    package var exported: UInt64 = 0
    /// Found the queue full.
    package var droppedByQueue: UInt64 = 0
    /// No collector took them.
    package var droppedByExport: UInt64 = 0
  }

  private struct State {
    var exported: UInt64 = 0
    var lost: UInt64 = 0
    var isFailing = false
    var task: Task<Void, Never>?
  }

  package let queue: SpanQueue
  private let fetch: DocumentFetch
  private let endpoint: CollectorURL
  private let headersFile: String?
  private let resource: Resource
  private let eventLoop: any EventLoop
  private let logger: Logger
  private let state = Locked(State())

  static let batch = 512
  /// Attempts at one batch.
  private static let attempts = 5
  private static let interval = Duration.milliseconds(500)
  private static let timeout = TimeAmount.seconds(10)
  private static let maximumAnswer = 64 << 10
  /// Of the last export of a process that ends.
  private static let patience = Duration.seconds(2)

  /// nil where nothing is traced.
  /// - Throws: `badConfiguration` for files that cannot be used.
  package convenience init?(
    _ configuration: TracingConfiguration, resource: Resource, on eventLoop: any EventLoop, queue: SpanQueue = SpanQueue(), logger: Logger
  ) throws(PicoError) {
    guard let endpoint = configuration.endpoint else { return nil }
    try self.init(endpoint, configuration, resource: resource, on: eventLoop, queue: queue, logger: logger)
  }

  private init(
    _ endpoint: CollectorURL, _ configuration: TracingConfiguration, resource: Resource, on eventLoop: any EventLoop, queue: SpanQueue,
    logger: Logger
  ) throws(PicoError) {
    self.endpoint = endpoint
    fetch = try DocumentFetch(
      server: endpoint.server, path: endpoint.path, caFile: configuration.ca, key: "tracing.tls.ca", maximumSize: Self.maximumAnswer,
      timeout: Self.timeout)
    headersFile = configuration.headersFile
    self.resource = resource
    self.eventLoop = eventLoop
    self.queue = queue
    self.logger = logger
    if let headersFile { _ = try CollectorHeaders.read(headersFile) }
  }

  package var counts: Counts {
    let (exported, lost) = state.withLock { ($0.exported, $0.lost) }
    return Counts(exported: exported, droppedByQueue: queue.dropped, droppedByExport: lost)
  }

  package func start() {
    let task = Task { await self.run() }
    state.withLock { $0.task = task }
  }

  /// Sends what is there, if that goes quickly; nothing is sent any more when it returns, so that the loop may end.
  package func stop() async {
    guard let task = state.withLock({ $0.task.take() }) else { return }
    task.cancel()
    await task.value
    await withTaskGroup { group in
      group.addTask {
        while !Task.isCancelled {
          let spans = self.queue.next(Self.batch)
          guard !spans.isEmpty else { return }
          if await self.send(spans) != .done { self.lose(spans) }
        }
      }
      group.addTask { try? await Task.sleep(for: Self.patience) }
      await group.next()
      group.cancelAll()
    }
    while case let left = queue.next(Self.batch), !left.isEmpty { lose(left) }
  }

  private func run() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: Self.interval)
      while !Task.isCancelled {
        let spans = queue.next(Self.batch)
        guard !spans.isEmpty else { break }
        await export(spans)
      }
    }
  }

  private func export(_ spans: [FinishedSpan]) async {
    var backoff = Backoff(initial: .seconds(1), maximum: .seconds(15))
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<Self.attempts {
      switch await send(spans) {
      case .done: return
      case .refused: return lose(spans)
      case .later: try? await Task.sleep(for: backoff.next(using: &generator))
      }
      // What was on its way goes out with the rest.
      if Task.isCancelled { return queue.putBack(spans) }
    }
    lose(spans)
  }

  private enum Outcome {
    case done
    /// A later attempt may do.
    case later
    case refused
  }

  private func send(_ spans: [FinishedSpan]) async -> Outcome {
    let body = OTLPRequest.bytes(spans, resource: resource.attributes, version: PicoVersion.current)
    do {
      let headers = try headersFile.map(CollectorHeaders.read) ?? []
      _ = try await fetch.post(body, type: OTLPRequest.contentType, headers: headers, on: eventLoop)
    } catch {
      note("\(error)")
      let status = (error as? DocumentFetch.Failure)?.status
      // Source: the OTLP specification, "Failures": every other status is for good.
      return status.map { [429, 502, 503, 504].contains($0) } ?? true ? .later : .refused
    }
    let wasFailing = state.withLock { state in
      state.exported &+= UInt64(spans.count)
      defer { state.isFailing = false }
      return state.isFailing
    }
    if wasFailing { logger.info("spans are exported again", metadata: ["collector": "\(endpoint)"]) }
    return .done
  }

  /// Says once that it fails; the rest is in the metrics.
  private func note(_ reason: String) {
    let isFirst = state.withLock { state in
      defer { state.isFailing = true }
      return !state.isFailing
    }
    guard isFirst, !Task.isCancelled else { return }
    logger.warning("spans cannot be exported", metadata: ["collector": "\(endpoint)", "reason": "\(reason.escapedForDisplay)"])
  }

  private func lose(_ spans: [FinishedSpan]) { state.withLock { $0.lost &+= UInt64(spans.count) } }
}
