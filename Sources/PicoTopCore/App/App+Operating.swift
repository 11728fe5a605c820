internal import PicoCore
internal import PicoStatus

/// What an operator does to listeners, nodes and blocks.
extension App {
  mutating func askToDisconnect() -> [AppEffect] {
    let rows: [(key: RowKey, row: ListenerRow)]
    switch screen {
    case .endpoints: return askToDisconnectAll(of: endpoints.chosen(in: fleet.endpoints).map(\.key))
    case .endpoint: rows = ofEndpoint.chosen(in: fleet.listeners)
    case .listeners: rows = listeners.chosen(in: fleet.listeners)
    default: return []
    }
    let allowed = rows.filter { isOperator(of: $0.key.server) }
    guard !allowed.isEmpty else {
      say(rows.isEmpty ? "select a listener" : Self.isViewer, .warn)
      return []
    }
    var dialog = ActionDialog(
      kind: .disconnect, targets: allowed.map { ActionDialog.Target($0.key, $0.row) },
      alwaysAsksForTyping: allowed.contains { isProtected($0.key.server) })
    for target in dialog.targets {
      let key = RowKey(server: target.server, key: target.endpoint)
      dialog.listeners[key] = fleet.endpoints[key]?.listeners ?? 0
    }
    panel = .action(dialog)
    return recount()
  }

  private static let isViewer = "this server gives you the role viewer"

  /// The listeners are not on this screen: they are asked for first.
  private mutating func askToDisconnectAll(of keys: [RowKey]) -> [AppEffect] {
    let allowed = keys.filter { isOperator(of: $0.server) }
    guard !allowed.isEmpty else {
      say(keys.isEmpty ? "select an endpoint" : Self.isViewer, .warn)
      return []
    }
    var dialog = ActionDialog(kind: .disconnect, targets: [], alwaysAsksForTyping: true)
    dialog.endpoints = allowed
    dialog.phase = .gathering
    panel = .action(dialog)
    return []
  }

  mutating func askToDrain() {
    guard let (key, row) = nodes.selected(in: fleet.nodes) else { return say("select a node", .warn) }
    guard isOperator(of: key.server) else { return say(Self.isViewer, .warn) }
    let target = ActionDialog.Target(server: key.server, id: row.id, endpoint: "", remoteAddress: row.address, inFlight: row.inFlight)
    var others = 0
    for other in fleet.nodes.all {
      if other.key.server == key.server, other.key != key, other.row.connected, other.row.state == .active { others += 1 }
    }
    var dialog = ActionDialog(kind: .drainNode, targets: [target], alwaysAsksForTyping: isProtected(key.server) || others == 0)
    dialog.details = [
      ("node", row.id), ("address", row.address), ("listeners", "\(row.listeners), asked to move"), ("in flight", "\(row.inFlight)"),
      ("other nodes", others == 0 ? "none: nothing can take over" : "\(others)"),
    ]
    panel = .action(dialog)
  }

  mutating func askToUnblock() {
    guard let (key, row) = blocks.selected(in: fleet.blocks) else { return say("no block to lift", .warn) }
    guard isOperator(of: key.server) else { return say(Self.isViewer, .warn) }
    let target = ActionDialog.Target(server: key.server, id: row.id, endpoint: "", remoteAddress: "", inFlight: 0)
    var dialog = ActionDialog(kind: .unblock, targets: [target], alwaysAsksForTyping: isProtected(key.server))
    dialog.details = [
      ("block", row.id), ("keeps away", row.match), ("endpoint", row.endpoint ?? "all"), ("set by", row.by),
      ("why", row.reason.isEmpty ? "-" : row.reason),
    ]
    panel = .action(dialog)
  }

  private func isProtected(_ server: Int) -> Bool {
    guard fleet.servers.indices.contains(server) else { return true }
    let name = fleet.servers[server].name
    return (options.protected + settings.protected).contains { Wildcard.matches($0, name) }
  }

  mutating func obey(_ outcome: ActionDialog.Outcome) -> [AppEffect] {
    switch outcome {
    case .nothing: return []
    case .close:
      panel = nil
      return []
    case .refuse: return [.bell]
    case .recount: return recount()
    case .confirm: return confirm()
    }
  }

  /// Asks the servers what the action would do as it is chosen now.
  mutating func recount() -> [AppEffect] {
    guard case .action(var dialog) = panel, dialog.kind == .disconnect else { return [] }
    var effects: [AppEffect] = []
    dialog.dryRuns = []
    for (server, message) in dialog.disconnects(isDryRun: true, id: { newID("d") }) {
      dialog.dryRuns.insert(message.id)
      effects.append(.send(.disconnect(message), server: server))
    }
    dialog.count = .waiting(since: now.steady)
    panel = .action(dialog)
    return effects
  }

  private mutating func confirm() -> [AppEffect] {
    guard case .action(var dialog) = panel, dialog.isConfirmable else { return [] }
    var effects: [AppEffect] = []
    var ids: Set<String> = []
    func note(_ id: String, _ server: Int, _ what: String, endpoint: String = "", listener: String = "", _ message: ClientMessage) {
      ids.insert(id)
      // By the server's clock, as its events are.
      let entry = OperatorLog.Entry(
        number: fleet.newEventNumber(), id: id, server: server, at: fleet.servers[server].clock ?? now.wall, askedAt: now.steady,
        endpoint: endpoint, listener: listener, what: what)
      log.add(entry)
      fleet.tell(entry)
      effects.append(.send(message, server: server))
    }
    switch dialog.kind {
    case .disconnect:
      for (server, message) in dialog.disconnects(isDryRun: false, id: { newID("c") }) {
        let several = message.listeners.count == 1 ? "" : "\(message.listeners.count) listeners "
        let block = dialog.block == .none ? "" : ", block \(dialog.block.label)"
        note(
          message.id, server, "disconnect \(several)(\(message.mode.rawValue)\(block))", endpoint: dialog.endpoint?.key ?? "",
          listener: message.listeners.count == 1 ? message.listeners[0] : "",
          .disconnect(message))
      }
      run(.clearTags)
    case .drainNode:
      let (id, target) = (newID("n"), dialog.targets[0])
      note(id, target.server, "drain node \(target.id)", .drainNode(id: id, node: target.id))
    case .unblock:
      let (id, target) = (newID("u"), dialog.targets[0])
      note(id, target.server, "lift block \(target.id)", .unblock(id: id, block: target.id))
    }
    dialog.phase = .waiting(ids)
    panel = .action(dialog)
    return effects
  }
}

/// Patterns in which `*` stands for any text.
enum Wildcard {
  /// Without regard to case, in time linear in both for patterns of few stars.
  static func matches(_ pattern: String, _ text: String) -> Bool {
    let pattern = Array(pattern.lowercased().unicodeScalars)
    let text = Array(text.lowercased().unicodeScalars)
    var (p, t) = (0, 0)
    var star: (pattern: Int, text: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == "*" {
        star = (p, t)
        p += 1
      } else if p < pattern.count, pattern[p] == text[t] {
        p += 1
        t += 1
      } else if let last = star {
        p = last.pattern + 1
        t = last.text + 1
        star = (last.pattern, t)
      } else {
        return false
      }
    }
    while p < pattern.count, pattern[p] == "*" { p += 1 }
    return p == pattern.count
  }
}
