internal import NIOCore
internal import PicoCore
internal import PicoTunnel
internal import Synchronization

/// The loops of a node, and what is asked of all of them.
struct NodeLoops: Sendable {
  /// One loop with its context. Unchecked, as the context is handed out to its own loop alone.
  struct Loop: @unchecked Sendable {
    let eventLoop: any EventLoop
    private let confined: LoopContext

    fileprivate init(_ context: LoopContext) {
      eventLoop = context.resources.eventLoop
      confined = context
    }

    /// Only for callers on the loop.
    var context: LoopContext {
      eventLoop.preconditionInEventLoop()
      return confined
    }
  }

  let loops: [Loop]
  let node: Node

  init(resources: [LoopResources], node: Node, limits: ProxyLimits) {
    self.node = node
    let contexts = resources.map { LoopContext(resources: $0, node: node, limits: limits) }
    loops = contexts.map { Loop($0) }
    // Nothing runs on the loops yet.
    for context in contexts { context.neighbours = loops }
  }

  /// The context of the loop that the caller is on.
  func context(on eventLoop: any EventLoop) -> LoopContext? {
    loops.first { $0.eventLoop === eventLoop }?.context
  }

  /// Runs on each loop and gathers the answers, in the order of the loops.
  func gather<T: Sendable>(_ body: @escaping @Sendable (LoopContext) -> T) async -> [T] {
    var answers: [T] = []
    for loop in loops {
      if let answer = try? await loop.eventLoop.submit({ body(loop.context) }).get() { answers.append(answer) }
    }
    return answers
  }

  /// From now on these hold.
  func apply(_ limits: ProxyLimits, _ access: PortAccess) async {
    node.maxConnections.store(limits.maxConnections, ordering: .relaxed)
    node.maxBuffered.store(limits.maxBuffered, ordering: .relaxed)
    let isNew = node.access.withLock { old in
      defer { old = access }
      return old != access
    }
    _ = await gather { context in
      context.limits = limits
      guard isNew else { return }
      context.access = access
      context.closeRefused()
    }
  }

  func inFlight() async -> Int { await gather { $0.statistics.inFlight }.reduce(0, +) }

  /// Connections that may have their first request on its way.
  func newcomers() async -> Int { await gather { $0.connections.values.count { $0.isNewcomer } }.reduce(0, +) }

  /// Plain yamux peers that have not taken everything that was written for them.
  func owingTunnels() async -> Int { await gather { $0.tunnels.values.count { $0.isOwing } }.reduce(0, +) }

  /// Clients of HTTP/2 are told that nothing new is to come on their connections; those of HTTP/1 are told with each response.
  func sayFarewell() async {
    _ = await gather { context in
      let now = context.resources.now()
      for connection in Array(context.http2Connections.values) { connection.drain(now: now) }
    }
  }

  /// Closes connections of HTTP/1 that wait for a request, under which that would be lost if it came now.
  func closeIdle() async {
    _ = await gather { context in
      let now = context.resources.now()
      for connection in Array(context.connections.values) { connection.closeIfIdle(now: now) }
    }
  }

  // MARK: Links of other nodes

  /// They are to send no hops any more.
  func leaveLinks() async {
    _ = await gather { context in for link in context.links.values { link.leave() } }
  }

  /// They are asked for an answer, behind all that was written for them.
  func askLinks() async {
    _ = await gather { context in for link in context.links.values { link.ask() } }
  }

  /// Those that have not answered.
  func silentLinks() async -> Int { await gather { $0.links.values.count { !$0.hasAnswered } }.reduce(0, +) }

  /// Ends everything that is left: upgraded connections before their tunnels, which would reset them, and tunnels as their peers understand it.
  func closeAll() async {
    _ = await gather { context in
      for connection in Array(context.connections.values) { connection.leaveUpgraded() }
      for connection in Array(context.rawConnections.values) { connection.leave() }
    }
    _ = await gather { context in
      for session in Array(context.tunnels.values) { session.close() }
      for link in Array(context.links.values) { link.close() }
      for connection in Array(context.connections.values) { connection.context?.close(promise: nil) }
      for connection in Array(context.http2Connections.values) { connection.close() }
    }
  }
}
