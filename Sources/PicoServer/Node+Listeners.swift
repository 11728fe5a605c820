internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel
internal import Synchronization

extension Node {
  /// TCP_NOTSENT_LOWAT of tcp(7), which the C library's headers here do not name for Swift.
  private static let notSentLowWater: CInt = 25

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

  /// A connection that becomes a tunnel: what waits in the kernel stays small, so that a small request does not queue behind a large one.
  func tune(_ channel: any Channel) {
    guard let options = channel.syncOptions else { return }
    try? options.setOption(.writeBufferWaterMark, value: .init(low: 32 << 10, high: 64 << 10))
    try? options.setOption(
      ChannelOptions.Types.SocketOption(level: .tcp, name: NIOBSDSocket.Option(rawValue: Self.notSentLowWater)), value: 128 << 10)
  }
}
