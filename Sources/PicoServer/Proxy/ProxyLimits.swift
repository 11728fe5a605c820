internal import PicoCore

/// Times and limits of the configuration, in the units that handlers use: nanoseconds and bytes. Each loop has its own, so that a reload is
/// one assignment on each; nothing in it is reference-counted.
struct ProxyLimits: Sendable, Equatable {
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
  /// Requests a second of one client; 0 is no limit.
  var clientRateLimit: Int
  /// Requests have to be held against their client's rate or the lists of addresses.
  var looksAtClients: Bool
  var retryBuffer: Int
  /// 0 is no limit.
  var maxListeners: Int
  /// 0 is no limit.
  var maxListenersPerEndpoint: Int
  /// 0 is no limit.
  var maxListenersPerToken: Int
  /// Registrations a second; 0 is no limit.
  var registrationRate: Int
  /// Registrations a second from one address; 0 is no limit.
  var registrationRatePerAddress: Int
  /// Unread bytes of all sessions at which new requests are refused.
  var maxBuffered: Int
  /// A loop tells the node of its unread bytes when they changed by this much, so that all loops together are wrong by a sixteenth at most.
  var bufferedStep: UInt

  /// - Parameters:
  ///   - descriptorLimit: how many descriptors the process may have; most of them are for connections unless the configuration says.
  ///   - loops: of the node.
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
    clientRateLimit = proxy.clientRateLimit
    looksAtClients = clientRateLimit > 0 || PortAccess(configuration).isOn
    retryBuffer = proxy.retryBuffer.bytes
    maxListeners = configuration.upstream.maxListeners
    maxListenersPerEndpoint = configuration.upstream.maxListenersPerEndpoint
    maxListenersPerToken = configuration.upstream.maxListenersPerToken
    registrationRate = configuration.upstream.registrationRate
    registrationRatePerAddress = configuration.upstream.registrationRatePerAddress
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
