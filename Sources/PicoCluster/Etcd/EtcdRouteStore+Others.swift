internal import EtcdClient
internal import Logging
package import PicoCore
internal import Synchronization

/// What the other nodes say.
extension EtcdRouteStore {
  /// Reads everything and then listens, again and again.
  func read() async {
    while !Task.isCancelled {
      do throws(EtcdError) {
        try await claim()
        let header = try await readAll()
        try await listen(after: header)
      } catch {
        switch error.code {
        case .compacted, .historyChanged:
          log.info("the cluster's routes are read again", metadata: ["why": "\(error)"])
        default:
          note("the routes were not read", error)
          try? await Task.sleep(for: error.code == .configuration ? .seconds(5) : .milliseconds(200))
        }
      }
    }
  }

  private func readAll() async throws(EtcdError) -> EtcdHeader {
    var hasBegun = false
    let header = try await client.pages(of: keys.all) { page, header in
      take { state in
        if !hasBegun { state.mirror.beginReading(header, now: .now) }
        return state.mirror.found(page, now: .now)
      }
      hasBegun = true
    }
    let counts = take { state in
      let (outcome, own) = state.mirror.endReading(now: .now, isAlive: state.isAlive)
      state.own.read(own, revision: header.revision, now: .now)
      state.hasReadAll = true
      state.lastProof = .now
      return outcome
    }
    log.info("the cluster's routes were read", metadata: ["keys": "\(counts)", "revision": "\(header.revision)"])
    writeBell.ring()
    return header
  }

  /// Until the watch ends, or all is to be read again.
  private func listen(after header: EtcdHeader) async throws(EtcdError) {
    let result = await withTaskGroup(of: Result<Void, EtcdError>.self) { group in
      group.addTask { [self] in
        do throws(EtcdError) {
          try await client.watch(keys.all, after: header) { self.observe($0) }
          return .success(())
        } catch {
          return .failure(error)
        }
      }
      group.addTask { [readBell] in
        await readBell.wait()
        return .success(())
      }
      defer { group.cancelAll() }
      return await group.next() ?? .success(())
    }
    try result.get()
  }

  private func observe(_ update: EtcdClient.WatchUpdate) {
    switch update {
    case .opened, .alive:
      take { state in
        state.lastProof = .now
        state.fault = nil
        return state.mirror.sweepFormer(now: .now, isAlive: state.isAlive)
      }
    case .interrupted(let error): note("the watch was interrupted", error)
    case .events(let events):
      take { state in
        let outcome = state.mirror.apply(events, now: .now)
        for gone in outcome.ownGone { state.own.gone(gone.key, revision: gone.revision, now: .now) }
        // All of a node's keys go with its lease: if ours did, the lease is told to be asked for at once.
        if outcome.ownGone.contains(where: { $0.key == .record }) { state.lease.doubt(now: .now) }
        state.lastProof = .now
        return outcome
      }
    }
  }

  /// Changes the state and hands on what that changed, in one order for all.
  @discardableResult
  private func take(_ body: (inout State) -> RouteMirror.Outcome) -> Int {
    let (outcome, count) = state.withLock { state in
      let outcome = body(&state)
      for case .route(let route, _, let listeners) in outcome.changes where listeners > 0 { state.limits.appeared(route) }
      changes.post(outcome.changes)
      return (outcome, state.mirror.count)
    }
    if !outcome.ownGone.isEmpty {
      leaseBell.ring()
      writeBell.ring()
    }
    if outcome.unreadable > 0 {
      log.warning("keys of the cluster's store could not be read", metadata: ["count": "\(outcome.unreadable)"])
    }
    return count
  }

  package static let lookUpTime = Duration.milliseconds(50)

  package func lookUp(_ route: EndpointID) async -> RouteLookup {
    let decision = state.withLock { state in
      let decision = state.limits.decide(route, now: .now)
      if decision == .read { state.lookups[route] = [] }
      return decision
    }
    switch decision {
    case .missing: return .missing
    case .limited: return .limited
    case .join:
      return await withCheckedContinuation { continuation in
        let isUnderWay = state.withLock { state in
          guard state.lookups[route] != nil else { return false }
          state.lookups[route]?.append(continuation)
          return true
        }
        // It ended in between.
        if !isUnderWay { continuation.resume(returning: .unanswered) }
      }
    case .read:
      let answer = await readOne(route)
      let waiting = state.withLock { state in
        state.limits.finished(route, isMissing: answer == .missing, now: .now)
        return state.lookups.removeValue(forKey: route) ?? []
      }
      for continuation in waiting { continuation.resume(returning: answer) }
      return answer
    }
  }

  private func readOne(_ route: EndpointID) async -> RouteLookup {
    do throws(EtcdError) {
      let pairs = try await client.get(.prefix(keys.routes(route)), within: Self.lookUpTime).pairs
      take { $0.mirror.found(pairs, now: .now) }
      var found: [NodeID: Int] = [:]
      for pair in pairs {
        guard case .route(_, let other) = keys.name(pair.key), other != node, let count = ListenerCount.read(pair.value) else { continue }
        found[other] = count
      }
      return found.isEmpty ? .missing : .found(found)
    } catch {
      return .unanswered
    }
  }
}
