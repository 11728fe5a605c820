internal import NIOCore
internal import PicoCore
internal import PicoStatus
internal import PicoTunnel

/// Asks each loop of the node once for its share of what is shown.
struct StatusCollector: Sendable {
  /// What the loops answered.
  struct Collection: Sendable {
    struct Report: Sendable {
      var listener: ListenerID
      var traffic: TrafficReport
    }

    var totals = NodeTotals()
    /// By loop.
    var reports: [[Report]] = []
  }

  /// Listeners that a loop looks at in one go, so that it is not kept from its work.
  private static let batch = 1000

  let node: Node
  let loops: NodeLoops

  /// The traffic of listeners that had any lately.
  func active() async -> Collection {
    merge(
      await loops.gather { context in
        let now = context.resources.now()
        var share = Self.share(of: context)
        share.reports = [Self.reports(of: context.statistics.active, context, now)]
        return share
      })
  }

  /// The traffic of all these listeners since they came.
  func all(_ listeners: [Listener]) async -> Collection {
    var collection = merge(await loops.gather { Self.share(of: $0) })
    for start in stride(from: 0, to: listeners.count, by: Self.batch) {
      let batch = ContiguousArray(listeners[start..<min(start + Self.batch, listeners.count)])
      let reports = await loops.gather { context in Self.reports(of: batch, context, context.resources.now()) }
      for (loop, reports) in reports.enumerated() where loop < collection.reports.count { collection.reports[loop] += reports }
    }
    return collection
  }

  private static func share(of context: LoopContext) -> Collection {
    var share = Collection(reports: [[]])
    context.statistics.add(to: &share.totals)
    return share
  }

  private static func reports(of listeners: ContiguousArray<Listener>, _ context: LoopContext, _ now: UInt64) -> [Collection.Report] {
    listeners.compactMap { listener in
      listener.existingCell(context.resources).map { Collection.Report(listener: listener.id, traffic: $0.report(now: now)) }
    }
  }

  private func merge(_ shares: [Collection]) -> Collection {
    var collection = Collection()
    for share in shares {
      collection.totals.add(share.totals)
      collection.reports += share.reports
    }
    return collection
  }
}
