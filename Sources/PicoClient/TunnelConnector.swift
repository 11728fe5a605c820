internal import PicoCore
internal import PicoTransport
internal import PicoTunnel

/// Opens tunnels of one listener: connects, shakes hands and puts a ``TunnelHandler`` on the channel.
struct TunnelConnector: Sendable {
  private let settings: ListenerSettings
  private let server: ServerConnector

  init(_ settings: ListenerSettings, through server: ServerConnector) {
    self.settings = settings
    self.server = server
  }

  private static let mostAvoided = 16

  /// Runs on the loop of `resources`, and calls `completion` there once. With a tunnel it is called before anything that came on it is
  /// looked at.
  /// - Parameters:
  ///   - turn: which of the server's addresses is tried first.
  ///   - avoided: nodes that are to take nothing and say so (``ConnectFailure/isAvoided``); one of an older version registers it all the same.
  func connect(
    on resources: LoopResources, turn: AddressTurn, avoiding avoided: [NodeID] = [], delegate: any TunnelDelegate,
    completion: @escaping (Result<OpenedTunnel, ConnectFailure>) -> Void
  ) {
    let isPico = settings.dialect == .pico
    var place: NodePlace?
    server.connect(
      path: settings.path, subprotocol: isPico ? WebSocketHandshake.subprotocol : nil, agentID: isPico ? settings.agentID.text : nil,
      fields: avoided.isEmpty ? [] : [("x-pico-avoid", avoided.prefix(Self.mostAvoided).map(\.text).joined(separator: ", "))],
      on: resources.eventLoop, turn: turn,
      makeSuccessor: { answer in
        place = answer.place
        return TunnelHandler(settings: TunnelSettings(role: .client, isPico: answer.isPico), loop: resources, delegate: delegate)
      }, completion: { completion($0.map { OpenedTunnel(tunnel: $0, place: place) }) })
  }
}

/// A tunnel that is registered, and where.
struct OpenedTunnel {
  var tunnel: TunnelHandler
  /// nil where the server does not say.
  var place: NodePlace?
}
