package import Logging

/// The level from which on messages are logged, by the names of swift-log.
package enum LogLevel: String, Sendable, CaseIterable {
  case trace
  case debug
  case info
  case notice
  case warning
  case error
  case critical

  /// The same in swift-log.
  package var level: Logger.Level {
    switch self {
    case .trace: .trace
    case .debug: .debug
    case .info: .info
    case .notice: .notice
    case .warning: .warning
    case .error: .error
    case .critical: .critical
    }
  }
}

/// How a log line looks: text for people, JSON for programs.
package enum LogFormat: String, Sendable, CaseIterable {
  case text
  case json
}
