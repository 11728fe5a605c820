internal import PicoCore
internal import PicoStatus

/// What was done from here, with what came of it; the newest last.
struct OperatorLog: Sendable {
  struct Entry: Equatable, Sendable {
    /// In the words of screen 7.
    enum State: String, Sendable {
      case asked, done
      case failed = "not-done"
    }

    /// Of its rows on screen 7.
    var number: Int
    /// The ID of the message.
    var id: String
    var server: Int
    var at: Timestamp
    /// When it was asked, since the start.
    var askedAt: Duration
    /// The endpoint of all listeners, and the listener where there is but one; empty for several and for what has none.
    var endpoint = ""
    var listener = ""
    /// What was asked, in words.
    var what: String
    var state = State.asked
    /// One for each listener, or one for all.
    var results: [ActionLine] = []

    /// For people, where nothing else is beside it.
    var title: String { listener.isEmpty ? what : "\(what) \(listener)" }
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
    finish(id: result.id, server: server, results: result.lines)
  }

  mutating func take(_ error: StatusError, server: Int) -> Entry? {
    guard let id = error.id else { return nil }
    return finish(id: id, server: server, results: [ActionLine(text: "\(error.code.rawValue): \(error.message)", isDone: false)])
  }

  /// Nobody will answer what was asked over a connection that is gone: gives those entries.
  mutating func connectionLost(server: Int) -> [Entry] {
    giveUp("the connection was lost; it may have been done or not") { $0.server == server }
  }

  /// Gives the entries that are no longer waited for.
  mutating func expire(at now: Duration) -> [Entry] {
    giveUp("no answer in 30 s; it may have been done or not") { now - $0.askedAt > Self.patience }
  }

  private mutating func giveUp(_ text: String, where isMeant: (Entry) -> Bool) -> [Entry] {
    entries.filter { $0.state == .asked && isMeant($0) }.compactMap {
      finish(id: $0.id, server: $0.server, results: [ActionLine(text: text, isDone: false)])
    }
  }

  private mutating func finish(id: String, server: Int, results: [ActionLine]) -> Entry? {
    guard let index = entries.lastIndex(where: { $0.id == id && $0.server == server }) else { return nil }
    entries[index].state = results.allSatisfy(\.isDone) ? .done : .failed
    entries[index].results = results
    return entries[index]
  }
}

/// What came of an action, of one listener or of all.
struct ActionLine: Equatable, Sendable {
  var listener: String?
  /// For people.
  var text: String
  var isDone: Bool

  /// With the listener before it.
  var line: String { listener.map { "\($0): \(text)" } ?? text }
}

extension ActionResult {
  /// At least one.
  var lines: [ActionLine] {
    guard results.isEmpty else {
      return results.map { result in
        let text = result.ok ? result.remaining.map { "\($0) left" } ?? "done" : result.error ?? "failed"
        return ActionLine(listener: result.listener, text: text, isDone: result.ok)
      }
    }
    let isDone = ok ?? (error == nil)
    return [ActionLine(text: isDone ? "done" : error ?? "failed", isDone: isDone)]
  }
}
