internal import Logging
internal import NIOCore
internal import PicoClient
internal import PicoCore
internal import PicoHTTP
internal import PicoTracing
internal import PicoTransport
internal import PicoTunnel

/// One listener on one event loop: its idle connections to the service, the relays at work and those to use again.
///
/// The connection used last is used next, so that the rest may grow old and close.
final class UpstreamPool: StreamAcceptor, Sweepable {
  let resources: LoopResources
  let service: UpstreamService
  var statistics = RelayStatistics()
  let accessLog: AccessLog?
  /// Nil when nothing is traced.
  let tracer: SpanTracer?
  private let logger: Logger
  private var idle: [UpstreamConnection] = []
  private var spare: [UpstreamRelay] = []
  private var active: ContiguousArray<UpstreamRelay> = []
  private var isUnreachableLogged = false
  /// Of a service that speaks HTTP/2; then nothing is ever idle here.
  private(set) var http2: HTTP2Upstream?

  private static let keptRelays = 256
  /// A request that may not be sent twice takes a connection that was used this short a time ago, or a fresh one.
  private static let freshWithin: UInt64 = 500_000_000

  init(service: UpstreamService, resources: LoopResources, accessLog: AccessLog?, tracer: SpanTracer? = nil, logger: Logger) {
    self.service = service
    self.tracer = tracer
    self.accessLog = accessLog
    self.logger = logger
    self.resources = resources
    resources.startSweeping(self)
    guard service.speaksHTTP2 else { return }
    http2 = HTTP2Upstream(service: service, resources: resources) { [unowned self] in countConnect() }
  }

  /// Closes what is idle; what is at work ends with its streams.
  func close() {
    resources.stopSweeping(self)
    for connection in idle { connection.discard() }
    http2?.close()
  }

  /// Streams that are open.
  var activeCount: Int { active.count }
  var idleCount: Int { idle.count }

  // MARK: Relays

  func accept(_ stream: TunnelStream, on tunnel: TunnelHandler) -> (any StreamConsumer)? {
    let relay = spare.popLast() ?? UpstreamRelay(pool: self)
    relay.position = active.count
    active.append(relay)
    relay.begin(stream, isPico: tunnel.settings.session.isPico)
    return relay
  }

  func release(_ relay: UpstreamRelay) {
    let last = active.count - 1
    if relay.position != last {
      active[relay.position] = active[last]
      active[relay.position].position = relay.position
    }
    active.removeLast()
    if spare.count < Self.keptRelays { spare.append(relay) }
  }

  // MARK: Connections

  /// An idle connection that suits the request, or nil.
  func take(mayRepeat: Bool) -> UpstreamConnection? {
    guard let last = idle.last else { return nil }
    let now = resources.now()
    guard now < last.idleUntil, mayRepeat || now &- last.idleSince < Self.freshWithin else { return nil }
    idle.removeLast()
    statistics.reuses &+= 1
    return last
  }

  /// Gives the relay a new connection, which may be there or have failed when this returns.
  func connect(for relay: UpstreamRelay) {
    let connection = UpstreamConnection(pool: self)
    connection.relay = relay
    relay.connection = connection
    connection.connect()
  }

  func give(_ connection: UpstreamConnection, keepAliveSeconds: Int?) {
    connection.relay = nil
    // What waited behind a pause arrives now, and nobody asked for it.
    connection.resume()
    guard http2 == nil, idle.count < service.configuration.poolSize, !connection.isClosed else { return connection.discard() }
    let now = resources.now()
    connection.idleSince = now
    // A second less than the service says, so that the two do not close and write at once.
    let limit = keepAliveSeconds.map { UInt64(min(max($0 - 1, 0), 3600)) &* 1_000_000_000 }
    connection.idleUntil = now &+ (limit ?? service.poolIdle)
    idle.append(connection)
  }

  func didConnect(_ connection: UpstreamConnection) {
    // A stream of a connection that was counted when it was made.
    if http2 == nil { countConnect() } else { statistics.reuses &+= 1 }
  }

  private func countConnect() {
    statistics.connects &+= 1
    isUnreachableLogged = false
  }

  func remove(_ connection: UpstreamConnection, error: (any Error)?) {
    if let index = idle.lastIndex(where: { $0 === connection }) { idle.remove(at: index) }
    guard !connection.isReady, let error else { return }
    statistics.connectFailures &+= 1
    // One line when the service goes away; the rest is in the metrics.
    let level: Logger.Level = isUnreachableLogged ? .debug : .warning
    isUnreachableLogged = true
    let isTLS = TLSContext.isTLS(error)
    logger.log(
      level: level, isTLS ? "TLS with the upstream failed" : "cannot connect to the upstream",
      metadata: [
        "endpoint": "\(service.configuration.endpoint)", "upstream": "\(service.configuration.upstream)",
        "reason": "\(ConnectErrorText.text(error).escapedForDisplay)",
      ])
  }

  func log(_ fault: HTTPFault) {
    logger.warning(
      "malformed response from the upstream",
      metadata: [
        "endpoint": "\(service.configuration.endpoint)", "upstream": "\(service.configuration.upstream)", "reason": "\(fault)",
      ])
  }

  func log(request fault: HTTPFault) {
    logger.warning(
      "malformed request from the server", metadata: ["endpoint": "\(service.configuration.endpoint)", "reason": "\(fault)"])
  }

  // MARK: Time

  func sweep(now: UInt64) {
    var index = active.count - 1
    while index >= 0 {
      // A relay that ends takes the last one's place, which was looked at already.
      if index < active.count { active[index].sweep(now: now) }
      index -= 1
    }
    // The oldest are in front.
    while let first = idle.first(where: { now >= $0.idleUntil }) { first.discard() }
  }
}
