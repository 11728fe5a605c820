/// Whoever owns a tunnel: told what concerns the tunnel as a whole, on its loop.
package protocol TunnelDelegate: AnyObject {
  /// The peer opened a stream; the answer takes what arrives on it, nil refuses it.
  func tunnel(_ tunnel: TunnelHandler, didAccept stream: TunnelStream) -> (any StreamConsumer)?
  /// A control message of the peer (`pico.v1`).
  func tunnel(_ tunnel: TunnelHandler, didReceive message: ControlMessage)
  /// A ping was answered after `nanoseconds`.
  func tunnel(_ tunnel: TunnelHandler, didMeasureRoundTrip nanoseconds: UInt64)
  /// The peer wants no new streams (yamux go-away).
  func tunnelDidReceiveGoAway(_ tunnel: TunnelHandler)
  /// The tunnel is gone and all its streams were reset. Called once.
  func tunnelDidClose(_ tunnel: TunnelHandler, reason: TunnelCloseReason)
}

/// Why a tunnel ended.
package enum TunnelCloseReason: Equatable, Sendable, CustomStringConvertible {
  /// Closed by us.
  case closed
  /// The peer closed the connection.
  case closedByPeer
  /// Nothing came for the ping timeout.
  case silent
  case webSocket(WebSocketFault)
  case session(SessionFault)
  case control(ControlFault)
  case failed(String)

  package var description: String {
    switch self {
    case .closed: "closed"
    case .closedByPeer: "closed by the peer"
    case .silent: "the peer was silent for too long"
    case .webSocket(let fault): "the peer broke the WebSocket protocol: \(fault)"
    case .session(let fault): "the peer broke the session protocol: \(fault)"
    case .control(let fault): "the peer sent a wrong control message: \(fault)"
    case .failed(let text): text
    }
  }
}
