internal import Glibc
package import Logging
internal import Synchronization

/// Where log lines go: a descriptor that all loggers of the process share, one line after the other.
///
/// Writing never fails and never waits long: a line that a full disk, a closed pipe or a reader that stands still does not take is
/// dropped and counted, and the count is logged as soon as a line gets through.
package final class LogSink: Sendable {
  private struct State {
    /// Lines since the last one that got through.
    var dropped: UInt64 = 0
    /// Whether the last line was cut, so that the next must begin with a newline.
    var isTorn = false
  }

  /// The format of every line.
  package let format: LogFormat
  private let descriptor: Int32
  private let state = Locked(State())
  private let threshold: Atomic<Int>
  private let total = Atomic<UInt64>(0)

  /// How long a line waits for a reader that was quick until now, in milliseconds.
  private static let patience: Int32 = 50

  /// Standard error by default. Without a format a terminal gets text and anything else JSON. The descriptor stays the caller's.
  package init(descriptor: Int32 = 2, format: LogFormat? = nil, level: LogLevel = .info) {
    self.descriptor = descriptor
    self.format = format ?? (isatty(descriptor) == 1 ? .text : .json)
    threshold = Atomic(Self.rank(level))
    // A reader that went away must be an error of write(2), not the end of the process.
    _ = signal(SIGPIPE, SIG_IGN)
  }

  /// The level of all loggers that have none of their own. It may be changed at any time.
  package var level: LogLevel {
    get { LogLevel.allCases[threshold.load(ordering: .relaxed)] }
    set { threshold.store(Self.rank(newValue), ordering: .relaxed) }
  }

  /// Lines dropped since the start.
  package var droppedLines: UInt64 { total.load(ordering: .relaxed) }

  /// A logger that writes here.
  package func logger(label: String = "pico") -> Logger {
    Logger(label: label) { _ in LogSinkHandler(sink: self) }
  }

  /// Writes a line.
  package func write(_ line: LogLine) {
    let bytes = line.bytes(as: format)
    state.withLock { state in
      var pending = state.isTorn ? [UInt8(ascii: "\n")] : []
      if state.dropped > 0 { pending += Self.droppedLine(state.dropped, at: line.time).bytes(as: format) }
      pending += bytes
      let written = put(pending, patience: state.dropped == 0 ? Self.patience : 0)
      if written == pending.count {
        state = State()
      } else {
        state.dropped += 1
        if written > 0 { state.isTorn = true }
        total.add(1, ordering: .relaxed)
      }
    }
  }

  private static func droppedLine(_ count: UInt64, at time: Timestamp) -> LogLine {
    LogLine(time: time, level: .warning, message: "log lines were dropped", metadata: ["count": .stringConvertible(count)])
  }

  private static func rank(_ level: LogLevel) -> Int { LogLevel.allCases.firstIndex(of: level) ?? 0 }

  /// Bytes that got through.
  private func put(_ bytes: [UInt8], patience: Int32) -> Int {
    DescriptorWriter.write(bytes[...], to: descriptor, atOnce: DescriptorWriter.pipeQuantum, patience: patience).written
  }
}

/// The handler of loggers that write to a `LogSink`.
struct LogSinkHandler: LogHandler {
  let sink: LogSink
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  private var ownLevel: Logger.Level?

  init(sink: LogSink) {
    self.sink = sink
  }

  var logLevel: Logger.Level {
    get { ownLevel ?? sink.level.level }
    set { ownLevel = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var facts = metadata
    if let provider = metadataProvider { facts.merge(provider.get()) { _, new in new } }
    if let own = event.metadata { facts.merge(own) { _, new in new } }
    if let error = event.error, facts["error"] == nil { facts["error"] = "\(error)" }
    sink.write(LogLine(time: .now(), level: event.level, message: event.message.description, metadata: facts))
  }
}
