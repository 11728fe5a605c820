internal import PicoCore
internal import PicoStatus

/// What an operator is about to do, held by ID: nothing that happens to the tables behind it changes what it is about.
struct ActionDialog: Sendable {
  struct Target: Equatable, Sendable {
    var server: Int
    /// The ID of the listener, node or block.
    var id: String
    /// The key of its endpoint; empty for what has none.
    var endpoint: String
    var agent: String?
    var identity: String?
    var remoteAddress: String
    var inFlight: Int
    /// It is no longer there.
    var isGone = false
  }

  enum Kind: Equatable, Sendable { case disconnect, drainNode, unblock }

  /// What a block would do, as the server counted.
  enum Count: Equatable, Sendable {
    case waiting(since: Duration)
    /// Listeners that match, and the least that an endpoint has left if the server told.
    case counted(matched: Int, left: Int?)
    case unknown(String)
  }

  enum Phase: Equatable, Sendable {
    /// The listeners of `endpoints` are not there yet.
    case gathering
    case asking
    /// IDs of messages that are not answered.
    case waiting(Set<String>)
    case finished
  }

  enum Focus: Int, CaseIterable, Sendable { case mode, block, typing, cancel, confirm }

  let kind: Kind
  var targets: [Target]
  /// Those of which all listeners are meant that there were when it opened; empty where listeners were chosen.
  var endpoints: [RowKey] = []
  /// How many listeners each endpoint has, by server and endpoint, as the tables say.
  var listeners: [RowKey: Int] = [:]
  /// Lines of a node or block for the eye.
  var details: [(String, String)] = []
  /// A server among them is protected, or what is done cannot be made good quickly.
  var alwaysAsksForTyping: Bool
  var mode = Disconnect.Mode.drain
  var block = BlockDuration.none
  var focus = Focus.cancel
  var typed = LineEditor()
  var count = Count.unknown("")
  /// IDs of dry runs that are not answered, and what the answered ones said.
  var dryRuns: Set<String> = []
  var phase = Phase.asking
  /// What came back, one line for each listener.
  var results: [ActionLine] = []
  /// The server is not there now.
  var isOffline = false

  enum BlockDuration: Int, CaseIterable, Sendable {
    case none = 0
    case minute = 60
    case tenMinutes = 600
    case hour = 3600

    var label: String {
      switch self {
      case .none: "none"
      case .minute: "1m"
      case .tenMinutes: "10m"
      case .hour: "1h"
      }
    }
  }

  var servers: [Int] { Set(targets.map(\.server) + endpoints.map(\.server)).sorted() }

  /// Names all listeners of the endpoints once they are known; from then on they are held like chosen ones.
  mutating func gather(from fleet: Fleet) {
    let wanted = Set(endpoints)
    for (key, row) in fleet.listeners.all where wanted.contains(RowKey(server: key.server, key: row.endpointKey)) {
      targets.append(Target(key, row))
    }
    for key in endpoints { listeners[key] = fleet.endpoints[key]?.listeners ?? 0 }
    phase = targets.isEmpty ? .finished : .asking
    if targets.isEmpty { results = [ActionLine(text: "there is no listener", isDone: false)] }
  }

  // MARK: What it takes

  /// The endpoint of all targets; nil when they have several.
  var endpoint: RowKey? {
    guard kind == .disconnect, let first = targets.first else { return nil }
    let key = RowKey(server: first.server, key: first.endpoint)
    return targets.allSatisfy { $0.server == key.server && $0.endpoint == key.key } ? key : nil
  }

  /// The least number of listeners that an endpoint would have left, by what the tables and the server say; nil when that is not known.
  var left: Int? {
    var least: Int?
    for (key, present) in listeners {
      let named = targets.count { $0.server == key.server && $0.endpoint == key.key && !$0.isGone }
      var gone = named
      if case .counted(let matched, _) = count, endpoint != nil { gone = max(named, matched) }
      least = min(least ?? .max, max(0, present - gone))
    }
    if case .counted(_, let told?) = count { least = min(least ?? .max, told) }
    return least
  }

  /// Endpoints of which all listeners are named, by what the tables say; at least one where it is told.
  var emptied: Int {
    max(1, listeners.count { key, present in targets.count { $0.server == key.server && $0.endpoint == key.key && !$0.isGone } >= present })
  }

  /// What has to be typed; nil where `y` is enough.
  var required: String? {
    switch kind {
    case .disconnect:
      let isSafe = targets.count == 1 && !alwaysAsksForTyping && (left ?? 0) > 0 && isCounted
      return isSafe ? nil : endpoint.map(\.key).flatMap { Self.isTypable($0) ? $0 : nil } ?? "\(targets.count)"
    case .drainNode, .unblock:
      guard alwaysAsksForTyping, let id = targets.first?.id else { return nil }
      return Self.isTypable(id) ? id : "yes"
    }
  }

  private var isCounted: Bool {
    if case .counted = count { return dryRuns.isEmpty }
    return false
  }

  private static func isTypable(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 128 && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
  }

  /// Whether it may be done now.
  var isConfirmable: Bool {
    guard phase == .asking, !isOffline, targets.contains(where: { !$0.isGone }) else { return false }
    if !dryRuns.isEmpty { return false }
    return required.map { $0 == typed.text } ?? true
  }

  var focusable: [Focus] {
    Focus.allCases.filter { focus in
      switch focus {
      case .mode, .block: kind == .disconnect
      case .typing: required != nil
      case .cancel, .confirm: true
      }
    }
  }

  // MARK: Keys

  enum Outcome: Equatable, Sendable {
    case nothing
    case close
    /// Ask the server again what would happen.
    case recount
    case confirm
    case refuse
  }

  mutating func handle(_ key: Key) -> Outcome {
    if phase != .asking { return [.escape, .control("c")].contains(key) || phase == .finished ? .close : .nothing }
    switch key {
    case .escape, .control("c"): return .close
    case .tab, .down: return move(1)
    case .backTab, .up: return move(-1)
    case .enter: return enter()
    case .left where focus != .typing: return change(-1)
    case .right where focus != .typing: return change(1)
    case .character("y") where required == nil: return isConfirmable ? .confirm : .refuse
    default: break
    }
    guard required != nil else { return .nothing }
    // What is typed goes where it is asked for, wherever the focus is.
    if case .character = key { focus = .typing }
    if focus == .typing { _ = typed.handle(key) }
    return .nothing
  }

  mutating func paste(_ text: String) {
    guard phase == .asking, required != nil else { return }
    focus = .typing
    typed.insert(text)
  }

  private mutating func move(_ by: Int) -> Outcome {
    let places = focusable
    let place = places.firstIndex(of: focus) ?? 0
    focus = places[(place + by + places.count) % places.count]
    return .nothing
  }

  private mutating func enter() -> Outcome {
    switch focus {
    case .mode, .block: return move(1)
    case .cancel: return .close
    case .typing, .confirm: return isConfirmable ? .confirm : .refuse
    }
  }

  private mutating func change(_ by: Int) -> Outcome {
    switch focus {
    case .mode:
      mode = mode == .drain ? .now : .drain
      return .recount
    case .block:
      let all = BlockDuration.allCases
      let place = (all.firstIndex(of: block) ?? 0) + by
      guard all.indices.contains(place) else { return .nothing }
      block = all[place]
      return .recount
    case .cancel, .confirm: return move(by)
    case .typing: return .nothing
    }
  }

  /// A press on something that was drawn; the number is its place in `controls`.
  mutating func press(_ control: Control) -> Outcome {
    guard phase == .asking else { return phase == .finished ? .close : .nothing }
    switch control {
    case .mode(let mode):
      self.mode = mode
      focus = .mode
      return .recount
    case .block(let block):
      self.block = block
      focus = .block
      return .recount
    case .typing:
      focus = .typing
      return .nothing
    case .cancel: return .close
    case .confirm:
      focus = .confirm
      return isConfirmable ? .confirm : .refuse
    }
  }

  enum Control: Equatable, Sendable { case mode(Disconnect.Mode), block(BlockDuration), typing, cancel, confirm }

  static let controls: [Control] =
    [.mode(.drain), .mode(.now)] + BlockDuration.allCases.map { .block($0) } + [.typing, .cancel, .confirm]

  // MARK: Messages

  /// One message for each server. `id` gives new IDs.
  func disconnects(isDryRun: Bool, id: () -> String) -> [(server: Int, message: Disconnect)] {
    servers.map { server in
      let ids = targets.filter { $0.server == server && !$0.isGone }.map(\.id)
      // A last listener may only go when somebody typed for it.
      let minimum = required == nil && !isDryRun ? 1 : 0
      return (
        server,
        Disconnect(
          id: id(), listeners: ids, mode: mode, blockSeconds: block.rawValue, scope: block == .none ? .listener : .agent,
          minimumRemaining: minimum, isDryRun: isDryRun)
      )
    }
  }

  /// Takes the answer to a dry run; false when it is none of its own.
  mutating func takeCount(_ result: ActionResult) -> Bool {
    guard dryRuns.remove(result.id) != nil else { return false }
    if let error = result.error {
      count = .unknown(error)
      return true
    }
    var matched = max(0, result.matched ?? result.results.count(where: \.ok))
    var left = result.results.compactMap(\.remaining).min()
    if case .counted(let before, let leftBefore) = count {
      matched = matched.addingReportingOverflow(before).partialValue
      left = [left, leftBefore].compactMap { $0 }.min()
    }
    for result in result.results where !result.ok && result.error == "not-found" {
      for index in targets.indices where targets[index].id == result.listener { targets[index].isGone = true }
    }
    count = .counted(matched: matched, left: left)
    return true
  }

  mutating func takeFailure(of id: String, _ text: String) -> Bool {
    guard dryRuns.remove(id) != nil else { return false }
    count = .unknown(text)
    return true
  }

  /// A server that does not count in time is not waited for: what is not known asks for typing.
  mutating func expire(at now: Duration) {
    guard case .waiting(let since) = count, now - since > .seconds(3) else { return }
    dryRuns = []
    count = .unknown("the server did not say")
  }

  /// Takes the answer to what was confirmed; false when it is none of its own.
  mutating func take(id: String, results lines: [ActionLine]) -> Bool {
    guard case .waiting(var ids) = phase, ids.remove(id) != nil else { return false }
    results += lines
    phase = ids.isEmpty ? .finished : .waiting(ids)
    return true
  }
}

extension ActionDialog.Target {
  init(_ key: RowKey, _ row: ListenerRow) {
    self.init(
      server: key.server, id: row.id, endpoint: row.endpointKey, agent: row.agent, identity: row.identity,
      remoteAddress: row.remoteAddress, inFlight: row.inFlight)
  }
}
