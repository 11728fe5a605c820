internal import PicoCore
internal import PicoStatus

/// Something that happened, or that was done from here, as a row.
struct EventRow: FilterableRow, Equatable {
  /// Those of one time follow each other by it.
  var key: String
  var at: Timestamp
  /// In one word: the kind of the event without `listener-`, what an operator did, or what came of what was done from here.
  var event: String
  var role: Role
  var endpoint = ""
  var listener = ""
  var agent = ""
  var node = ""
  /// Who did it.
  var by = ""
  /// The rest, in words.
  var what = ""

  static let fields: [RowField] = [.time, .event, .endpoint, .listener, .agent, .node, .by, .what]
  static let nameFields: [RowField] = [.event, .endpoint, .listener, .agent, .what]

  func value(of field: RowField, now: Timestamp) -> FieldValue {
    switch field {
    case .time: .number(at.inSeconds)
    case .event: .text(event)
    case .endpoint: .text(endpoint)
    case .listener: .text(listener)
    case .agent: .text(agent)
    case .node: .text(node)
    case .by: .text(by)
    case .what: .text(what)
    default: .absent
    }
  }

  /// For the clipboard: the listener that it is about, else all in words.
  var copied: String { listener.isEmpty ? [event, endpoint, what].filter { !$0.isEmpty }.joined(separator: " ") : listener }
}

extension EventRow {
  init(_ event: StatusEvent, key: String) {
    var rest = event.details.mapValues { String($0.prefix(300)) }
    func take(_ name: String) -> String { rest.removeValue(forKey: name) ?? "" }
    let action = take("action")
    // Who left was told of by another one.
    let other = take("other")
    let kind = event.kind.rawValue
    self.init(
      key: key, at: event.at,
      event: !action.isEmpty ? action : kind.hasPrefix("listener-") ? String(kind.dropFirst("listener-".count)) : kind,
      role: event.kind.role, endpoint: take("endpoint"), listener: take("listener"), agent: take("agent"),
      node: other.isEmpty ? event.node : other, by: take("by"))
    // An action names its listeners.
    if let listeners = rest["listeners"], !listeners.isEmpty, !listeners.contains(where: { " ,".contains($0) }) {
      listener = take("listeners")
    }
    var words = by.isEmpty ? [] : ["by \(by)"]
    for (name, before) in [("remote_address", "from "), ("result", ""), ("reason", "")] {
      let value = take(name)
      if !value.isEmpty { words.append(before + value) }
    }
    if !other.isEmpty { words.append("told by \(event.node)") }
    words += rest.sorted { $0.key < $1.key }.prefix(8).map { "\($0.key) \($0.value)" }
    what = words.joined(separator: "  ")
  }

  /// Of what was done from here: a row for it, and one for each listener where there are several.
  static func rows(of entry: OperatorLog.Entry) -> [EventRow] {
    let only = entry.results.count == 1 ? entry.results[0] : nil
    let state = entry.state
    var rows = [
      EventRow(
        key: NumberedKey.text(entry.number), at: entry.at, event: state.rawValue, role: state.role, endpoint: entry.endpoint,
        listener: entry.listener, by: "here", what: entry.what + (only.map { ": \($0.text)" } ?? ""))
    ]
    guard only == nil else { return rows }
    for (index, result) in entry.results.enumerated() {
      let state: OperatorLog.Entry.State = result.isDone ? .done : .failed
      rows.append(
        EventRow(
          key: "\(NumberedKey.text(entry.number)).\(NumberedKey.text(index))", at: entry.at, event: state.rawValue, role: state.role,
          endpoint: entry.endpoint, listener: result.listener ?? "", by: "here", what: result.text))
    }
    return rows
  }
}

extension StatusEvent.Kind {
  fileprivate var role: Role {
    switch self {
    case .listenerConnected, .nodeJoined: .ok
    case .listenerDisconnected, .nodeLeft: .warn
    case .operatorAction: .key
    default: .foreground
    }
  }
}

extension OperatorLog.Entry.State {
  fileprivate var role: Role {
    switch self {
    case .asked: .warn
    case .done: .ok
    case .failed: .error
    }
  }
}
