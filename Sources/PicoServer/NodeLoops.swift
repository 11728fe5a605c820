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

  func drain() async {
    await drainConnections()
  }

  func drainConnections() async {
    _ = await gather { context in
      let now = context.resources.now()
      for connection in Array(context.connections.values) { connection.drain(now: now) }
      for connection in Array(context.http2Connections.values) { connection.drain(now: now) }
    }
  }

  /// Ends everything that is left: upgraded connections before their tunnels, which would reset them, and tunnels as their peers understand it.
  func closeAll() async {
    _ = await gather { context in
      for connection in Array(context.connections.values) { connection.leaveUpgraded() }
      for connection in Array(context.rawConnections.values) { connection.leave() }
    }
    _ = await gather { context in
      for session in Array(context.tunnels.values) { session.close() }
      for connection in Array(context.connections.values) { connection.context?.close(promise: nil) }
      for connection in Array(context.http2Connections.values) { connection.close() }
    }
  }
}
