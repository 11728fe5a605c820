import Logging
import PicoCore
import Synchronization

/// What a node logs, for a test to look at: the message and then its facts, `name=value`, in their order by name.
struct LogLines: LogHandler {
  private final class Kept: Sendable {
    let lines = Locked<[String]>([])
  }

  private let kept = Kept()
  var metadata = Logger.Metadata()
  var logLevel = Logger.Level.info

  var logger: Logger { Logger(label: "test") { _ in self } }

  var all: [String] { kept.lines.withLock { $0 } }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let facts = self.metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    let line = "\(event.message)" + facts.map { " \($0.key)=\($0.value)" }.joined()
    kept.lines.withLock { $0.append(line) }
  }
}
