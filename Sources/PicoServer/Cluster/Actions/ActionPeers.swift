internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoStatus
internal import PicoTunnel
internal import Synchronization

/// The other nodes, as far as one action is concerned. Who does not answer in time is asked nothing more of it, and named in its result.
struct ActionPeers: Sendable {
  static let patience = Duration.seconds(2)
  /// Until whoever decides before this action has decided.
  static let turnPatience = Duration.seconds(10)

  private let actions: ListenerActions
  /// All that are in the cluster, also those that cannot be reached.
  let all: [RemoteNode]
  private var silentIDs: Set<NodeID> = []

  init(_ actions: ListenerActions) {
    self.actions = actions
    all = actions.node.membership?.peers.values.map(\.node) ?? []
  }

  /// Those that did not answer.
  var silent: [String] { silentIDs.sorted().map(\.text) }

  /// Asks all at once, each its own question; nil for none. What they answered, in the order of their IDs.
  mutating func ask(
    within patience: Duration = Self.patience, _ question: (NodeID) -> ActionQuestion?
  ) async -> [(node: NodeID, answer: ActionAnswer)] {
    let asked = all.filter { !silentIDs.contains($0.id) }.compactMap { peer in question(peer.id).map { (peer, $0) } }
    let (now, loops) = (actions.now, actions.loops)
    let answers = await withTaskGroup(of: (NodeID, ActionAnswer?).self) { group in
      for (peer, question) in asked {
        let message = question.json(now: now)
        group.addTask {
          guard peer.isReachable, let json = await Inquiry.ask(peer, .actions, message, on: loops, within: patience) else {
            return (peer.id, nil)
          }
          return (peer.id, try? ActionAnswer(json: json))
        }
      }
      return await group.reduce(into: [NodeID: ActionAnswer?]()) { $0[$1.0] = $1.1 }
    }
    silentIDs.formUnion(answers.filter { $0.value == nil }.keys)
    return answers.compactMap { node, answer in answer.map { (node: node, answer: $0) } }.sorted { $0.node < $1.node }
  }

  // MARK: Whose turn it is

  /// Waits until this node may decide for all: the one with the lowest ID, of those that can be reached, keeps the turn. Nil, and that one is
  /// among the silent ones, when it cannot be had.
  mutating func takeTurn() async -> Turn? {
    let end = ContinuousClock.now + Self.turnPatience
    while true {
      let keeper = all.filter { $0.isReachable }.min { $0.id < $1.id }
      guard let keeper, keeper.id < actions.node.id else { return await Turn.take(actions.turns, within: end - .now) }
      if let turn = await Turn.take(of: keeper, on: actions.loops, within: end - .now) { return turn }
      guard ContinuousClock.now < end else {
        silentIDs.insert(keeper.id)
        return nil
      }
      // Its link was lost; the next look finds another one.
      try? await Task.sleep(for: .milliseconds(50))
    }
  }
}

/// The right to decide, until it is given back.
final class Turn: Sendable {
  private let end: @Sendable () -> Void

  private init(_ end: @escaping @Sendable () -> Void) { self.end = end }

  func giveBack() { end() }

  /// Of this node.
  static func take(_ turns: ActionTurn, within time: Duration) async -> Turn? {
    let granted = Grant()
    let ticket = turns.ask { granted.resolve(true) }
    let timer = Task {
      try? await Task.sleep(for: time)
      granted.resolve(false)
    }
    defer { timer.cancel() }
    guard await granted.value else {
      turns.giveBack(ticket)
      return nil
    }
    return Turn { turns.giveBack(ticket) }
  }

  /// Of another node, for as long as a conversation with it lasts.
  static func take(of keeper: RemoteNode, on loops: NodeLoops, within time: Duration) async -> Turn? {
    guard let loop = await loops.first(linkedTo: keeper) else { return nil }
    let granted = Grant()
    let asking = try? await loop.eventLoop.submit {
      let asking = TurnAsking(keeper, granted, on: loop.context, within: time)
      asking.begin()
      return NIOLoopBound(asking, eventLoop: loop.eventLoop)
    }.get()
    guard let asking, await granted.value else { return nil }
    return Turn { loop.eventLoop.execute { asking.value.leave() } }
  }
}

/// Whether a turn was granted, once that is known.
final class Grant: Sendable {
  private struct State {
    var value: Bool?
    var waiting: CheckedContinuation<Bool, Never>?
  }

  private let state = Locked(State())

  /// The first word counts.
  func resolve(_ value: Bool) {
    state.withLock { state -> CheckedContinuation<Bool, Never>? in
      guard state.value == nil else { return nil }
      state.value = value
      return state.waiting.take()
    }?.resume(returning: value)
  }

  var value: Bool {
    get async {
      await withCheckedContinuation { continuation in
        let known = state.withLock { state in
          if state.value == nil { state.waiting = continuation }
          return state.value
        }
        if let known { continuation.resume(returning: known) }
      }
    }
  }
}

/// Waits for the turn of another node. Confined to the link's loop.
private final class TurnAsking: ConversationDelegate, Sweepable {
  private let keeper: RemoteNode
  private let granted: Grant
  private let loop: LoopContext
  private let end: UInt64
  private var conversation: Conversation?

  init(_ keeper: RemoteNode, _ granted: Grant, on loop: LoopContext, within time: Duration) {
    self.keeper = keeper
    self.granted = granted
    self.loop = loop
    end = loop.resources.now() &+ UInt64(clamping: time.inNanoseconds)
  }

  func begin() {
    conversation = Conversation.begin(.actions, with: keeper, on: loop, self)
    guard let conversation else { return granted.resolve(false) }
    conversation.say(ActionQuestion.turn.json(now: 0))
    loop.resources.startSweeping(self)
  }

  /// A node that hangs is given up before its link is.
  func sweep(now: UInt64) { if !keeper.isReachable || now >= end { giveUp() } }

  private func giveUp() {
    granted.resolve(false)
    leave()
  }

  /// Gives the turn back, or the place in the queue.
  func leave() {
    loop.resources.stopSweeping(self)
    conversation.take()?.end()
  }

  func conversation(_ conversation: Conversation, didReceive message: ByteBuffer) {
    loop.resources.stopSweeping(self)
    granted.resolve(true)
  }

  func conversationDidEnd(_ conversation: Conversation) {
    self.conversation = nil
    giveUp()
  }

  func conversationDidBecomeWritable(_ conversation: Conversation) {}
}
