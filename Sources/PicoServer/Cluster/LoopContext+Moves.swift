internal import PicoTunnel

/// How far a loop's agents have moved.
struct MoveProgress: Sendable {
  /// Listeners that are still here.
  var left = 0
  /// Requests that listeners of this node were given lately: a number to compare.
  var served: UInt64 = 0
}

extension LoopContext {
  /// The node ends: asks the next tenth of the agents, and some at least, to open a tunnel elsewhere, and takes the next step with plain yamux
  /// peers.
  /// - Parameter milliseconds: within which agents are to come elsewhere.
  func moveTunnels(within milliseconds: Int) -> MoveProgress {
    let now = resources.now()
    let sessions = Array(tunnels.values)
    var slice = max(20, sessions.count / 10)
    var progress = MoveProgress()
    for session in sessions {
      if !session.listener.isPico {
        progress.left += 1
        if session.isTakingLeave || slice > 0 {
          slice -= session.isTakingLeave ? 0 : 1
          session.takeLeave(now: now)
        }
      } else if session.listener.state != .draining {
        progress.left += 1
        guard slice > 0, !session.isToldOfEnd else { continue }
        slice -= 1
        session.isToldOfEnd = true
        session.askToMove(within: milliseconds, now: now)
      }
    }
    for listener in statistics.active where listener.remote == nil {
      progress.served &+= listener.existingCell(resources)?.totals.requests ?? 0
    }
    return progress
  }

  /// No other node takes listeners any more: those of plain yamux peers that are not gone yet serve as before.
  func keepTunnels() {
    for session in tunnels.values { session.stay() }
  }

  /// Asks some agents to move because the node has more than its share: those that did not come a moment ago, nor were asked of late. How many
  /// those were.
  func moveSurplus(_ count: Int) -> Int {
    let now = resources.now()
    var left = count
    for session in tunnels.values {
      guard left > 0 else { break }
      guard session.mayBeAsked(now: now) else { continue }
      session.askToMove(within: 1000, now: now)
      left -= 1
    }
    return count - left
  }
}

extension ListenerSession {
  private static let shortestStay: UInt64 = 10_000_000_000
  private static let betweenAsking: UInt64 = 60_000_000_000

  func mayBeAsked(now: UInt64) -> Bool {
    listener.isPico && listener.state != .draining && now &- begunAt >= Self.shortestStay
      && (askedAt == 0 || now &- askedAt >= Self.betweenAsking)
  }

  /// Asks the agent to open a tunnel elsewhere and then leave this one.
  func askToMove(within milliseconds: Int, now: UInt64) {
    askedAt = now
    hold = nil
    tunnel?.send(.drain(reconnectAfterMilliseconds: milliseconds))
  }

  /// The next step with a plain yamux peer of a node that ends.
  func takeLeave(now: UInt64) {
    let routes = loop.node.routes.routes(of: listener.endpoint)
    var farewell = farewell ?? PlainFarewell()
    let action = farewell.step(isOnly: routes?.isOnly(listener) ?? true, isIdle: isIdle, now: now)
    self.farewell = farewell
    switch action {
    case .none: break
    case .withdraw:
      // From here on requests for an endpoint that has nobody else wait for it to be back.
      loop.node.membership?.expect(listener.endpoint)
      withdraw()
    case .comeBack: comeBack()
    case .end: close()
    }
  }

  func stay() {
    if farewell?.giveUp() == true { comeBack() }
  }

  private func comeBack() {
    listener.state = .active
    loop.node.routes.add(listener)
    loop.node.registry.note(listener)
  }
}
