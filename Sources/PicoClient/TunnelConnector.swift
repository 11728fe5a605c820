internal import PicoCore
internal import PicoTunnel

/// Opens tunnels of one listener: connects, shakes hands and puts a ``TunnelHandler`` on the channel.
struct TunnelConnector: Sendable {
  private let settings: ListenerSettings
  private let server: ServerConnector

  init(_ settings: ListenerSettings, through server: ServerConnector) {
    self.settings = settings
    self.server = server
  }

  /// Runs on the loop of `resources`, and calls `completion` there once. With a tunnel it is called before anything that came on it is
  /// looked at.
  func connect(
    on resources: LoopResources, delegate: any TunnelDelegate, completion: @escaping (Result<TunnelHandler, ConnectFailure>) -> Void
  ) {
    let isPico = settings.dialect == .pico
    server.connect(
      path: settings.path, subprotocol: isPico ? WebSocketHandshake.subprotocol : nil, agentID: isPico ? settings.agentID.text : nil,
      on: resources.eventLoop,
      makeSuccessor: { isPico in
        TunnelHandler(settings: TunnelSettings(role: .client, isPico: isPico), loop: resources, delegate: delegate)
      }, completion: completion)
  }
}
