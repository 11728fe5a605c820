package import Logging

/// One line of the log, as text or JSON, with its newline.
package struct LogLine: Sendable {
  package let time: Timestamp
  package let level: Logger.Level
  package let message: String
  package let metadata: Logger.Metadata

  package init(time: Timestamp, level: Logger.Level, message: String, metadata: Logger.Metadata) {
    self.time = time
    self.level = level
    self.message = message
    self.metadata = metadata
  }

  /// Text is `2026-11-23T10:00:00.000Z INFO  message key=value`, JSON `{"time":…,"level":…,"message":…,"key":…}`; keys are sorted.
  package func bytes(as format: LogFormat) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(256)
    switch format {
    case .text: appendText(to: &bytes)
    case .json: appendJSON(to: &bytes)
    }
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  private func appendText(to bytes: inout [UInt8]) {
    time.append(to: &bytes)
    bytes += " \(word) ".utf8
    LogText.appendDisplay(message, to: &bytes)
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      bytes.append(UInt8(ascii: " "))
      LogText.appendDisplay(key, to: &bytes)
      bytes.append(UInt8(ascii: "="))
      LogText.appendValue(value.description, to: &bytes)
    }
  }

  /// Five letters.
  private var word: String {
    switch level {
    case .trace: "TRACE"
    case .debug: "DEBUG"
    case .info: "INFO "
    case .notice: "NOTE "
    case .warning: "WARN "
    case .error: "ERROR"
    case .critical: "CRIT "
    }
  }

  private func appendJSON(to bytes: inout [UInt8]) {
    bytes += "{\"time\":\"".utf8
    time.append(to: &bytes)
    bytes += "\",\"level\":\"\(level.rawValue)\",\"message\":".utf8
    LogText.appendJSON(message, to: &bytes)
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      bytes.append(UInt8(ascii: ","))
      // The three members above stay unique.
      LogText.appendJSON(["time", "level", "message"].contains(key) ? "metadata.\(key)" : key, to: &bytes)
      bytes.append(UInt8(ascii: ":"))
      Self.appendJSON(value, to: &bytes)
    }
    bytes.append(UInt8(ascii: "}"))
  }

  private static func appendJSON(_ value: Logger.MetadataValue, to bytes: inout [UInt8]) {
    switch value {
    case .string(let text): LogText.appendJSON(text, to: &bytes)
    case .stringConvertible(let value):
      // Whole numbers and booleans keep their kind; a fraction might be "inf".
      if value is Bool || value is any FixedWidthInteger {
        bytes += value.description.utf8
      } else {
        LogText.appendJSON(value.description, to: &bytes)
      }
    case .array(let values):
      bytes.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        appendJSON(value, to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .dictionary(let entries):
      bytes.append(UInt8(ascii: "{"))
      for (index, entry) in entries.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        LogText.appendJSON(entry.key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        appendJSON(entry.value, to: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }
}
