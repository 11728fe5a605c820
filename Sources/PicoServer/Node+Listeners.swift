internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel
internal import Synchronization

extension Node {
  /// Why one more listener of the endpoint is refused; nil when it may come.
  func listenerLimit(for endpoint: EndpointID, _ limits: ProxyLimits) -> NodeLimit? {
    if limits.maxListeners > 0, routes.listeners >= limits.maxListeners { return .listeners }
    if limits.maxListenersPerEndpoint > 0, routes.routes(of: endpoint)?.count ?? 0 >= limits.maxListenersPerEndpoint {
      return .listenersOfEndpoint
    }
    return nil
  }

  func tunnelSettings(isPico: Bool) -> TunnelSettings {
    var settings = TunnelSettings(role: .server, isPico: isPico)
    let tunnel = configuration.tunnel
    settings.pingInterval = tunnel.pingInterval.inNanoseconds
    settings.pingTimeout = tunnel.pingTimeout.inNanoseconds
    settings.session.maximumStreams = tunnel.maxStreams
    settings.session.maximumBuffered = tunnel.maxBuffered.bytes
    if case .fixed(let size) = tunnel.streamWindow { settings.session.maximumWindow = size.bytes }
    return settings
  }

  /// A connection that becomes a tunnel: what waits stays small, so that a small request does not queue behind a large one. The kernel's part
  /// of that is ``ProxyPortListener``'s.
  func tune(_ channel: any Channel) {
    try? channel.syncOptions?.setOption(.writeBufferWaterMark, value: .init(low: 32 << 10, high: 64 << 10))
  }
}
