internal import PicoCore
package import PicoTransport
package import PicoTunnel

/// Why a tunnel could not be opened.
package enum ConnectFailure: Error, Sendable, Equatable, CustomStringConvertible {
  /// No connection: refused, no route, no such host.
  case unreachable(String)
  case timeout
  /// The proxy opened no connection to the server.
  case proxy(ProxyFailure)
  /// The server is there, and its certificate or its TLS is not what it should be.
  case tls(String)
  case refused(WebSocketAnswer.Refusal)
  /// What answered is no Pico server.
  case malformedAnswer(WebSocketAnswer.Fault)
  /// The token file cannot be read or used.
  case token(String)

  /// The node is one of those that were to take nothing (docs/protocol.md, "Registration").
  var isAvoided: Bool { if case .refused(let refusal) = self { refusal.status == 204 } else { false } }

  package var description: String {
    switch self {
    case .unreachable(let text): text
    case .timeout: "no answer in time"
    case .proxy(let failure): failure.description
    case .tls(let text): "TLS failed: \(text)"
    case .refused(let refusal): "the server answered \(refusal.status): \(refusal.message.escapedForDisplay)"
    case .malformedAnswer(let fault): "what answered is no Pico server (\(fault))"
    case .token(let text): text
    }
  }
}
