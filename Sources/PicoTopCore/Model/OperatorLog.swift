internal import PicoCore
internal import PicoStatus

/// What was done from here, with what came of it; the newest last.
struct OperatorLog: Sendable {
  struct Entry: Equatable, Sendable {
    enum State: Equatable, Sendable { case asked, done, failed }

    /// The ID of the message.
    var id: String
    var server: Int
    var at: Timestamp
    /// When it was asked, since the start.
    var askedAt: Duration
    /// What was asked, in words.
    var what: String
    var state = State.asked
    /// One line for each listener, or one for all.
    var results: [String] = []
  }

  private(set) var entries: [Entry] = []

  static let capacity = 200
  /// How long an answer may take.
  static let patience = Duration.seconds(30)

  mutating func add(_ entry: Entry) {
    entries.append(entry)
    if entries.count > Self.capacity { entries.removeFirst(entries.count - Self.capacity) }
  }

  /// The entry that is answered; nil when it was not asked here.
  mutating func take(_ result: ActionResult, server: Int) -> Entry? {
    finish(id: result.id, server: server, isDone: result.ok ?? result.results.allSatisfy(\.ok), results: result.lines)
  }

  mutating func take(_ error: StatusError, server: Int) -> Entry? {
    guard let id = error.id else { return nil }
    return finish(id: id, server: server, isDone: false, results: ["\(error.code.rawValue): \(error.message)"])
  }

  /// Nobody will answer what was asked over a connection that is gone.
  mutating func connectionLost(server: Int) {
    for index in entries.indices where entries[index].server == server && entries[index].state == .asked {
      entries[index].state = .failed
      entries[index].results = ["no answer: the connection was lost; it may have been done or not"]
    }
  }

  mutating func expire(at now: Duration) {
    for index in entries.indices where entries[index].state == .asked && now - entries[index].askedAt > Self.patience {
      entries[index].state = .failed
      entries[index].results = ["no answer in 30 s; it may have been done or not"]
    }
  }

  private mutating func finish(id: String, server: Int, isDone: Bool, results: [String]) -> Entry? {
    guard let index = entries.lastIndex(where: { $0.id == id && $0.server == server }) else { return nil }
    entries[index].state = isDone ? .done : .failed
    entries[index].results = results
    return entries[index]
  }
}

extension ActionResult {
  /// For people, one line for each listener.
  var lines: [String] {
    var lines = results.map(\.line)
    if let ok, results.isEmpty { lines.append(ok ? "done" : error ?? "failed") } else if let error { lines.append(error) }
    if let block { lines.append("block \(block)") }
    if lines.isEmpty { lines.append("nothing to do") }
    return lines
  }
}

extension ListenerResult {
  var line: String {
    guard ok else { return "\(listener): \(error ?? "failed")" }
    return "\(listener): done" + (remaining.map { ", \($0) left" } ?? "")
  }
}
