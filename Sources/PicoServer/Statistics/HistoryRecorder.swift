internal import NIOCore
internal import PicoCore
internal import PicoStatus
internal import PicoTunnel
internal import Synchronization

/// Takes the traffic of each second from the loops into a ``TrafficHistory``, whether somebody looks or not. A second without traffic costs
/// one look at a number.
actor HistoryRecorder {
  private static let second: UInt64 = 1_000_000_000
  /// How long after the end of a second it is read: what was counted for it on a loop is there.
  private static let delay: UInt64 = 50_000_000

  private let node: Node
  private let loops: NodeLoops
  private var history: TrafficHistory
  /// The first second that was not read.
  private var next: UInt64
  private var task: Task<Void, Never>?

  init(node: Node, loops: NodeLoops) {
    self.node = node
    self.loops = loops
    next = NIODeadline.now().uptimeNanoseconds / Self.second
    history = TrafficHistory(start: next)
  }

  func start() {
    task = Task { [weak self] in
      while !Task.isCancelled {
        let now = NIODeadline.now().uptimeNanoseconds
        let due = ((now - Self.delay) / Self.second + 1) * Self.second + Self.delay
        guard (try? await Task.sleep(for: .nanoseconds(Int64(due - now)))) != nil else { return }
        await self?.record()
      }
    }
  }

  func stop() { task?.cancel() }

  /// Reads the seconds that ended since the last time, of which the loops still have two.
  private func record() async {
    let current = NIODeadline.now().uptimeNanoseconds / Self.second
    let first = max(next, current - 2)
    next = current
    guard first < current, node.activeCells.load(ordering: .relaxed) > 0 else { return }
    let shares = await loops.gather { context in
      var share: [UInt64: [EndpointID: TrafficSlice]] = [:]
      // What went to another node is in that one's history.
      for listener in context.statistics.active where listener.remote == nil {
        guard let cell = listener.existingCell(context.resources) else { continue }
        for epoch in first..<current {
          if let slice = cell.slice(epoch: epoch) { share[epoch, default: [:]][listener.endpoint, default: TrafficSlice()].add(slice) }
        }
      }
      context.unlistIdle(now: context.resources.now())
      return share
    }
    for epoch in first..<current {
      var slices: [EndpointID: TrafficSlice] = [:]
      for share in shares {
        for (endpoint, slice) in share[epoch] ?? [:] { slices[endpoint, default: TrafficSlice()].add(slice) }
      }
      history.record(epoch: epoch, slices)
    }
  }

  /// `since` nil for all; an endpoint that had no traffic has points of zeros.
  func history(of name: String?, _ scope: TenantScope, since: Timestamp?) -> History {
    let now = NIODeadline.now().uptimeNanoseconds
    let wall = Timestamp.now()
    // Steady seconds as times of day, by the clock as it is now.
    let begin = wall.milliseconds - Int64(now / 1_000_000)
    let sinceEpoch = since.map { max(0, $0.milliseconds - begin) / 1000 }.map(UInt64.init)
    let subject = name.map { TrafficHistory.Subject.endpoint(scope.endpoint($0)) } ?? .all(scope)
    let series = history.series(of: subject, epoch: min(next, now / Self.second), since: sinceEpoch) { epoch in
      Timestamp(milliseconds: begin + Int64(epoch) * 1000)
    }
    return History(endpoint: name, now: wall, series: series)
  }
}
