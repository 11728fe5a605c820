package import Logging
package import NIOCore
internal import PicoCore
internal import PicoTransport

/// An endpoint that is served: one or more tunnels to a server, kept open for ever.
package final class Listener: Sendable {
  package let settings: ListenerSettings
  package let report: ListenerReport
  /// Each on its loop, where it is made in a moment.
  private let connections: [EventLoopFuture<NIOLoopBound<ListenerConnection>>]

  private init(_ settings: ListenerSettings, _ report: ListenerReport, _ connections: [EventLoopFuture<NIOLoopBound<ListenerConnection>>]) {
    self.settings = settings
    self.report = report
    self.connections = connections
  }

  /// Begins to connect. It returns at once; what happens is logged and stands in ``report``.
  /// - Parameters:
  ///   - server: may be shared by many listeners.
  ///   - acceptors: one for each event loop, on which tunnels are placed in turn.
  ///   - first: where the turn begins, so that listeners with one tunnel spread over the loops.
  ///   - grace: how long streams may go on when a tunnel leaves.
  package static func open(
    _ settings: ListenerSettings, through server: ServerConnector, acceptors: [(any EventLoop, NIOLoopBound<any StreamAcceptor>)],
    first: Int = 0, grace: Duration,
    logger: Logger
  ) -> Listener {
    let connector = TunnelConnector(settings, through: server)
    let report = ListenerReport(grace: grace)
    let count = max(1, settings.connections)
    let placement = SharedPlacement(connections: count)
    let turn = AddressTurn.random()
    let connections = (0..<count).map { index in
      let (eventLoop, acceptor) = acceptors[(first + index) % acceptors.count]
      return eventLoop.submit {
        let connection = ListenerConnection(
          index, settings: settings, connector: connector, acceptor: acceptor.value, placement: placement, turn: turn.advanced(by: index),
          logger: logger, report: report)
        connection.connect()
        return NIOLoopBound(connection, eventLoop: eventLoop)
      }
    }
    return Listener(settings, report, connections)
  }

  /// Tells the server whether the upstream is well, now and after each reconnect.
  package func setHealth(isUp: Bool, reason: String) {
    for connection in connections { connection.whenSuccess { $0.value.setHealth(isUp: isUp, reason: reason) } }
  }

  /// Leaves the server: gracefully it takes nothing new and finishes what is open within the grace period. Returns when all is closed.
  package func close(graceful: Bool) async {
    let stops = connections.map { $0.flatMap { $0.value.stop(graceful: graceful) } }
    for stop in stops { try? await stop.get() }
  }
}
