package import PicoCore

/// The `log.*` keys, which server and agent share.
package struct LogConfiguration: Sendable, Equatable {
  package var level = LogLevel.info
  /// `nil` is text on a terminal, else JSON.
  package var format: LogFormat?

  package init() {}
}
