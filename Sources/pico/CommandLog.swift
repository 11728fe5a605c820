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

  /// The access log that goes with it; nil when it is off. Throws `badConfiguration` with the path.
  /// - Parameter format: nil is that of the log.
  func accessLog(_ destination: AccessLogDestination, format: AccessLogFormat?) throws(PicoError) -> AccessLog? {
    let format = format ?? AccessLogFormat(sink.format)
    return switch destination {
    case .off: nil
    case .standardOutput: try AccessLog(.standardOutput, format: format, logger: logger)
    case .file(let path): try AccessLog(.file(path), format: format, logger: logger)
    }
  }

  /// Takes over the level of a configuration that was read again.
  func apply(_ configuration: LogConfiguration) { sink.level = configuration.level }
}
