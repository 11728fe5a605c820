internal import PicoCore
internal import PicoStatus

/// What servers told of: listeners and nodes that came and went, and what operators did. The newest last, each once.
struct EventLog: Sendable {
  struct Line: NumberedLine, Equatable {
    /// Counts up; tells lines apart.
    var number: Int
    var server: Int
    var event: StatusEvent
    /// In words.
    var text: String
  }

  private(set) var lines: [Line] = []
  private var next = 0

  static let capacity = 2000

  mutating func add(_ event: StatusEvent, server: Int) {
    lines.append(Line(number: next, server: server, event: event, text: event.text))
    next += 1
    // By halves, so that a flood does not move the whole each time.
    if lines.count > Self.capacity { lines.removeFirst(Self.capacity / 2) }
  }
}

extension StatusEvent {
  /// The details in the order that people read them, short.
  fileprivate var text: String {
    var rest = details.mapValues { String($0.prefix(300)) }
    var words: [String] = []
    for (name, before) in [
      ("action", ""), ("endpoint", ""), ("listener", ""), ("agent", "agent "), ("remote_address", "from "), ("by", "by "), ("reason", ""),
    ] {
      if let value = rest.removeValue(forKey: name), !value.isEmpty { words.append(before + value) }
    }
    words += rest.sorted { $0.key < $1.key }.prefix(8).map { "\($0.key)=\($0.value)" }
    return words.joined(separator: "  ")
  }
}
