internal import PicoCore
internal import PicoHTTP

/// What the proxy port's handlers read of the configuration, in the units that they use: nanoseconds and bytes.
struct ProxySettings: Sendable {
  var timeout: UInt64
  var headTimeout: UInt64
  var idleTimeout: UInt64
  var bodyIdleTimeout: UInt64
  var maxHead: Int
  /// 0 is no limit.
  var maxBody: Int64
  var maxConnections: Int
  /// 0 is no limit.
  var maxRequestsPerEndpoint: Int
  /// Requests a second for one endpoint; 0 is no limit.
  var rateLimit: Int
  var retryBuffer: Int
  var lookup: EndpointLookup
  var addsVia: Bool
  /// `metrics.endpoint-label`.
  var labelsEndpoints: Bool
  /// Connections begin with a PROXY protocol header.
  var usesProxyProtocol: Bool
  /// Unread bytes of all sessions at which new requests are refused.
  var maxBuffered: Int
  /// A loop tells the node of its unread bytes when they changed by this much, so that all loops together are wrong by a sixteenth at most.
  var bufferedStep: UInt

  init(_ configuration: ServerConfiguration, descriptorLimit: Int, loops: Int) {
    let proxy = configuration.proxy
    timeout = proxy.timeout.inNanoseconds
    headTimeout = proxy.headTimeout.inNanoseconds
    idleTimeout = proxy.idleTimeout.inNanoseconds
    bodyIdleTimeout = proxy.bodyIdleTimeout.inNanoseconds
    maxHead = proxy.maxHead.bytes
    maxBody = Int64(proxy.maxBody.bytes)
    maxConnections = proxy.maxConnections ?? max(64, descriptorLimit / 10 * 8)
    maxRequestsPerEndpoint = proxy.maxRequestsPerEndpoint
    rateLimit = proxy.rateLimit
    retryBuffer = proxy.retryBuffer.bytes
    lookup = EndpointLookup(
      usesHeader: proxy.endpointFrom.contains(.header), usesHost: proxy.endpointFrom.contains(.host), domains: proxy.domains.map(\.text))
    addsVia = proxy.via
    labelsEndpoints = configuration.metrics.endpointLabel
    usesProxyProtocol = proxy.proxyProtocol
    maxBuffered = configuration.memory.maxBuffered?.bytes ?? MemoryLimit.bytes() / 4
    bufferedStep = UInt(max(1, min(256 << 10, maxBuffered / 16 / max(1, loops))))
  }
}

extension Duration {
  /// Whole nanoseconds, 0 when negative.
  var inNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    return seconds < 0 ? 0 : UInt64(seconds) * 1_000_000_000 + UInt64(max(attoseconds, 0)) / 1_000_000_000
  }
}
