internal import Logging
internal import PicoConfiguration
internal import PicoCore

/// The log of a long-running command, on standard error.
final class CommandLog: Sendable {
  let logger: Logger
  private let sink: LogSink

  init(_ configuration: LogConfiguration, label: String) {
    sink = LogSink(format: configuration.format, level: configuration.level)
    logger = sink.logger(label: label)
  }

  /// The access log that goes with it, in the same format; nil when it is off. Throws `badConfiguration` with the path.
  func accessLog(_ destination: AccessLogDestination) throws(PicoError) -> AccessLog? {
    switch destination {
    case .off: nil
    case .standardOutput: try AccessLog(.standardOutput, format: sink.format, logger: logger)
    case .file(let path): try AccessLog(.file(path), format: sink.format, logger: logger)
    }
  }

  /// Reads the configuration again and takes over its log level. Says what changed; what cannot be read changes nothing.
  func reload(_ load: () throws(ConfigurationError) -> LogConfiguration) {
    do throws(ConfigurationError) {
      let configuration = try load()
      let before = sink.level
      sink.level = configuration.level
      if before == configuration.level {
        logger.notice("configuration read again, nothing changed that can change without a restart")
      } else {
        logger.notice(
          "configuration read again", metadata: ["log.level": "\(configuration.level.rawValue)", "was": "\(before.rawValue)"])
      }
    } catch {
      for line in error.lines { logger.error("configuration not read again", metadata: ["error": "\(line)"]) }
    }
  }
}
