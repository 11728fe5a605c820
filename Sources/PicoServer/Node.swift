internal import Logging
internal import NIOCore
internal import PicoCluster
package import PicoCore
internal import PicoHTTP
internal import PicoStatus
internal import PicoTracing
internal import PicoTunnel
internal import Synchronization

/// What all loops of a node share. Everything in it is immutable, atomic or locked.
package final class Node: Sendable {
  package let id: NodeID
  package let configuration: ServerConfiguration
  package let routes = RouteTable()
  let registry = ListenerRegistry()
  let blocks = BlockList()
  let limits: NodeLimits
  /// For the threads that accept, and the admin port; each loop has its own.
  let access: Locked<PortAccess>
  package let startedAt: Double
  let settings: ProxySettings
  let mailboxes: Mailboxes
  let logger: Logger
  let loopCount: Int
  let processor = ProcessorShare()
  let events: EventLog
  let tailed = TailLog()
  let authenticators: Authenticators
  /// Nil on a node that is alone.
  let link: LinkSettings?
  /// Nil when it is off.
  let accessLog: AccessLog?
  /// Request headers that it wants.
  let loggedHeaders: [HeaderName]
  /// Nil when nothing is traced.
  let tracer: SpanTracer?
  let spans: SpanExporter?
  let connections = Atomic<Int>(0)
  /// Connections that were accepted and that no loop has taken yet.
  let arrivals = Atomic<Int>(0)
  /// How many connections there have been that asked for more than whether the node is ready.
  let visits = Atomic<UInt64>(0)
  /// Of ``ProxyLimits``, for the threads that accept.
  let maxConnections: Atomic<Int>
  /// Of ``ProxyLimits``, for metrics.
  let maxBuffered: Atomic<Int>
  /// Cells of all loops that had traffic lately.
  let activeCells = Atomic<Int>(0)
  /// Unread bytes of all sessions, as far as the loops told.
  let buffered = Atomic<Int>(0)
  private let members = Locked<Membership?>(nil)
  private let shower = Locked<StatusPublisher?>(nil)
  private let leaving = Atomic<Bool>(false)
  private let draining = Atomic<Bool>(false)

  init(
    id: NodeID, configuration: ServerConfiguration, limits: ProxyLimits, loops: [LoopResources], logger: Logger, accessLog: AccessLog?,
    startedAt: Double, authenticators: Authenticators = Authenticators(),
    link: LinkSettings? = nil, spans: SpanExporter? = nil
  ) {
    self.id = id
    self.configuration = configuration
    settings = ProxySettings(configuration)
    maxConnections = Atomic(limits.maxConnections)
    maxBuffered = Atomic(limits.maxBuffered)
    self.logger = logger
    self.limits = NodeLimits(logger: logger)
    access = Locked(PortAccess(configuration))
    self.accessLog = accessLog
    loggedHeaders = accessLog?.format == .combined ? HeaderName.combinedLog : configuration.proxy.accessLogHeaders
    self.startedAt = startedAt
    self.authenticators = authenticators
    self.link = link
    self.spans = spans
    tracer = spans.map { SpanTracer(sample: configuration.tracing.sample, sink: $0.queue) }
    loopCount = loops.count
    events = EventLog(node: id)
    mailboxes = Mailboxes(loops: loops)
  }

  /// Nil on a node that is alone.
  var membership: Membership? {
    get { members.withLock { $0 } }
    set { members.withLock { $0 = newValue } }
  }

  /// Tells other nodes of this one too; nil before the ports are open and after they closed.
  var publisher: StatusPublisher? {
    get { shower.withLock { $0 } }
    set { shower.withLock { $0 = newValue } }
  }

  /// The node says that it is not ready, and serves on.
  package var isLeaving: Bool { leaving.load(ordering: .relaxed) }
  func startLeaving() { leaving.store(true, ordering: .relaxed) }
  /// Each response closes its connection.
  package var isDraining: Bool { draining.load(ordering: .relaxed) }
  func startDraining() { draining.store(true, ordering: .relaxed) }
  /// New requests should not be sent here: the node ends, or knows nothing of the others yet.
  var unreadiness: String? {
    if isLeaving { return "shutting down" }
    return membership?.unreadiness
  }
  var isAccessLogged: Bool { accessLog != nil }

  // MARK: Logs

  func logFault(_ fault: HTTPFault, of client: HeaderText) {
    logger.debug("malformed request", metadata: ["fault": "\(fault)", "client": "\(client.text)"])
  }

  func logResponseFault(_ fault: HTTPFault, _ listener: ListenerID?, of endpoint: EndpointID?) {
    logger.warning(
      "malformed response",
      metadata: [
        "fault": "\(fault)", "endpoint": "\(endpoint?.description ?? "")", "listener": "\(listener?.description ?? "")",
      ])
  }

  func logLeftOut(_ listener: Listener) {
    registry.note(listener)
    logger.warning(
      "listener left out: its agent cannot connect to the upstream",
      metadata: ["endpoint": "\(listener.endpoint)", "listener": "\(listener.id)"])
  }

  func logAccess(_ record: AccessRecord, _ exchange: ExchangeState, requestID: HeaderText, listener: Listener?, nanoseconds: UInt64) {
    guard accessLog?.format != .combined else {
      accessLog?.write { $0.combined(record.combined(exchange)) }
      return
    }
    accessLog?.write { line in
      line.field("client", record.client)
      line.field("method", record.method)
      line.field("host", record.host)
      line.field("target", record.target)
      line.field("protocol", "\(exchange.protocolName)")
      line.field("status", UInt64(clamping: exchange.status))
      line.field("duration_ms", nanoseconds: nanoseconds)
      line.field("bytes_in", UInt64(clamping: Int(exchange.requestBody.payloadBytes) + exchange.bytesInAfterSwitch))
      line.field("bytes_out", UInt64(clamping: exchange.bytesOut))
      line.field("request_id", requestID.text)
      if let limit = exchange.limit { line.field("limit", "\(limit.key)") }
      if let listener {
        line.field("endpoint", listener.endpoint.name)
        if !listener.endpoint.tenant.isDefault { line.field("tenant", listener.endpoint.tenant.name) }
        if let remote = listener.remote { line.field("node", remote.id.text) }
        if let id = exchange.listenerID(listener) { line.field("listener", id.description) }
      }
      for header in record.headers {
        // The bytes are copied within the call.
        unsafe Array(header.value.utf8).withUnsafeBytes { unsafe line.field(name: "header_" + header.name, bytes: $0) }
      }
    }
  }

  /// For whoever tails the endpoint.
  func recordTailed(
    _ record: AccessRecord, _ exchange: ExchangeState, of endpoint: EndpointID, requestID: HeaderText, listener: Listener?,
    nanoseconds: UInt64
  ) {
    let request = TailedRequest(
      id: "", at: .now().earlier(byNanoseconds: nanoseconds), method: record.method, path: record.redactedPath, status: exchange.status,
      latency: Double(exchange.latency) / 1e6, listener: exchange.listenerID(listener)?.description ?? "", node: id.text,
      bytesIn: UInt64(clamping: Int(exchange.requestBody.payloadBytes) + exchange.bytesInAfterSwitch),
      bytesOut: UInt64(clamping: exchange.bytesOut), requestID: requestID.text)
    tailed.record(request, of: endpoint)
  }
}
