internal import PicoTunnel

/// Why an endpoint could not be dialled, or why a connection to it ended early.
public struct DialError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: Sendable, Equatable {
    /// A setting, or a file that one names, cannot be used.
    case invalidSettings
    /// No server answers there, or the proxy opens no connection to it.
    case unreachable
    /// The server said no with this status: 502 is an endpoint without a listener, 401 and 403 are about the token.
    case refused(status: Int)
    /// The connection was open and is gone before its end.
    case lost
    /// This side closed the connection, or ended its output and wrote more.
    case closed
  }

  /// What went wrong.
  public let code: Code
  /// One line, escaped for a terminal.
  public let description: String

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  init(_ failure: ConnectFailure) {
    description = failure.description
    code =
      switch failure {
      case .refused(let refusal): .refused(status: refusal.status)
      case .token: .invalidSettings
      case .unreachable, .timeout, .proxy, .tls, .malformedAnswer: .unreachable
      }
  }
}
